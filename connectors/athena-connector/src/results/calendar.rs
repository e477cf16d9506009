//! Dates and times as Athena writes them.

use std::fmt::Write as _;

const DAY: i64 = 86_400;

/// `2001-08-22` for the days since 1970-01-01. Years beyond 9999 have a sign, as in Java.
pub(super) fn date(out: &mut String, days: i64) {
    let (year, month, day) = civil(days);
    let _ = match year {
        0..=9999 => write!(out, "{year:04}"),
        10_000.. => write!(out, "+{year}"),
        _ => write!(out, "-{:04}", year.unsigned_abs()),
    };
    let _ = write!(out, "-{month:02}-{day:02}");
}

/// `2001-08-22 03:04:05.321` for the seconds since 1970-01-01 00:00:00 and the nanoseconds within the second. There are at least
/// `digits` of 3, 6 or 9 behind the point; 6 or 9 where finer ones are not zero.
pub(super) fn timestamp(out: &mut String, seconds: i64, nanos: u32, digits: u8) {
    date(out, seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let _ = write!(out, " {hour:02}:{minute:02}:{second:02}.");
    let _ = if digits <= 3 && nanos.is_multiple_of(1_000_000) {
        write!(out, "{:03}", nanos / 1_000_000)
    } else if digits <= 6 && nanos.is_multiple_of(1_000) {
        write!(out, "{:06}", nanos / 1_000)
    } else {
        write!(out, "{nanos:09}")
    };
}

/// Year, month and day of the proleptic Gregorian calendar. The eras of 400 years and the year that begins in March are
/// Howard Hinnant's: <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timestamp_of(seconds: i64, nanos: u32) -> String {
        let mut out = String::new();
        timestamp(&mut out, seconds, nanos, 3);
        out
    }

    #[test]
    fn known_times() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01 00:00:00.000"),
            (-1, 999_999_999, "1969-12-31 23:59:59.999999999"),
            (998_449_445, 321_000_000, "2001-08-22 03:04:05.321"),
            (998_449_445, 321_001_000, "2001-08-22 03:04:05.321001"),
            (998_449_445, 1, "2001-08-22 03:04:05.000000001"),
            (951_782_400, 0, "2000-02-29 00:00:00.000"),
            (253_402_300_799, 999_000_000, "9999-12-31 23:59:59.999"),
            (253_402_300_800, 0, "+10000-01-01 00:00:00.000"),
            (-62_135_596_800, 0, "0001-01-01 00:00:00.000"),
            (-62_167_219_200, 0, "0000-01-01 00:00:00.000"),
            (-62_167_219_201, 0, "-0001-12-31 23:59:59.000"),
        ] {
            assert_eq!(timestamp_of(seconds, nanos), text);
        }
        for (digits, fraction) in [(3, ".321"), (6, ".321000"), (9, ".321000000")] {
            let mut out = String::new();
            timestamp(&mut out, 0, 321_000_000, digits);
            assert_eq!(out, format!("1970-01-01 00:00:00{fraction}"));
        }
        // The largest that a file can have do not overflow.
        for seconds in [i64::MIN, i64::MAX] {
            assert!(timestamp_of(seconds, 0).ends_with(".000"));
        }
    }

    /// Counting day by day, with the rule for leap years.
    #[test]
    fn every_day_of_800_years() {
        let (mut year, mut month, mut day) = (1600, 1, 1);
        for days in -135_140..157_054 {
            assert_eq!(civil(days), (year, month, day));
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + i64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
        assert_eq!((year, month, day), (2400, 1, 1));
    }
}
