//! Values, and their texts in result files and in GetQueryResults.
//! <https://docs.aws.amazon.com/athena/latest/ug/data-types.html>

use std::fmt::Write as _;

use super::types::Type;

/// A value of any type. Decimals, dates, times, timestamps and JSON are texts in their normal form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Row(Vec<Value>),
}

impl Value {
    /// The text of the value as it stands in a result; `None` for NULL.
    pub(crate) fn text(&self, of: &Type) -> Option<String> {
        if matches!(self, Self::Null) {
            return None;
        }
        let mut out = String::new();
        self.push(of, &mut out);
        Some(out)
    }

    /// The value as an element of another one: bytes are what Java prints for an array, and lost.
    fn push_inside(&self, of: &Type, out: &mut String) {
        match self {
            Self::Bytes(bytes) => {
                // At Athena another one each time.
                let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| {
                    (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
                });
                let _ = write!(out, "[B@{hash:x}");
            }
            other => other.push(of, out),
        }
    }

    fn push(&self, of: &Type, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Integer(value) => match of {
                Type::Boolean => out.push_str(if *value == 0 { "false" } else { "true" }),
                Type::Double => push_double(out, *value as f64),
                Type::Real => push_real(out, *value as f32),
                Type::Decimal(_, scale) => push_decimal(out, &value.to_string(), *scale),
                _ => {
                    let _ = write!(out, "{value}");
                }
            },
            Self::Double(value) => match of {
                Type::Real => push_real(out, *value as f32),
                Type::Decimal(_, scale) => {
                    let _ = write!(out, "{value:.*}", usize::from(*scale));
                }
                _ => push_double(out, *value),
            },
            Self::Text(text) => match of {
                Type::Decimal(_, scale) => push_decimal(out, text, *scale),
                _ => out.push_str(text),
            },
            Self::Bytes(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    let _ = write!(out, "{}{byte:02x}", if at == 0 { "" } else { " " });
                }
            }
            Self::List(values) => {
                let inner = match of {
                    Type::Array(inner) => inner,
                    _ => &Type::Unknown,
                };
                push_all(out, ['[', ']'], values, |value, out| value.push_inside(inner, out));
            }
            Self::Map(entries) => {
                let (key_type, value_type) = match of {
                    Type::Map(key, value) => (&**key, &**value),
                    _ => (&Type::Unknown, &Type::Unknown),
                };
                push_all(out, ['{', '}'], entries, |(key, value), out| {
                    key.push_inside(key_type, out);
                    out.push('=');
                    value.push_inside(value_type, out);
                });
            }
            Self::Row(values) => {
                let fields = match of {
                    Type::Row(fields) => fields.as_slice(),
                    _ => &[],
                };
                let numbered: Vec<_> = values.iter().enumerate().collect();
                push_all(out, ['{', '}'], &numbered, |(at, value), out| {
                    let (name, inner) = fields.get(*at).map_or((&None, &Type::Unknown), |(name, of)| (name, of));
                    if let Some(name) = name {
                        out.push_str(name);
                        out.push('=');
                    }
                    value.push_inside(inner, out);
                });
            }
        }
    }
}

fn push_all<T>(out: &mut String, [open, close]: [char; 2], values: &[T], push: impl Fn(&T, &mut String)) {
    out.push(open);
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        push(value, out);
    }
    out.push(close);
}

/// A decimal in plain digits with exactly `scale` of them behind the point; what is too long is rounded half up.
fn push_decimal(out: &mut String, text: &str, scale: u8) {
    match scaled(text, scale) {
        Some(unscaled) => push_unscaled(out, unscaled, scale),
        None => out.push_str(text),
    }
}

fn push_unscaled(out: &mut String, unscaled: i128, scale: u8) {
    let width = usize::from(scale) + 1;
    let digits = format!("{:0width$}", unscaled.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    if unscaled < 0 {
        out.push('-');
    }
    out.push_str(whole);
    if scale > 0 {
        out.push('.');
        out.push_str(fraction);
    }
}

/// A decimal's digits as one number with `scale` places behind the point; `None` for what is no decimal.
pub(crate) fn scaled(text: &str, scale: u8) -> Option<i128> {
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, unsigned) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits: String = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let shift = i32::from(scale) + exponent - i32::try_from(fraction.len()).ok()?;
    let number: i128 = digits.parse().ok()?;
    let moved = if shift >= 0 {
        number.checked_mul(10_i128.checked_pow(shift.unsigned_abs())?)?
    } else {
        match 10_i128.checked_pow(shift.unsigned_abs()) {
            Some(power) => (number / power) + i128::from(number % power >= power / 2),
            None => 0,
        }
    };
    Some(if negative { -moved } else { moved })
}

