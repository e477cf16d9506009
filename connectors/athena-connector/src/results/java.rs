//! Floating-point numbers as Java writes them, which is how Athena does.
//!
//! The rule is that of `Double.toString` and `Float.toString`
//! (<https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/Double.html#toString(double)>): the shortest
//! digits that lead back to the number, but never fewer than two; plain from 10⁻³ up to 10⁷, with an exponent otherwise.

use std::fmt::Write as _;

/// A double.
pub(super) fn double(out: &mut String, number: f64) {
    if number.is_finite() && number != 0.0 {
        finite(out, |out, one_digit| {
            let _ = if one_digit {
                write!(out, "{number:.1e}")
            } else {
                write!(out, "{number:e}")
            };
        });
    } else {
        special(out, number);
    }
}

/// A real: the digits that lead back to single precision.
pub(super) fn real(out: &mut String, number: f32) {
    if number.is_finite() && number != 0.0 {
        finite(out, |out, one_digit| {
            let _ = if one_digit {
                write!(out, "{number:.1e}")
            } else {
                write!(out, "{number:e}")
            };
        });
    } else {
        special(out, f64::from(number));
    }
}

/// What has no digits to choose.
fn special(out: &mut String, number: f64) {
    out.push_str(match number {
        _ if number.is_nan() => "NaN",
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ if number.is_sign_negative() => "-0.0",
        _ => "0.0",
    });
}

/// `write` appends `-1.234e-5`, with the shortest digits or with exactly two.
fn finite(out: &mut String, write: impl Fn(&mut String, bool)) {
    let start = out.len();
    write(out, false);
    if out[start..].trim_start_matches('-').as_bytes().get(1) == Some(&b'e') {
        // Of one digit. Java takes the nearest number of two, which differs where precision is down to that: 4.9E-324.
        out.truncate(start);
        write(out, true);
    }
    // At most 17 digits of a double.
    let mut digits = [0; 24];
    let mut count = 0;
    let mut exponent = 0;
    let negative = out[start..].starts_with('-');
    if let Some((mantissa, power)) = out[start..].split_once('e') {
        for (place, digit) in digits.iter_mut().zip(mantissa.bytes().filter(u8::is_ascii_digit)) {
            *place = digit;
            count += 1;
        }
        exponent = power.parse().unwrap_or_default();
    }
    out.truncate(start);
    if negative {
        out.push('-');
    }
    while count > 1 && digits[count - 1] == b'0' {
        count -= 1;
    }
    lay_out(out, &digits[..count], exponent);
}

/// The number d.ddd × 10^exponent.
fn lay_out(out: &mut String, digits: &[u8], exponent: i32) {
    let push = |out: &mut String, digits: &[u8]| out.extend(digits.iter().map(|digit| char::from(*digit)));
    let push_fraction = |out: &mut String, digits: &[u8]| {
        out.push('.');
        push(out, if digits.is_empty() { b"0" } else { digits });
    };
    match exponent {
        0..7 => {
            let whole = usize::try_from(exponent).unwrap_or_default() + 1;
            let (before, behind) = digits.split_at(whole.min(digits.len()));
            push(out, before);
            out.extend(std::iter::repeat_n('0', whole - before.len()));
            push_fraction(out, behind);
        }
        -3..0 => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n(
                '0',
                usize::try_from(-exponent - 1).unwrap_or_default(),
            ));
            push(out, digits);
        }
        _ => {
            push(out, &digits[..1]);
            push_fraction(out, &digits[1..]);
            let _ = write!(out, "E{exponent}");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn double_of(number: f64) -> String {
        let mut out = String::from("before ");
        double(&mut out, number);
        out.strip_prefix("before ").unwrap().to_owned()
    }

    fn real_of(number: f32) -> String {
        let mut out = String::new();
        real(&mut out, number);
        out
    }

    /// What JDK 21 prints.
    #[test]
    fn doubles_as_java_prints_them() {
        for (number, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (100.0, "100.0"),
            (123.456, "123.456"),
            (0.1, "0.1"),
            (0.001, "0.001"),
            (0.0012345, "0.0012345"),
            (0.000999, "9.99E-4"),
            (1e-5, "1.0E-5"),
            (1.25e-5, "1.25E-5"),
            (9_999_999.0, "9999999.0"),
            (9_999_999.999, "9999999.999"),
            (1e7, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (1e22, "1.0E22"),
            (2e23, "2.0E23"),
            (1e23, "1.0E23"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (f64::from_bits(1), "4.9E-324"),
            (f64::from_bits(2), "9.9E-324"),
            (f64::from_bits(3), "1.5E-323"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double_of(number), text);
        }
        for (number, text) in [
            (0.1, "0.1"),
            (1.1, "1.1"),
            (16_777_216.0, "1.6777216E7"),
            (f32::MAX, "3.4028235E38"),
            (f32::from_bits(1), "1.4E-45"),
            (f32::NAN, "NaN"),
            (-0.0, "-0.0"),
        ] {
            assert_eq!(real_of(number), text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn the_digits_lead_back(bits: u64, few in -10_000_000_000i64..10_000_000_000, power in 0i32..8) {
            for number in [f64::from_bits(bits), few as f64 / 10f64.powi(power)] {
                let text = double_of(number);
                match text.as_str() {
                    "NaN" => prop_assert!(number.is_nan()),
                    "Infinity" | "-Infinity" => prop_assert!(number.is_infinite()),
                    _ => {
                        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits(), "{}", text);
                        let plain = number == 0.0 || (1e-3..1e7).contains(&number.abs());
                        prop_assert_eq!(!text.contains('E'), plain, "{}", text);
                        // A digit on each side of the point, and no longer than the shortest but for that.
                        let (mantissa, _) = text.split_once('E').unwrap_or((&text, ""));
                        let (whole, fraction) = mantissa.trim_start_matches('-').split_once('.').unwrap();
                        prop_assert!(!whole.is_empty() && !fraction.is_empty());
                        prop_assert!(fraction == "0" || !fraction.ends_with('0'), "{}", text);
                        let significant = format!("{whole}{fraction}");
                        let significant = significant.trim_matches('0').len();
                        let shortest = format!("{number:e}").bytes().take_while(|byte| *byte != b'e')
                            .filter(u8::is_ascii_digit).count();
                        prop_assert!(significant <= shortest.max(2), "{}", text);
                    }
                }
            }
        }

        #[test]
        fn reals_lead_back(bits: u32) {
            let number = f32::from_bits(bits);
            let text = real_of(number);
            if number.is_finite() {
                prop_assert_eq!(text.parse::<f32>().unwrap().to_bits(), number.to_bits(), "{}", text);
            }
        }
    }
}
