//! The types of Athena's columns, and a value's text made into a cell.
//!
//! The conventions for JSON are those of Trino's client protocol: integers, finite doubles and booleans are literals, with
//! not a digit changed; decimals, dates and times are strings, and so are NaN and the infinities, for which JSON has no
//! form; binary is base64. Arrays, maps and rows stay text: `[a, b]` may have two elements or one, so what was nested
//! cannot be told from it. Exact nested values come from Parquet parts, or from a cast to JSON in the query.
//!
//! AWS: <https://docs.aws.amazon.com/athena/latest/APIReference/API_ColumnInfo.html>,
//! <https://docs.aws.amazon.com/athena/latest/ug/data-types.html>

use std::borrow::Cow;

use connector_core::table::{Kind, Value};
use serde::de::IgnoredAny;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AthenaType {
    /// `true` or `false`.
    Boolean,
    /// 8 bits.
    TinyInt,
    /// 16 bits.
    SmallInt,
    /// 32 bits; `int` in DDL.
    Integer,
    /// 64 bits.
    BigInt,
    /// Single precision; `float` in DDL and in metadata.
    Real,
    /// Double precision.
    Double,
    /// Digits in all (1 to 38), and behind the point.
    Decimal(u8, u8),
    /// Text of a fixed length, padded with spaces.
    Char,
    /// Text; `string` in DDL.
    Varchar,
    /// A calendar day.
    Date,
    /// A time of day.
    Time,
    /// A time of day with an offset.
    TimeWithTimeZone,
    /// Date and time without a zone.
    Timestamp,
    /// Date and time with a zone's name or offset.
    TimestampWithTimeZone,
    /// Days, hours, minutes, seconds: `2 03:04:05.000`.
    IntervalDayToSecond,
    /// Years and months: `1-2`.
    IntervalYearToMonth,
    /// Bytes.
    Varbinary,
    /// JSON text.
    Json,
    /// `[a, b]`.
    Array,
    /// `{k=v}`.
    Map,
    /// `{a=1, b=x}`; `struct` in DDL.
    Row,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// A UUID.
    Uuid,
    /// What this program has no form for: sketches, geometries, `unknown`, types of connectors.
    Other,
}

/// A value's text that is none of its type. Athena writes none such; another server may.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{excerpt:?} is not a value of type {athena_type}")]
pub struct BadValue {
    /// The column's type.
    pub athena_type: &'static str,
    /// The beginning of the text.
    pub excerpt: String,
}

impl AthenaType {
    /// The type by `Type`, `Precision` and `Scale` of a ColumnInfo. Upper case is accepted, and the form with parameters
    /// (`decimal(10,2)`, `timestamp(6)`, `array(integer)`). A decimal whose precision is unknown is [`AthenaType::Other`]:
    /// its text is right where a scale that was guessed would not be.
    pub fn of(type_name: &str, precision: i32, scale: i32) -> Self {
        let name = type_name.trim().to_ascii_lowercase();
        let (base, parameters, rest) = parts(&name);
        let zoned = rest.ends_with("with time zone");
        match base {
            "boolean" | "bool" => AthenaType::Boolean,
            "tinyint" => AthenaType::TinyInt,
            "smallint" => AthenaType::SmallInt,
            "integer" | "int" => AthenaType::Integer,
            "bigint" => AthenaType::BigInt,
            "real" | "float" => AthenaType::Real,
            "double" => AthenaType::Double,
            "decimal" | "numeric" => decimal(parameters, precision, scale),
            "char" => AthenaType::Char,
            "varchar" | "string" => AthenaType::Varchar,
            "date" => AthenaType::Date,
            "time" if zoned => AthenaType::TimeWithTimeZone,
            "time" => AthenaType::Time,
            "timestamp" if zoned => AthenaType::TimestampWithTimeZone,
            "timestamp" => AthenaType::Timestamp,
            "interval" if rest.ends_with("day to second") => AthenaType::IntervalDayToSecond,
            "interval" if rest.ends_with("year to month") => AthenaType::IntervalYearToMonth,
            "varbinary" | "binary" => AthenaType::Varbinary,
            "json" => AthenaType::Json,
            "array" => AthenaType::Array,
            "map" => AthenaType::Map,
            "row" | "struct" => AthenaType::Row,
            "ipaddress" => AthenaType::IpAddress,
            "uuid" => AthenaType::Uuid,
            _ => AthenaType::Other,
        }
    }

