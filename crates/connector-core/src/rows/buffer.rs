//! Rows on their way: encoded one after another, in memory.

use std::ops::Range;
use std::sync::Arc;

use super::encode::CsvField;
use super::form::Form;
use super::key::{ANSWER, NotUnique, replaces};
use crate::slice::SliceError;
use crate::table::Value;

/// Rows of one table of one slice, encoded.
#[derive(Debug)]
pub struct RowBuffer {
    form: Arc<Form>,
    /// What every row begins with.
    front: Arc<[u8]>,
    /// Rows one after another.
    pub(super) text: Vec<u8>,
    /// Keys one after another, where rows are sorted.
    keys: String,
    /// The rows' places in both, where they are sorted.
    places: Vec<Place>,
    /// How many rows.
    pub(super) count: u64,
    /// The number of the answer that the next rows are of.
    pub(super) answer: u32,
}

/// Where a row is, and its key.
#[derive(Debug)]
struct Place {
    key: Range<usize>,
    text: Range<usize>,
}

/// A row that is being made.
pub struct Row<'a> {
    form: &'a Form,
    text: &'a mut Vec<u8>,
    key: &'a mut String,
    cells: usize,
    /// Why the row cannot be.
    unfit: Option<String>,
}

impl Row<'_> {
    /// The next cell.
    pub fn cell(&mut self, value: &Value<'_>) {
        self.form.encoder.cell(self.text, self.cells, value);
        if self.form.sorted || self.form.encoder.is_typed() {
            self.look_at(value);
        }
        self.cells += 1;
    }

    /// The next cell of a table without a key, where it comes from CSV.
    #[inline]
    pub fn csv_field(&mut self, field: CsvField<'_>) {
        if self.form.sorted || self.form.encoder.is_typed() {
            return self.cell(&field.value());
        }
        self.form.encoder.csv_field(self.text, self.cells, field);
        self.cells += 1;
    }

    fn look_at(&mut self, value: &Value<'_>) {
        let Some(column) = self.form.columns.get(self.cells) else {
            return;
        };
        if let Err(why) = self.form.encoder.check(column.kind, value) {
            let why = format!("column {} cannot be written without loss: {why}", column.name);
            self.unfit.get_or_insert(why);
        }
        if self.form.sorted && column.key {
            if *value == Value::Null {
                let why = format!(
                    "the answer has no {}, which tells the rows apart: it cannot be read",
                    column.name
                );
                self.unfit.get_or_insert(why);
            }
            add_to_key(self.key, value);
        }
    }
}

impl RowBuffer {
    pub(super) fn new(form: Arc<Form>, leading: &[Option<String>]) -> Self {
        let front = form.encoder.front(leading).into();
        RowBuffer::of(form, front, Vec::new())
    }

    fn of(form: Arc<Form>, front: Arc<[u8]>, text: Vec<u8>) -> Self {
        RowBuffer {
            form,
            front,
            text,
            keys: String::new(),
            places: Vec::new(),
            count: 0,
            answer: 0,
        }
    }

    /// An empty one for more rows of the same table. The room that this one has goes to it, where there is nothing in it.
    pub(super) fn another(&mut self) -> Self {
        let room = if self.text.is_empty() {
            std::mem::take(&mut self.text)
        } else {
            Vec::new()
        };
        RowBuffer {
            answer: self.answer,
            ..RowBuffer::of(Arc::clone(&self.form), Arc::clone(&self.front), room)
        }
    }

    pub(super) fn form(&self) -> &Arc<Form> {
        &self.form
    }

    /// Adds a row, made by `fill`, cell by cell.
    ///
    /// # Errors
    /// What `fill` says; the row is not there then.
    pub fn push(&mut self, fill: impl FnOnce(&mut Row<'_>) -> Result<(), SliceError>) -> Result<(), SliceError> {
        let (start, key) = (self.text.len(), self.keys.len());
        self.text.extend_from_slice(&self.front);
        let mut row = Row {
            form: &self.form,
            text: &mut self.text,
            key: &mut self.keys,
            cells: 0,
            unfit: None,
        };
        let filled = fill(&mut row);
        let (cells, unfit) = (row.cells, row.unfit);
        let fits = unfit.map_or(Ok(()), |why| Err(SliceError::Local(why)));
        let whole = filled.and(fits).and_then(|()| {
            let expected = self.form.columns.len();
            (cells == expected).then_some(()).ok_or_else(|| {
                SliceError::Local(format!(
                    "a row has {cells} cells where the table has {expected} columns"
                ))
            })
        });
        if let Err(error) = whole {
            self.text.truncate(start);
            self.keys.truncate(key);
            return Err(error);
        }
        self.form.encoder.end(&mut self.text, start);
        self.count += 1;
        if self.form.sorted {
            self.keys.push_str(&format!("{:0ANSWER$x}", self.answer));
            self.places.push(Place {
                key: key..self.keys.len(),
                text: start..self.text.len(),
            });
        }
        Ok(())
    }

    /// Adds rows of the same table.
    pub(super) fn append(&mut self, more: RowBuffer) {
        if self.count == 0 {
            let answer = self.answer;
            *self = RowBuffer { answer, ..more };
            return;
        }
        let (text, key) = (self.text.len(), self.keys.len());
        self.text.extend_from_slice(&more.text);
        self.keys.push_str(&more.keys);
        let behind = |range: &Range<usize>, by| range.start + by..range.end + by;
        self.places.extend(more.places.iter().map(|place| Place {
            key: behind(&place.key, key),
            text: behind(&place.text, text),
        }));
        self.count += more.count;
    }

    /// Sorts the rows by their keys. Of rows with the same key, the one of the last answer stays. Says how many rows were
    /// replaced.
    ///
    /// # Errors
    /// Rows of one answer with the same key.
    pub(super) fn sort(&mut self) -> Result<u64, NotUnique> {
        let key = |place: &Place| &self.keys.as_bytes()[place.key.clone()];
        self.places.sort_by(|a, b| key(a).cmp(key(b)));
        let mut kept: Vec<Place> = Vec::with_capacity(self.places.len());
        for place in std::mem::take(&mut self.places) {
            match kept.last_mut() {
                Some(last) if replaces(key(&place), key(last))? => *last = place,
                _ => kept.push(place),
            }
        }
        let replaced = self.count - kept.len() as u64;
        self.count = kept.len() as u64;
        self.places = kept;
        Ok(replaced)
    }

    /// Sorted rows, in their order, with their keys.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (&str, &[u8])> + Clone {
        let row = |place: &Place| (&self.keys[place.key.clone()], &self.text[place.text.clone()]);
        self.places.iter().map(row)
    }
}

