//! Athena's types: read in the spellings of DDL and of queries, written as Trino does, as the catalog does and as the API
//! does. <https://docs.aws.amazon.com/athena/latest/ug/data-types.html>

use std::fmt;

/// A type of a column or of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// The type of `NULL`, and of expressions that the engine cannot judge before it has run them.
    Unknown,
    Boolean,
    Tinyint,
    Smallint,
    Integer,
    Bigint,
    Real,
    Double,
    Decimal(u8, u8),
    /// `None` is without a limit.
    Varchar(Option<u32>),
    Char(u32),
    Varbinary,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    IntervalDay,
    IntervalYear,
    Json,
    Array(Box<Type>),
    Map(Box<Type>, Box<Type>),
    /// Fields of a row may have no name.
    Row(Vec<(Option<String>, Type)>),
    /// Types without values of their own here, as `uuid` and `ipaddress`.
    Other(String),
}

/// Text without a limit.
pub(crate) const TEXT: Type = Type::Varchar(None);

impl Type {
    /// Reads a type as tables and casts spell it: `int`, `decimal(10,2)`, `array<string>`, `row(a integer, b varchar)`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader { rest: text.trim() };
        let found = reader.one()?;
        reader.rest.trim().is_empty().then_some(found)
    }

    /// The name in `ColumnInfo`, which says nothing of what is nested.
    pub(crate) fn api_name(&self) -> String {
        match self {
            Self::Real => "float".to_owned(),
            Self::Decimal(..) => "decimal".to_owned(),
            Self::Varchar(_) => "varchar".to_owned(),
            Self::Char(_) => "char".to_owned(),
            Self::Array(_) => "array".to_owned(),
            Self::Map(..) => "map".to_owned(),
            Self::Row(_) => "row".to_owned(),
            Self::Timestamp => "timestamp".to_owned(),
            Self::TimestampTz => "timestamp with time zone".to_owned(),
            Self::Time => "time".to_owned(),
            Self::TimeTz => "time with time zone".to_owned(),
            other => other.to_string(),
        }
    }

    /// `Precision` and `Scale` in `ColumnInfo`.
    pub(crate) fn api_size(&self) -> (i64, i64) {
        match self {
            Self::Tinyint => (3, 0),
            Self::Smallint => (5, 0),
            Self::Integer => (10, 0),
            Self::Bigint => (19, 0),
            Self::Real | Self::Double => (17, 0),
            Self::Decimal(precision, scale) => (i64::from(*precision), i64::from(*scale)),
            Self::Varchar(None) => (i64::from(i32::MAX), 0),
            Self::Varchar(Some(length)) | Self::Char(length) => (i64::from(*length), 0),
            Self::Varbinary => (1_073_741_824, 0),
            Self::Time | Self::TimeTz | Self::Timestamp | Self::TimestampTz => (3, 0),
            _ => (0, 0),
        }
    }

    /// The name in the catalog, as DESCRIBE shows it.
    pub(crate) fn catalog_name(&self) -> String {
        match self {
            Self::Integer => "int".to_owned(),
            Self::Real => "float".to_owned(),
            Self::Varchar(None) | Self::Json | Self::Unknown => "string".to_owned(),
            Self::Varbinary => "binary".to_owned(),
            Self::Timestamp => "timestamp".to_owned(),
            Self::Array(of) => format!("array<{}>", of.catalog_name()),
            Self::Map(key, value) => format!("map<{},{}>", key.catalog_name(), value.catalog_name()),
            Self::Row(fields) => {
                let named = |(at, (name, of)): (usize, &(Option<String>, Self))| {
                    let name = name.clone().unwrap_or_else(|| format!("field{at}"));
                    format!("{name}:{}", of.catalog_name())
                };
                let fields: Vec<String> = fields.iter().enumerate().map(named).collect();
                format!("struct<{}>", fields.join(","))
            }
            other => other.to_string(),
        }
    }

    /// Whether values of the type are whole numbers.
    pub(crate) fn is_integral(&self) -> bool {
        matches!(self, Self::Tinyint | Self::Smallint | Self::Integer | Self::Bigint)
    }

    /// Whether values of the type are numbers.
    pub(crate) fn is_numeric(&self) -> bool {
        self.is_integral() || matches!(self, Self::Real | Self::Double | Self::Decimal(..))
    }

    /// Whether values of the type are text.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Self::Varchar(_) | Self::Char(_))
    }

    /// Whether values of the type consist of others.
    pub(crate) fn is_nested(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Map(..) | Self::Row(_))
    }
}