    /// The name, as in metadata.
    pub fn name(self) -> &'static str {
        match self {
            AthenaType::Boolean => "boolean",
            AthenaType::TinyInt => "tinyint",
            AthenaType::SmallInt => "smallint",
            AthenaType::Integer => "integer",
            AthenaType::BigInt => "bigint",
            AthenaType::Real => "real",
            AthenaType::Double => "double",
            AthenaType::Decimal(..) => "decimal",
            AthenaType::Char => "char",
            AthenaType::Varchar => "varchar",
            AthenaType::Date => "date",
            AthenaType::Time => "time",
            AthenaType::TimeWithTimeZone => "time with time zone",
            AthenaType::Timestamp => "timestamp",
            AthenaType::TimestampWithTimeZone => "timestamp with time zone",
            AthenaType::IntervalDayToSecond => "interval day to second",
            AthenaType::IntervalYearToMonth => "interval year to month",
            AthenaType::Varbinary => "varbinary",
            AthenaType::Json => "json",
            AthenaType::Array => "array",
            AthenaType::Map => "map",
            AthenaType::Row => "row",
            AthenaType::IpAddress => "ipaddress",
            AthenaType::Uuid => "uuid",
            AthenaType::Other => "unknown",
        }
    }

    /// The kind of the cells that [`AthenaType::value`] gives.
    pub fn kind(self) -> Kind {
        match self {
            AthenaType::Boolean => Kind::Boolean,
            AthenaType::TinyInt | AthenaType::SmallInt | AthenaType::Integer | AthenaType::BigInt => Kind::Integer,
            AthenaType::Real | AthenaType::Double => Kind::Number,
            // A scale is at most 38.
            AthenaType::Decimal(precision, scale) => Kind::Decimal(precision, scale.cast_signed()),
            AthenaType::Date => Kind::Date,
            AthenaType::Timestamp => Kind::LocalTimestamp,
            AthenaType::Varbinary => Kind::Binary,
            AthenaType::Json => Kind::Nested,
            _ => Kind::Text,
        }
    }

    /// Whether values consist of others, so that their text is ambiguous.
    pub fn is_nested(self) -> bool {
        matches!(self, AthenaType::Array | AthenaType::Map | AthenaType::Row)
    }

    /// The kind of the cells that come from Parquet: unlike in text, arrays, maps and rows are nested.
    pub fn kind_in_parquet(self) -> Kind {
        if self.is_nested() { Kind::Nested } else { self.kind() }
    }

    /// The cell for a value's text. In CSV it is the text again.
    ///
    /// # Errors
    ///
    /// [`BadValue`] where the text is no value of the type.
    pub fn value(self, text: &str) -> Result<Value<'_>, BadValue> {
        let literal = |fits: bool| fits.then_some(Value::Literal(text));
        let value = match self {
            AthenaType::Boolean => literal(matches!(text, "true" | "false")),
            AthenaType::TinyInt => literal(is_integer::<i8>(text)),
            AthenaType::SmallInt => literal(is_integer::<i16>(text)),
            AthenaType::Integer => literal(is_integer::<i32>(text)),
            AthenaType::BigInt => literal(is_integer::<i64>(text)),
            AthenaType::Real | AthenaType::Double => match text {
                "NaN" | "Infinity" | "-Infinity" => Some(Value::Text(Cow::Borrowed(text))),
                _ => literal(is_finite_number(text)),
            },
            AthenaType::Decimal(..) => is_decimal(text).then_some(Value::Text(Cow::Borrowed(text))),
            AthenaType::Varbinary => bytes_of_hex(text).map(|bytes| Value::Binary {
                text: Cow::Borrowed(text),
                bytes,
            }),
            AthenaType::Json => is_json(text).then(|| Value::Nested(on_one_line(text))),
            _ => Some(Value::Text(Cow::Borrowed(text))),
        };
        value.ok_or_else(|| BadValue {
            athena_type: self.name(),
            excerpt: text.chars().take(80).collect(),
        })
    }
}

