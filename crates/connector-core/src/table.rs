//! What a row is made of: columns that are declared once, with their type, meaning and the way to their value.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The type of a column's values. It holds in every row and every format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// A whole number of up to 64 bits.
    Integer,
    /// A double-precision number.
    Number,
    /// A decimal number: digits in all, and digits behind the point.
    Decimal(u8, i8),
    /// `true` or `false`.
    Boolean,
    /// A calendar day, `2001-08-22`.
    Date,
    /// Date and time of day without a zone, `2001-08-22 03:04:05.321`.
    LocalTimestamp,
    /// A point in time, RFC 3339 in UTC.
    Timestamp,
    /// Bytes.
    Binary,
    /// A JSON object or array; JSON text in CSV.
    Nested,
}

impl Kind {
    /// The narrowest type that holds the values of both.
    pub fn widest(self, other: Kind) -> Option<Kind> {
        match (self, other) {
            (Kind::Decimal(p, s), Kind::Decimal(q, t)) => {
                let scale = s.max(t);
                let whole = (i16::from(p) - i16::from(s)).max(i16::from(q) - i16::from(t));
                u8::try_from(whole + i16::from(scale))
                    .ok()
                    .filter(|precision| *precision <= 38)
                    .map(|precision| Kind::Decimal(precision, scale))
            }
            (a, b) => (a == b).then_some(a),
        }
    }

    /// The name in the `schema` verb and the reference pages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Integer => "integer",
            Kind::Number => "number",
            Kind::Decimal(..) => "decimal",
            Kind::Boolean => "boolean",
            Kind::Date => "date",
            Kind::LocalTimestamp => "local timestamp",
            Kind::Timestamp => "timestamp",
            Kind::Binary => "binary",
            Kind::Nested => "nested",
        }
    }
}

/// One cell. Borrows from the record where it can.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Not there: an empty field in CSV, `null` in JSON.
    Null,
    /// Text; an empty one stays distinguishable from NULL. Decimals, dates and local timestamps are given in this form
    /// too.
    Text(Cow<'a, str>),
    /// A number or truth value as its source writes it, which is how JSON writes it: not a digit is changed.
    Literal(&'a str),
    /// A whole number.
    Integer(i64),
    /// A double; NaN and infinities have no JSON form and become `null` there.
    Number(f64),
    /// A truth value.
    Boolean(bool),
    /// Seconds since the Unix epoch and nanoseconds within the second.
    Timestamp(i64, u32),
    /// Bytes, and the text that stands for them in CSV. Base64 in JSON.
    Binary {
        /// For CSV.
        text: Cow<'a, str>,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// JSON text that is already valid.
    Nested(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// Text, or NULL.
    pub fn text(text: Option<&'a str>) -> Self {
        text.map_or(Value::Null, |text| Value::Text(Cow::Borrowed(text)))
    }

    /// A whole number, or NULL.
    pub fn integer(number: Option<impl Into<i64>>) -> Self {
        number.map_or(Value::Null, |number| Value::Integer(number.into()))
    }

    /// A truth value, or NULL.
    pub fn boolean(truth: Option<bool>) -> Self {
        truth.map_or(Value::Null, Value::Boolean)
    }

    /// A list as JSON.
    pub fn list(list: &[impl Serialize]) -> Self {
        match list {
            [] => Value::Nested("[]".into()),
            list => Value::nested(&list),
        }
    }

    /// A nested value as JSON.
    pub fn nested(value: &impl Serialize) -> Self {
        serde_json::to_string(value).map_or(Value::Null, |json| Value::Nested(json.into()))
    }
}

/// A column without the way to its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// The name in the header and as the key of JSON objects.
    pub name: String,
    /// The type of all its values.
    pub kind: Kind,
    /// Whether the column is part of the row's key.
    pub key: bool,
    /// What it means; empty where nobody knows.
    pub meaning: &'static str,
}

impl Heading {
    /// A column of a result.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Heading {
            name: name.into(),
            kind,
            key: false,
            meaning: "",
        }
    }
}

/// One column of a table over records of type `R`.
pub struct Column<R> {
    /// snake_case; stable between versions.
    pub name: &'static str,
    /// The type of all its values.
    pub kind: Kind,
    /// Whether the column is part of the row's key. A key is never NULL.
    pub key: bool,
    /// One sentence for the reader of the `schema` verb.
    pub meaning: &'static str,
    /// Reads the value from the record.
    pub value: for<'a> fn(&'a R) -> Value<'a>,
}

impl<R> Column<R> {
    const fn new(kind: Kind, name: &'static str, meaning: &'static str, value: for<'a> fn(&'a R) -> Value<'a>) -> Self {
        Column {
            name,
            kind,
            key: false,
            meaning,
            value,
        }
    }

    /// A column of [`Kind::Text`].
    pub const fn text(name: &'static str, meaning: &'static str, value: for<'a> fn(&'a R) -> Value<'a>) -> Self {
        Self::new(Kind::Text, name, meaning, value)
    }

    /// A column of [`Kind::Integer`].
    pub const fn integer(name: &'static str, meaning: &'static str, value: for<'a> fn(&'a R) -> Value<'a>) -> Self {
        Self::new(Kind::Integer, name, meaning, value)
    }

    /// A column of [`Kind::Number`].
    pub const fn number(name: &'static str, meaning: &'static str, value: for<'a> fn(&'a R) -> Value<'a>) -> Self {
        Self::new(Kind::Number, name, meaning, value)
    }

    /// A column of [`Kind::Boolean`].
    pub const fn boolean(name: &'static str, meaning: &'static str, value: for<'a> fn(&'a R) -> Value<'a>) -> Self {
        Self::new(Kind::Boolean, name, meaning, value)
    }

    /// A column of [`Kind::Timestamp`].
    pub const fn timestamp(name: &'static str, meaning: &'static str, value: for<'a> fn(&'a R) -> Value<'a>) -> Self {
        Self::new(Kind::Timestamp, name, meaning, value)
    }

    /// A column of [`Kind::Nested`].
    pub const fn nested(name: &'static str, meaning: &'static str, value: for<'a> fn(&'a R) -> Value<'a>) -> Self {
        Self::new(Kind::Nested, name, meaning, value)
    }

    /// The column without the way to its value.
    pub fn heading(&self) -> Heading {
        Heading {
            name: self.name.to_owned(),
            kind: self.kind,
            key: self.key,
            meaning: self.meaning,
        }
    }

    /// Whether it is the column's.
    pub(crate) fn is(&self, heading: &Heading) -> bool {
        let own = (self.name, self.kind, self.key, self.meaning);
        (heading.name.as_str(), heading.kind, heading.key, heading.meaning) == own
    }

    /// Makes the column part of the row's key.
    pub const fn key(mut self) -> Self {
        self.key = true;
        self
    }
}