/// As Trino writes types: `array(row(a integer, b varchar))`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Boolean => f.write_str("boolean"),
            Self::Tinyint => f.write_str("tinyint"),
            Self::Smallint => f.write_str("smallint"),
            Self::Integer => f.write_str("integer"),
            Self::Bigint => f.write_str("bigint"),
            Self::Real => f.write_str("real"),
            Self::Double => f.write_str("double"),
            Self::Decimal(precision, scale) => write!(f, "decimal({precision},{scale})"),
            Self::Varchar(None) => f.write_str("varchar"),
            Self::Varchar(Some(length)) => write!(f, "varchar({length})"),
            Self::Char(length) => write!(f, "char({length})"),
            Self::Varbinary => f.write_str("varbinary"),
            Self::Date => f.write_str("date"),
            Self::Time => f.write_str("time(3)"),
            Self::TimeTz => f.write_str("time(3) with time zone"),
            Self::Timestamp => f.write_str("timestamp(3)"),
            Self::TimestampTz => f.write_str("timestamp(3) with time zone"),
            Self::IntervalDay => f.write_str("interval day to second"),
            Self::IntervalYear => f.write_str("interval year to month"),
            Self::Json => f.write_str("json"),
            Self::Array(of) => write!(f, "array({of})"),
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
            Self::Row(fields) => {
                f.write_str("row(")?;
                for (at, (name, of)) in fields.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    match name {
                        Some(name) => write!(f, "{comma}{name} {of}")?,
                        None => write!(f, "{comma}{of}")?,
                    }
                }
                f.write_str(")")
            }
            Self::Other(name) => f.write_str(name),
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn word(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        if let Some(quoted) = self.rest.strip_prefix('"')
            && let Some((word, rest)) = quoted.split_once('"')
        {
            self.rest = rest;
            return word;
        }
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn take(&mut self, symbols: &[char]) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(symbols) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn words(&mut self, words: &[&str]) -> bool {
        let before = self.rest;
        let all = words.iter().all(|word| self.word().eq_ignore_ascii_case(word));
        if !all {
            self.rest = before;
        }
        all
    }

    /// Numbers in parentheses.
    fn sizes(&mut self) -> Option<Vec<u32>> {
        if !self.take(&['(']) {
            return Some(Vec::new());
        }
        let mut sizes = Vec::new();
        loop {
            sizes.push(self.word().parse().ok()?);
            if self.take(&[')']) {
                return Some(sizes);
            }
            if !self.take(&[',']) {
                return None;
            }
        }
    }

    fn one(&mut self) -> Option<Type> {
        let word = self.word().to_ascii_lowercase();
        let found = match word.as_str() {
            "boolean" => Type::Boolean,
            "tinyint" => Type::Tinyint,
            "smallint" => Type::Smallint,
            "int" | "integer" => Type::Integer,
            "bigint" | "long" => Type::Bigint,
            "float" | "real" => Type::Real,
            "double" => {
                self.words(&["precision"]);
                Type::Double
            }
            "decimal" | "numeric" => {
                let sizes = self.sizes()?;
                let size = |at: usize, or: u32| u8::try_from(sizes.get(at).copied().unwrap_or(or)).ok();
                Type::Decimal(size(0, 38)?, size(1, 0)?)
            }
            "string" | "text" => TEXT,
            "varchar" => Type::Varchar(self.sizes()?.first().copied()),
            "char" => Type::Char(self.sizes()?.first().copied().unwrap_or(1)),
            "binary" | "varbinary" => Type::Varbinary,
            "date" => Type::Date,
            "time" => self.zoned(Type::Time, Type::TimeTz)?,
            "timestamp" => self.zoned(Type::Timestamp, Type::TimestampTz)?,
            "json" => Type::Json,
            "unknown" => Type::Unknown,
            "interval" => {
                if self.words(&["year", "to", "month"]) {
                    Type::IntervalYear
                } else {
                    self.words(&["day", "to", "second"]).then_some(Type::IntervalDay)?
                }
            }
            "array" => {
                let open = self.take(&['(', '<']);
                let of = open.then(|| self.one()).flatten()?;
                self.take(&[')', '>']).then_some(Type::Array(Box::new(of)))?
            }
            "map" => {
                let open = self.take(&['(', '<']);
                let key = open.then(|| self.one()).flatten()?;
                let value = self.take(&[',']).then(|| self.one()).flatten()?;
                let closed = self.take(&[')', '>']);
                closed.then(|| Type::Map(Box::new(key), Box::new(value)))?
            }
            "row" | "struct" => self.row()?,
            "uuid" | "ipaddress" | "hyperloglog" => Type::Other(word),
            _ => return None,
        };
        Some(found)
    }

    fn zoned(&mut self, plain: Type, zoned: Type) -> Option<Type> {
        self.sizes()?;
        if self.words(&["with", "time", "zone"]) {
            return Some(zoned);
        }
        self.words(&["without", "time", "zone"]);
        Some(plain)
    }

    fn row(&mut self) -> Option<Type> {
        let mut fields = Vec::new();
        if !self.take(&['(', '<']) {
            return None;
        }
        loop {
            // `row(integer, date)` has no names; `row(a integer, date date)` has.
            let before = self.rest;
            let unnamed = self
                .one()
                .filter(|_| self.rest.trim_start().starts_with([',', ')', '>']));
            match unnamed {
                Some(of) => fields.push((None, of)),
                None => {
                    self.rest = before;
                    let name = self.word().to_owned();
                    self.take(&[':']);
                    fields.push((Some(name), self.one()?));
                }
            }
            if self.take(&[')', '>']) {
                return Some(Type::Row(fields));
            }
            if !self.take(&[',']) {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_spelling_of_a_type() {
        let cases = [
            ("int", "integer", "int"),
            ("STRING", "varchar", "string"),
            ("varchar(10)", "varchar(10)", "varchar(10)"),
            ("decimal(10, 2)", "decimal(10,2)", "decimal(10,2)"),
            (
                "timestamp(3) with time zone",
                "timestamp(3) with time zone",
                "timestamp(3) with time zone",
            ),
            (
                "array<struct<a:int,b:array<string>>>",
                "array(row(a integer, b array(varchar)))",
                "array<struct<a:int,b:array<string>>>",
            ),
            (
                "map(varchar, row(integer, x double))",
                "map(varchar, row(integer, x double))",
                "map<string,struct<field0:int,x:double>>",
            ),
            (
                "row(date date, integer)",
                "row(date date, integer)",
                "struct<date:date,field1:int>",
            ),
        ];
        for (text, trino, catalog) in cases {
            let found = Type::parse(text).unwrap();
            assert_eq!(
                (found.to_string().as_str(), found.catalog_name().as_str()),
                (trino, catalog),
                "{text}"
            );
        }
        for wrong in ["", "integerx", "array", "array<int", "decimal(x)", "int int"] {
            assert_eq!(Type::parse(wrong), None, "{wrong}");
        }
    }
}