/// The first word, what is in the parentheses or angle brackets behind it, and what follows.
fn parts(name: &str) -> (&str, &str, &str) {
    let end = name.find([' ', '(', '<']).unwrap_or(name.len());
    let (base, rest) = name.split_at(end);
    let inside = rest
        .trim_start()
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'));
    match inside {
        Some((parameters, behind)) => (base, parameters, behind),
        None => (base, "", rest),
    }
}

fn decimal(parameters: &str, precision: i32, scale: i32) -> AthenaType {
    let (precision, scale) = match parameters.split_once(',') {
        Some((precision, scale)) => (precision.trim().parse().ok(), scale.trim().parse().ok()),
        None if parameters.is_empty() => (u8::try_from(precision).ok(), u8::try_from(scale).ok()),
        // `decimal(10)`: nothing behind the point.
        None => (parameters.trim().parse().ok(), Some(0)),
    };
    match (precision, scale) {
        (Some(precision @ 1..=38), Some(scale)) if scale <= precision => AthenaType::Decimal(precision, scale),
        _ => AthenaType::Other,
    }
}

/// Whether a text is a number of this type in the one form that Java gives it, which is JSON's too: `parse` alone accepts
/// `+1`, `01` and `-0`.
fn is_integer<T: std::str::FromStr>(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text == "0" || (digits.starts_with(|first: char| matches!(first, '1'..='9')) && text.parse::<T>().is_ok())
}

/// Whether a text is a number by JSON's grammar, and not beyond double precision.
fn is_finite_number(text: &str) -> bool {
    let rest = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = leading_digits(rest);
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
        return false;
    }
    let rest = match rest.strip_prefix('.').map(leading_digits) {
        Some(("", _)) => return false,
        Some((_, rest)) => rest,
        None => rest,
    };
    let Some(exponent) = rest.strip_prefix(['e', 'E']) else {
        // The largest double has 309 digits.
        return rest.is_empty() && (whole.len() < 309 || text.parse().is_ok_and(f64::is_finite));
    };
    let (digits, rest) = leading_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    !digits.is_empty() && rest.is_empty() && text.parse().is_ok_and(f64::is_finite)
}

/// `-123.45`, whose digits are not counted: whether they fit the precision is for the reader of the cell.
fn is_decimal(text: &str) -> bool {
    let (whole, rest) = leading_digits(text.strip_prefix('-').unwrap_or(text));
    let fraction_ends = match rest.strip_prefix('.').map(leading_digits) {
        Some((fraction, rest)) => !fraction.is_empty() && rest.is_empty(),
        None => rest.is_empty(),
    };
    !whole.is_empty() && fraction_ends
}

fn leading_digits(text: &str) -> (&str, &str) {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// The bytes of `00 0f ff`: pairs of digits with white space between them. Which white space is not asked: Trino's own
/// text of a binary value has wider gaps every eight bytes, and a line break every 32.
fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 3 + 1);
    for pair in text.split_ascii_whitespace() {
        let &[high, low] = pair.as_bytes() else { return None };
        let (high, low) = (char::from(high).to_digit(16)?, char::from(low).to_digit(16)?);
        bytes.push(u8::try_from(high << 4 | low).ok()?);
    }
    Some(bytes)
}

