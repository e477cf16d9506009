//! Dates and timestamps from their texts, in any year that a text names: years outside of 0 to 9999 have a sign, as Java writes them.

/// Days since 1970-01-01 of `2001-08-22`, `+43969-07-03` or `-0044-03-15`.
pub(super) fn days(text: &str) -> Option<i64> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (year, rest) = unsigned.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    // More digits are beyond every type.
    let year = number(year, 4..=9)?;
    let year = if negative { -year } else { year };
    let (month, day) = (number(month, 2..=2)?, number(day, 2..=2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    (1..=length).contains(&day).then(|| since_1970(year, month, day))
}

/// Microseconds since 1970-01-01 00:00:00 of `2001-08-22 03:04:05.321`; finer digits must be zero.
pub(super) fn micros(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(' ')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = time.split(':').map(|part| number(part, 2..=2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let whole = fraction.bytes().all(|digit| digit.is_ascii_digit());
    if !whole || fraction.bytes().skip(6).any(|digit| digit != b'0') {
        return None;
    }
    let micros: i128 = format!("{:0<6.6}", fraction).parse().ok()?;
    let seconds = i128::from(days(date)?) * 86_400 + i128::from(hour * 3600 + minute * 60 + second);
    i64::try_from(seconds * 1_000_000 + micros).ok()
}

fn number(digits: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let is_number = lengths.contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

/// Of the proleptic Gregorian calendar. Eras of 400 years, and a year that begins in March, are Howard Hinnant's:
/// <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>.
fn since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected days are those of numpy's `datetime64[D]`, which has a proleptic Gregorian calendar of 64 bits.
    #[test]
    fn days_of_any_year() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("2001-08-22", Some(11_556)),
            ("1969-12-31", Some(-1)),
            ("2000-02-29", Some(11_016)),
            ("1582-10-10", Some(-141_432)),
            ("0000-01-01", Some(-719_528)),
            ("-0001-12-31", Some(-719_529)),
            ("-0044-03-15", Some(-735_525)),
            ("9999-12-31", Some(2_932_896)),
            ("+10000-01-01", Some(2_932_897)),
            ("10000-01-01", Some(2_932_897)),
            ("+43969-07-03", Some(15_340_003)),
            // The ends of 32 bits.
            ("+5881580-07-11", Some(i64::from(i32::MAX))),
            ("-5877641-06-23", Some(i64::from(i32::MIN))),
            ("1900-02-29", None),
            ("2001-13-01", None),
            ("2001-00-01", None),
            ("2001-01-00", None),
            ("2001-04-31", None),
            ("201-01-01", None),
            ("2001-1-1", None),
            ("--2001-01-01", None),
            ("2001-01-01 00:00:00", None),
            ("2001-01-\u{661}1", None),
            ("", None),
        ] {
            assert_eq!(days(text), expected, "{text}");
        }
    }

    /// Day by day, with the rule for leap years, through more than two eras.
    #[test]
    fn every_day_follows_the_one_before() {
        let mut expected = days("1199-12-31");
        for year in 1200..2100 {
            for month in 1..=12 {
                for day in 1..=31 {
                    let text = format!("{year:04}-{month:02}-{day:02}");
                    if let Some(days) = days(&text) {
                        expected = expected.map(|before| before + 1);
                        assert_eq!(Some(days), expected, "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn timestamps_keep_every_digit_or_are_refused() {
        for (text, expected) in [
            ("1970-01-01 00:00:00", Some(0)),
            ("1970-01-01 00:00:01.5", Some(1_500_000)),
            ("2001-08-22 03:04:05.321", Some(998_449_445_321_000)),
            ("1969-12-31 23:59:59.999999", Some(-1)),
            ("1970-01-01 00:00:00.000001000", Some(1)),
            ("+52178-09-24 05:36:40.000", Some(1_584_434_497_000_000_000)),
            // The ends of 64 bits.
            ("+294247-01-10 04:00:54.775807", Some(i64::MAX)),
            ("+294247-01-10 04:00:54.775808", None),
            ("-290308-12-21 19:59:05.224192", Some(i64::MIN)),
            ("-290308-12-21 19:59:05.224191", None),
            ("1970-01-01 00:00:00.0000001", None),
            ("1970-01-01 24:00:00", None),
            ("1970-01-01 00:60:00", None),
            ("1970-01-01 00:00:60", None),
            ("1970-01-01 00:00", None),
            ("1970-01-01 00:00:00:00", None),
            ("1970-01-01 00:00:00.x", None),
            ("1970-01-01T00:00:00", None),
            ("1970-01-01", None),
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
    }
}