fn add_to_key(key: &mut String, value: &Value<'_>) {
    match value {
        Value::Text(text) => key.push_str(text),
        Value::Integer(number) => key.push_str(&format!("{:020}", i128::from(*number) - i128::from(i64::MIN))),
        other => key.push_str(&format!("{other:?}")),
    }
    key.push('\0');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rows::{Format, Formulas};
    use crate::table::{Heading, Kind};

    fn buffer(key: bool) -> RowBuffer {
        let mut columns = vec![Heading::new("a", Kind::Text), Heading::new("b", Kind::Integer)];
        columns[0].key = key;
        let form = Form::new(Format::Csv, Formulas::Kept, &[], columns);
        RowBuffer::new(Arc::new(form), &[])
    }

    fn push(buffer: &mut RowBuffer, key: &str, number: i64) {
        let fill = |row: &mut Row<'_>| {
            row.cell(&Value::Text(key.into()));
            row.cell(&Value::Integer(number));
            Ok(())
        };
        buffer.push(fill).unwrap();
    }

    #[test]
    fn what_is_appended_is_as_if_it_had_been_pushed() {
        for key in [true, false] {
            for cut in 0..=4 {
                let (mut whole, mut first) = (buffer(key), buffer(key));
                let mut second = first.another();
                for (number, letter) in ["c", "a", "b", "a"].into_iter().enumerate() {
                    for rows in [&mut whole, &mut first, &mut second] {
                        rows.answer = u32::try_from(number).unwrap();
                    }
                    let value = i64::try_from(number).unwrap();
                    push(&mut whole, letter, value);
                    push(if number < cut { &mut first } else { &mut second }, letter, value);
                }
                first.append(second);
                assert_eq!((&first.text, first.count), (&whole.text, 4));
                if !key {
                    continue;
                }
                assert_eq!((first.sort(), whole.sort()), (Ok(1), Ok(1)));
                assert!(first.in_order().eq(whole.in_order()));
                let rows: Vec<u8> = first.in_order().flat_map(|(_, row)| row).copied().collect();
                assert_eq!(rows, b"a,3\nb,2\nc,0\n");
            }
        }
    }

    #[test]
    fn a_row_that_cannot_be_leaves_nothing() {
        let mut rows = buffer(true);
        push(&mut rows, "b", 1);
        for cells in [1, 3] {
            let error = rows.push(|row| {
                (0..cells).for_each(|_| row.cell(&Value::Text("a".into())));
                Ok(())
            });
            let told = format!("a row has {cells} cells where the table has 2 columns");
            assert_eq!(error.unwrap_err().to_string(), told);
        }
        let stopped = rows.push(|row| {
            row.cell(&Value::Text("a".into()));
            Err(SliceError::Local("no".to_owned()))
        });
        assert_eq!(stopped.unwrap_err().to_string(), "no");
        let nothing = rows.push(|row| {
            row.cell(&Value::Null);
            row.cell(&Value::Integer(1));
            Ok(())
        });
        let why = "the answer has no a, which tells the rows apart: it cannot be read";
        assert_eq!(nothing.unwrap_err().to_string(), why);
        push(&mut rows, "a", 2);
        assert_eq!(rows.sort(), Ok(0));
        let keys: Vec<_> = rows.in_order().map(|(_, row)| row).collect();
        assert_eq!(keys, [b"a,2\n", b"b,1\n"]);
    }

    #[test]
    fn a_key_that_is_twice_in_one_answer_is_a_defect() {
        let mut rows = buffer(true);
        push(&mut rows, "i-1", 1);
        push(&mut rows, "i-1", 2);
        let why = rows.sort().unwrap_err().to_string();
        assert!(why.contains("the same key, `i-1`") && why.contains("a defect"), "{why}");
        let mut rows = buffer(false);
        push(&mut rows, "i-1", 1);
        push(&mut rows, "i-1", 2);
        assert_eq!(rows.count, 2, "rows without a key are all there");
    }

    #[test]
    fn room_goes_where_rows_are_made() {
        let mut rows = buffer(false);
        rows.text = Vec::with_capacity(1000);
        let mut other = rows.another();
        assert_eq!((rows.text.capacity(), other.text.capacity()), (0, 1000));
        push(&mut other, "a", 1);
        assert_eq!(other.another().text.capacity(), 0);
        rows.append(other);
        assert_eq!(rows.text.capacity(), 1000);
    }
}