/// Whether a text is JSON. It is looked through without building a tree, and without recursion.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// JSON whose line breaks, which can only be white space between its tokens, are spaces: a row of JSONL is a line.
fn on_one_line(json: &str) -> Cow<'_, str> {
    match json.contains(['\n', '\r']) {
        true => json.replace(['\n', '\r'], " ").into(),
        false => json.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Value<'_> {
        Value::Text(Cow::Borrowed(text))
    }

    #[test]
    fn types_by_their_names() {
        for (name, precision, scale, expected, kind) in [
            ("boolean", 0, 0, AthenaType::Boolean, Kind::Boolean),
            ("tinyint", 3, 0, AthenaType::TinyInt, Kind::Integer),
            ("smallint", 5, 0, AthenaType::SmallInt, Kind::Integer),
            ("integer", 10, 0, AthenaType::Integer, Kind::Integer),
            ("int", 0, 0, AthenaType::Integer, Kind::Integer),
            ("bigint", 19, 0, AthenaType::BigInt, Kind::Integer),
            ("real", 17, 0, AthenaType::Real, Kind::Number),
            ("float", 17, 0, AthenaType::Real, Kind::Number),
            ("double", 17, 0, AthenaType::Double, Kind::Number),
            ("decimal", 10, 2, AthenaType::Decimal(10, 2), Kind::Decimal(10, 2)),
            ("decimal", 38, 38, AthenaType::Decimal(38, 38), Kind::Decimal(38, 38)),
            ("decimal(12, 3)", 0, 0, AthenaType::Decimal(12, 3), Kind::Decimal(12, 3)),
            ("decimal(12)", 0, 0, AthenaType::Decimal(12, 0), Kind::Decimal(12, 0)),
            // No precision, or none that Athena has: the text is right, a guessed scale would not be.
            ("decimal", 0, 0, AthenaType::Other, Kind::Text),
            ("decimal", 39, 0, AthenaType::Other, Kind::Text),
            ("decimal", 5, 6, AthenaType::Other, Kind::Text),
            ("decimal", 5, -1, AthenaType::Other, Kind::Text),
            ("decimal(x,y)", 5, 1, AthenaType::Other, Kind::Text),
            ("char", 5, 0, AthenaType::Char, Kind::Text),
            ("varchar", i32::MAX, 0, AthenaType::Varchar, Kind::Text),
            ("varchar(10)", 0, 0, AthenaType::Varchar, Kind::Text),
            ("string", 0, 0, AthenaType::Varchar, Kind::Text),
            ("date", 0, 0, AthenaType::Date, Kind::Date),
            ("time", 3, 0, AthenaType::Time, Kind::Text),
            ("time with time zone", 3, 0, AthenaType::TimeWithTimeZone, Kind::Text),
            ("timestamp", 3, 0, AthenaType::Timestamp, Kind::LocalTimestamp),
            ("TIMESTAMP(6)", 3, 0, AthenaType::Timestamp, Kind::LocalTimestamp),
            (
                "timestamp with time zone",
                3,
                0,
                AthenaType::TimestampWithTimeZone,
                Kind::Text,
            ),
            (
                "timestamp(6) with time zone",
                3,
                0,
                AthenaType::TimestampWithTimeZone,
                Kind::Text,
            ),
            ("varbinary", 1 << 30, 0, AthenaType::Varbinary, Kind::Binary),
            (
                "interval day to second",
                0,
                0,
                AthenaType::IntervalDayToSecond,
                Kind::Text,
            ),
            (
                "interval year to month",
                0,
                0,
                AthenaType::IntervalYearToMonth,
                Kind::Text,
            ),
            ("json", 0, 0, AthenaType::Json, Kind::Nested),
            ("array", 0, 0, AthenaType::Array, Kind::Text),
            (
                "array(timestamp(3) with time zone)",
                0,
                0,
                AthenaType::Array,
                Kind::Text,
            ),
            ("map", 0, 0, AthenaType::Map, Kind::Text),
            ("map<int,string>", 0, 0, AthenaType::Map, Kind::Text),
            ("row", 0, 0, AthenaType::Row, Kind::Text),
            ("struct<a:int>", 0, 0, AthenaType::Row, Kind::Text),
            ("ipaddress", 0, 0, AthenaType::IpAddress, Kind::Text),
            ("uuid", 0, 0, AthenaType::Uuid, Kind::Text),
            ("HyperLogLog", 0, 0, AthenaType::Other, Kind::Text),
            ("unknown", 0, 0, AthenaType::Other, Kind::Text),
            ("", 0, 0, AthenaType::Other, Kind::Text),
        ] {
            let parsed = AthenaType::of(name, precision, scale);
            assert_eq!(
                (parsed, parsed.kind()),
                (expected, kind),
                "{name}({precision}, {scale})"
            );
            // The name leads back to the type.
            if parsed != AthenaType::Other {
                assert_eq!(
                    AthenaType::of(parsed.name(), precision.clamp(12, 38), scale.clamp(0, 12)).name(),
                    parsed.name()
                );
            }
        }
    }

    #[test]
    fn literals_keep_every_digit() {
        for (athena_type, texts) in [
            (AthenaType::Boolean, &["true", "false"][..]),
            (AthenaType::TinyInt, &["0", "-128", "127"]),
            (AthenaType::SmallInt, &["-32768", "32767"]),
            (AthenaType::Integer, &["-2147483648", "2147483647", "10"]),
            (
                AthenaType::BigInt,
                &["-9223372036854775808", "9223372036854775807", "9007199254740993"],
            ),
            (AthenaType::Real, &["0.1", "3.4028235E38", "1.4E-45"]),
            (
                AthenaType::Double,
                &[
                    "1.0E22",
                    "1.0E-5",
                    "123.456",
                    "0.001",
                    "-0.0",
                    "1.0E7",
                    "4.9E-324",
                    "1.7976931348623157E308",
                    "1",
                    "1e+5",
                ],
            ),
        ] {
            for literal in texts {
                assert_eq!(athena_type.value(literal), Ok(Value::Literal(literal)));
                serde_json::from_str::<serde_json::Value>(literal).unwrap();
            }
        }
    }

    #[test]
    fn texts_stay_as_they_are() {
        for (athena_type, value) in [
            (AthenaType::Double, "NaN"),
            (AthenaType::Double, "Infinity"),
            (AthenaType::Real, "-Infinity"),
            (AthenaType::Decimal(38, 10), "-1234567890123456789012345678.0000000001"),
            (AthenaType::Decimal(5, 0), "0"),
            (AthenaType::Decimal(2, 2), "0.10"),
            (AthenaType::Char, "a    "),
            (AthenaType::Varchar, ""),
            (AthenaType::Varchar, "1.0E22"),
            (AthenaType::Date, "2001-08-22"),
            (AthenaType::Time, "03:04:05.321"),
            (AthenaType::Timestamp, "2001-08-22 03:04:05.321"),
            (AthenaType::Timestamp, "2001-08-22 03:04:05.321000001"),
            (
                AthenaType::TimestampWithTimeZone,
                "2001-08-22 03:04:05.321 America/Los_Angeles",
            ),
            (AthenaType::IntervalDayToSecond, "2 00:00:00.000"),
            // Two elements or one: nobody can say.
            (AthenaType::Array, "[a, b]"),
            (AthenaType::Map, "{k=v}"),
            (AthenaType::Row, "{a=1, b=null}"),
            (AthenaType::Uuid, "12151fd2-7586-11e9-8f9e-2a86e4085a59"),
            (AthenaType::Other, "anything"),
        ] {
            assert_eq!(athena_type.value(value), Ok(text(value)), "{athena_type:?}");
        }
    }

    #[test]
    fn binary_by_its_digits() {
        for (hex, bytes) in [
            ("00 00 01", &[0, 0, 1][..]),
            ("", &[]),
            ("ff", &[255]),
            ("DE ad", &[0xde, 0xad]),
            ("00 01 02 03 04 05 06 07   08\n09", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ] {
            let expected = Value::Binary {
                text: Cow::Borrowed(hex),
                bytes: bytes.to_vec(),
            };
            assert_eq!(AthenaType::Varbinary.value(hex), Ok(expected));
        }
    }

    #[test]
    fn json_is_nested_as_it_is() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for json in [
            "{\"b\":1,\"a\":[null,1.0E22]}",
            "[]",
            "\"x\"",
            "12345678901234567890123",
            "null",
            &deep,
        ] {
            assert_eq!(AthenaType::Json.value(json), Ok(Value::Nested(json.into())));
        }
        let value = AthenaType::Json.value("{\r\n \"a\": \"\\n\"\n}");
        assert_eq!(value, Ok(Value::Nested("{   \"a\": \"\\n\" }".into())));
    }

    #[test]
    fn other_texts_are_refused() {
        for (athena_type, texts) in [
            (AthenaType::Boolean, &["", "TRUE", "1", "true "][..]),
            (
                AthenaType::TinyInt,
                &[
                    "128", "-129", "1.0", "", "-", "a", "+1", "01", "-0", "-01", " 1", "\u{661}",
                ],
            ),
            (AthenaType::SmallInt, &["32768"]),
            (AthenaType::Integer, &["2147483648"]),
            (AthenaType::BigInt, &["9223372036854775808", "1E3"]),
            (
                AthenaType::Double,
                &[
                    "", "-", ".5", "5.", "1.e5", "1e", "1e+", "01.0", "+1.0", "nan", "inf", "-NaN", "0x10", "1.0E309",
                    "1_0", "1.0 ",
                ],
            ),
            (
                AthenaType::Decimal(5, 2),
                &["", "-", ".5", "1.", "1,5", "0E-10", "+1", "1.0 ", "NaN", "1.2.3"],
            ),
            (
                AthenaType::Varbinary,
                &["0", "000", "0000", "0g", "00,01", "0x00", "\u{e4}"],
            ),
            (AthenaType::Json, &["", "{", "{a=1}", "[1,]", "1 2", "\"\n\"", "NaN"]),
        ] {
            for text in texts {
                let error = athena_type.value(text).unwrap_err();
                assert_eq!((error.athena_type, &error.excerpt[..]), (athena_type.name(), *text));
            }
        }
        assert!(AthenaType::Double.value(&"9".repeat(310)).is_err());
        assert!(AthenaType::Double.value(" 0").is_err());
        assert!(AthenaType::Double.value(&"9".repeat(308)).is_ok());
        // Nearer to the largest double than to what would be infinite.
        let largest = "1.7976931348623158E308";
        assert_eq!(AthenaType::Double.value(largest), Ok(Value::Literal(largest)));
        assert_eq!(serde_json::from_str::<f64>(largest).unwrap(), f64::MAX);
        let message = AthenaType::Json.value(&"x".repeat(1000)).unwrap_err().to_string();
        assert_eq!(message, format!("{:?} is not a value of type json", "x".repeat(80)));
    }

    proptest! {
        /// A literal goes into JSON unquoted: whatever the text, it is a number or truth value of JSON, and the same.
        #[test]
        fn a_literal_is_json(number in "-?[0-9]{0,3}\\.?[0-9]{0,3}([eE][+-]?[0-9]{0,3})?", any in "\\PC{0,5}") {
            for text in [&number, &any] {
                for athena_type in [AthenaType::Boolean, AthenaType::TinyInt, AthenaType::BigInt, AthenaType::Double] {
                    let json = serde_json::from_str::<serde_json::Value>(text).ok();
                    match athena_type.value(text) {
                        Ok(Value::Literal(literal)) => {
                            prop_assert_eq!(literal, text);
                            prop_assert!(json.is_some_and(|json| json.is_number() || json.is_boolean()), "{}", text);
                        }
                        Ok(_) => prop_assert!(json.is_none(), "{}", text),
                        // What is a number for JSON is one here; with white space around it, which JSON skips, it is none.
                        Err(_) if athena_type == AthenaType::Double && text.trim() == text => {
                            prop_assert!(!json.is_some_and(|json| json.is_number()), "{}", text);
                        }
                        Err(_) => {}
                    }
                }
            }
        }

        #[test]
        fn integers_and_doubles_come_through(number: i64, double: f64) {
            let number = number.to_string();
            prop_assert_eq!(AthenaType::BigInt.value(&number), Ok(Value::Literal(&number)));
            let double = format!("{double:?}");
            prop_assert!(AthenaType::Double.value(&double).is_ok() || double.contains("inf"));
        }
    }
}
