//! Times as AWS writes them: `2026-01-02T03:04:05Z` in XML, `20260102T030405Z` in signatures.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// Appends `2026-01-02T03:04:05.000Z`, the form of EC2.
pub(crate) fn push_millis(out: &mut String, unix: i64) {
    push_iso(out, unix);
    out.push_str(".000Z");
}

/// `2026-01-02T03:04:05Z`, the form of STS.
pub(crate) fn iso(unix: i64) -> String {
    let mut out = String::with_capacity(20);
    push_iso(&mut out, unix);
    out.push('Z');
    out
}

/// `20260102T030405Z`, the form of signatures.
pub(crate) fn basic(unix: i64) -> String {
    iso(unix).chars().filter(|c| !matches!(c, '-' | ':')).collect()
}

/// Reads `20260102T030405Z`.
pub(crate) fn parse_basic(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' || !text.is_ascii() {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u16>().ok();
    let small = |range| number(range).and_then(|n| u8::try_from(n).ok());
    let month = Month::try_from(small(4..6)?).ok()?;
    let date = Date::from_calendar_date(i32::from(number(0..4)?), month, small(6..8)?).ok()?;
    let time = Time::from_hms(small(9..11)?, small(11..13)?, small(13..15)?).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the form of HTTP.
pub(crate) fn http_date(unix: i64) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let at = moment(unix);
    let day = DAYS[usize::from(at.weekday().number_days_from_monday())];
    let month = MONTHS[usize::from(u8::from(at.month())) - 1];
    format!(
        "{day}, {:02} {month} {:04} {:02}:{:02}:{:02} GMT",
        at.day(),
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

fn moment(unix: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn push_iso(out: &mut String, unix: i64) {
    let at = moment(unix);
    let year = u16::try_from(at.year()).unwrap_or(0);
    push_two(out, (year / 100) as u8);
    push_two(out, (year % 100) as u8);
    for (before, value) in [
        ('-', u8::from(at.month())),
        ('-', at.day()),
        ('T', at.hour()),
        (':', at.minute()),
        (':', at.second()),
    ] {
        out.push(before);
        push_two(out, value);
    }
}

fn push_two(out: &mut String, value: u8) {
    out.push(char::from(b'0' + value / 10));
    out.push(char::from(b'0' + value % 10));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_form_of_one_moment() {
        let moment = 784_111_777;
        assert_eq!(iso(moment), "1994-11-06T08:49:37Z");
        assert_eq!(basic(moment), "19941106T084937Z");
        assert_eq!(parse_basic("19941106T084937Z").unwrap(), moment);
        assert_eq!(http_date(moment), "Sun, 06 Nov 1994 08:49:37 GMT");
        let mut out = String::new();
        push_millis(&mut out, moment);
        assert_eq!(out, "1994-11-06T08:49:37.000Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "19941106",
            "19941306T084937Z",
            "1994-11-06T08:49:37Z",
            "19941106T084937",
        ] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
    }
}