/// `Double.toString` of Java.
pub(crate) fn push_double(out: &mut String, value: f64) {
    push_java(
        out,
        value.is_nan(),
        value.is_infinite(),
        value < 0.0,
        value.abs(),
        &format!("{value:e}"),
    );
}

fn push_real(out: &mut String, value: f32) {
    let text = format!("{value:e}");
    push_java(
        out,
        value.is_nan(),
        value.is_infinite(),
        value < 0.0,
        f64::from(value.abs()),
        &text,
    );
}

/// `scientific` is the shortest form of the number as Rust writes it: `1.25e-7`.
fn push_java(out: &mut String, nan: bool, infinite: bool, negative: bool, size: f64, scientific: &str) {
    if nan {
        out.push_str("NaN");
        return;
    }
    if infinite {
        out.push_str(if negative { "-Infinity" } else { "Infinity" });
        return;
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let plain = size == 0.0 || (1e-3..1e7).contains(&size);
    if !plain {
        out.push_str(mantissa);
        if !mantissa.contains('.') {
            out.push_str(".0");
        }
        let _ = write!(out, "E{exponent}");
        return;
    }
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = digits.chars().filter(|c| *c != '.').collect();
    out.push_str(sign);
    if exponent < 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', usize::try_from(-exponent - 1).unwrap_or(0)));
        out.push_str(&digits);
        return;
    }
    let point = usize::try_from(exponent).unwrap_or(0) + 1;
    let padded = format!("{digits:0<point$}");
    let (whole, fraction) = padded.split_at(point);
    let _ = write!(out, "{whole}.{}", if fraction.is_empty() { "0" } else { fraction });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn doubles_as_java_writes_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-12.5, "-12.5"),
            (1e22, "1.0E22"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (0.001, "0.001"),
            (0.000_12, "1.2E-4"),
            (123_456.789, "123456.789"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (0.1 + 0.2, "0.30000000000000004"),
        ];
        for (value, text) in cases {
            assert_eq!(Value::Double(value).text(&Type::Double).unwrap(), text);
        }
        assert_eq!(Value::Double(f64::from(0.1_f32)).text(&Type::Real).unwrap(), "0.1");
    }

    #[test]
    fn nested_values_and_bytes() {
        let of = Type::parse("array(row(a integer, b map(varchar, decimal(5,2))))").unwrap();
        let map = Value::Map(vec![(Value::Text("k".to_owned()), Value::Text("1.5".to_owned()))]);
        let value = Value::List(vec![Value::Row(vec![Value::Integer(1), map]), Value::Null]);
        assert_eq!(value.text(&of).unwrap(), "[{a=1, b={k=1.50}}, null]");
        assert_eq!(
            Value::Bytes(vec![0, 1, 255]).text(&Type::Varbinary).unwrap(),
            "00 01 ff"
        );
        let of = Type::parse("array(varbinary)").unwrap();
        let text = Value::List(vec![Value::Bytes(vec![0, 1, 255])]).text(&of).unwrap();
        assert!(text.starts_with("[[B@") && !text.contains("ff]"), "{text}");
        assert_eq!(Value::Null.text(&of), None);
    }

    #[test]
    fn decimals_keep_every_digit() {
        let text = |text: &str, scale| Value::Text(text.to_owned()).text(&Type::Decimal(38, scale)).unwrap();
        assert_eq!(text("12345678901234567890.12", 2), "12345678901234567890.12");
        assert_eq!(text("-0.005", 2), "-0.01");
        assert_eq!(text("7", 3), "7.000");
        assert_eq!(text("1e3", 0), "1000");
        assert_eq!(scaled("1.2.3", 1), None);
        assert_eq!(scaled("", 1), None);
    }
}
