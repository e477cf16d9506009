//! A record of a result file: fields that borrow from the bytes that they were read from.

use connector_core::rows::CsvField;

/// Where a field's text is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    /// Nowhere: NULL.
    Null,
    /// From and to these bytes of the record.
    Plain(usize, usize),
    /// From and to these bytes of the record, with quotes still doubled.
    Doubled(usize, usize),
    /// From and to these bytes of the side text.
    Aside(usize, usize),
}

/// One record. It lives as long as the call that hands it out: nothing of it is copied before.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    text: &'a str,
    aside: &'a str,
    fields: &'a [Field],
}

impl<'a> Record<'a> {
    pub(super) fn new(text: &'a str, aside: &'a str, fields: &'a [Field]) -> Self {
        Record { text, aside, fields }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field. No record of a file is.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The field's text; `None` is NULL. There is no field beyond the last: `None` too.
    pub fn field(&self, index: usize) -> Option<&'a str> {
        self.fields.get(index).and_then(|field| self.text_of(*field))
    }

    /// All fields in order; `None` is NULL.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Option<&'a str>> + use<'a> {
        let record = *self;
        record.fields.iter().map(move |field| record.text_of(*field))
    }

    /// All fields in order, as they stand in a CSV file; for records of [`CsvParser::as_written`](super::csv::CsvParser::as_written).
    pub fn as_written(&self) -> impl ExactSizeIterator<Item = CsvField<'a>> + use<'a> {
        let record = *self;
        record.fields.iter().map(move |field| match *field {
            Field::Null => CsvField::Null,
            Field::Plain(from, to) => CsvField::Plain(&record.text[from..to]),
            Field::Doubled(from, to) => CsvField::Doubled(&record.text[from..to]),
            Field::Aside(from, to) => CsvField::Text(&record.aside[from..to]),
        })
    }

    fn text_of(&self, field: Field) -> Option<&'a str> {
        match field {
            Field::Null => None,
            Field::Plain(from, to) | Field::Doubled(from, to) => Some(&self.text[from..to]),
            Field::Aside(from, to) => Some(&self.aside[from..to]),
        }
    }
}
