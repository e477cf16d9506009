//! Functions of dates and times. A date is `2024-02-29`, a timestamp `2024-02-29 01:02:03.500`, with a zone behind it.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};
use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time};

use super::{add, add_strict, number, text, whole};
use crate::athena::engine::errors::Failed;
use crate::athena::read;

/// A moment, and how it was written.
struct Moment {
    at: PrimitiveDateTime,
    /// Whether it was a date without a time.
    day: bool,
    zone: String,
    digits: usize,
}

impl Moment {
    fn read(written: &str) -> Option<Self> {
        let mut parts = written.trim().splitn(3, ' ');
        let (day, clock, zone) = (parts.next()?, parts.next(), parts.next().unwrap_or_default());
        let (year, month, date) = read::calendar(day)?;
        let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, date).ok()?;
        let Some(clock) = clock else {
            return Some(Self {
                at: date.midnight(),
                day: true,
                zone: String::new(),
                digits: 0,
            });
        };
        let normal = read::clock_time(clock)?;
        let (whole, fraction) = normal.split_once('.').unwrap_or((&normal, ""));
        let mut numbers = whole.split(':').map(|part| part.parse::<u8>().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        let nanos = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
        let time = Time::from_hms_nano(next(), next(), next(), nanos).ok()?;
        Some(Self {
            at: PrimitiveDateTime::new(date, time),
            day: false,
            zone: zone.to_owned(),
            digits: fraction.len(),
        })
    }

    fn written(&self) -> String {
        let date = self.at.date();
        let day = format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day());
        if self.day {
            return day;
        }
        let time = self.at.time();
        let mut out = format!("{day} {:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
        if self.digits > 0 {
            let nanos = format!("{:09}", time.nanosecond());
            out.push('.');
            out.push_str(&nanos[..self.digits.min(9)]);
        }
        if !self.zone.is_empty() {
            out.push(' ');
            out.push_str(&self.zone);
        }
        out
    }

    fn months(&mut self, months: i64) {
        let date = self.at.date();
        let all = i64::from(date.year()) * 12 + i64::from(u8::from(date.month())) - 1 + months;
        let year = i32::try_from(all.div_euclid(12)).unwrap_or(1970);
        let month = u8::try_from(all.rem_euclid(12) + 1)
            .ok()
            .and_then(|month| Month::try_from(month).ok());
        let month = month.unwrap_or(Month::January);
        let day = date.day().min(month.length(year));
        if let Ok(date) = Date::from_calendar_date(year, month, day) {
            self.at = self.at.replace_date(date);
        }
    }

    fn millis(&mut self, millis: f64) {
        let nanos = (millis * 1e6) as i64;
        if let Some(at) = self.at.checked_add(Duration::nanoseconds(nanos)) {
            self.at = at;
        }
    }
}

fn moment(written: &str) -> std::result::Result<Moment, Failed> {
    let wrong = || {
        Failed::new(
            "INVALID_FUNCTION_ARGUMENT",
            format!("Value cannot be read as a date or timestamp: {written}"),
        )
    };
    Moment::read(written).ok_or_else(wrong)
}

fn unknown(unit: &str) -> Failed {
    Failed::new(
        "INVALID_FUNCTION_ARGUMENT",
        format!("'{unit}' is not a valid TIMESTAMP field"),
    )
}

/// Months or milliseconds of a unit.
enum Unit {
    Months(i64),
    Millis(i64),
}

fn unit(name: &str) -> Option<Unit> {
    Some(match name.to_lowercase().trim_end_matches('s') {
        "millisecond" => Unit::Millis(1),
        "second" => Unit::Millis(1_000),
        "minute" => Unit::Millis(60_000),
        "hour" => Unit::Millis(3_600_000),
        "day" => Unit::Millis(86_400_000),
        "week" => Unit::Millis(7 * 86_400_000),
        "month" => Unit::Months(1),
        "quarter" => Unit::Months(3),
        "year" => Unit::Months(12),
        _ => return None,
    })
}

/// The last moment before `moment` where a unit begins.
fn truncated(unit: &str, mut moment: Moment) -> Option<Moment> {
    let (date, time) = (moment.at.date(), moment.at.time());
    let first = |month: Month| Date::from_calendar_date(date.year(), month, 1).ok();
    let clock = |hour, minute, second, milli| Time::from_hms_milli(hour, minute, second, milli).ok();
    moment.at = match unit {
        "millisecond" => PrimitiveDateTime::new(
            date,
            clock(time.hour(), time.minute(), time.second(), time.millisecond())?,
        ),
        "second" => PrimitiveDateTime::new(date, clock(time.hour(), time.minute(), time.second(), 0)?),
        "minute" => PrimitiveDateTime::new(date, clock(time.hour(), time.minute(), 0, 0)?),
        "hour" => PrimitiveDateTime::new(date, clock(time.hour(), 0, 0, 0)?),
        "day" => date.midnight(),
        "week" => (date - Duration::days(i64::from(date.weekday().number_days_from_monday()))).midnight(),
        "month" => first(date.month())?.midnight(),
        "quarter" => {
            let month = (u8::from(date.month()) - 1) / 3 * 3 + 1;
            first(Month::try_from(month).ok()?)?.midnight()
        }
        "year" => first(Month::January)?.midnight(),
        _ => return None,
    };
    Some(moment)
}

fn part(name: &str, moment: &Moment) -> Option<i64> {
    let (date, time) = (moment.at.date(), moment.at.time());
    Some(match name {
        "year" => i64::from(date.year()),
        "quarter" => i64::from((u8::from(date.month()) - 1) / 3 + 1),
        "month" => i64::from(u8::from(date.month())),
        "week" | "week_of_year" => i64::from(date.iso_week()),
        "year_of_week" => i64::from(date.to_iso_week_date().0),
        "day" | "day_of_month" => i64::from(date.day()),
        "day_of_week" | "dow" => i64::from(date.weekday().number_from_monday()),
        "day_of_year" | "doy" => i64::from(date.ordinal()),
        "hour" => i64::from(time.hour()),
        "minute" => i64::from(time.minute()),
        "second" => i64::from(time.second()),
        "millisecond" => i64::from(time.millisecond()),
        _ => return None,
    })
}

/// Whole units from one moment to another.
fn between(unit: &Unit, from: &Moment, to: &Moment) -> i64 {
    match unit {
        Unit::Millis(size) => {
            let millis = (to.at - from.at).whole_milliseconds();
            i64::try_from(millis).unwrap_or(0) / size
        }
        Unit::Months(size) => {
            let months = |moment: &Moment| i64::from(moment.at.year()) * 12 + i64::from(u8::from(moment.at.month()));
            let mut found = months(to) - months(from);
            let rest = |moment: &Moment| (moment.at.day(), moment.at.time());
            if found > 0 && rest(to) < rest(from) {
                found -= 1;
            } else if found < 0 && rest(to) > rest(from) {
                found += 1;
            }
            found / size
        }
    }
}

/// MySQL's format, as `date_format` takes it.
fn formatted(moment: &Moment, format: &str) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let (date, time) = (moment.at.date(), moment.at.time());
    let month = MONTHS[usize::from(u8::from(date.month())) - 1];
    let day = date.weekday().to_string();
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        out.push_str(&match chars.next() {
            Some('Y') => format!("{:04}", date.year()),
            Some('y') => format!("{:02}", date.year() % 100),
            Some('m') => format!("{:02}", u8::from(date.month())),
            Some('c') => u8::from(date.month()).to_string(),
            Some('d') => format!("{:02}", date.day()),
            Some('e') => date.day().to_string(),
            Some('H' | 'k') => format!("{:02}", time.hour()),
            Some('h' | 'I') => format!("{:02}", (time.hour() + 11) % 12 + 1),
            Some('i') => format!("{:02}", time.minute()),
            Some('s' | 'S') => format!("{:02}", time.second()),
            Some('f') => format!("{:06}", time.microsecond()),
            Some('p') => if time.hour() < 12 { "AM" } else { "PM" }.to_owned(),
            Some('M') => month.to_owned(),
            Some('b') => month[..3].to_owned(),
            Some('W') => day.clone(),
            Some('a') => day[..3].to_owned(),
            Some('j') => format!("{:03}", date.ordinal()),
            Some('T') => format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second()),
            Some(other) => other.to_string(),
            None => String::new(),
        });
    }
    out
}

/// Reads MySQL's format, as `date_parse` takes it.
fn parsed(written: &str, format: &str) -> Option<String> {
    let (mut year, mut month, mut day, mut clock) = (1970_i32, 1_u8, 1_u8, [0_u8; 3]);
    let mut micros = String::new();
    let mut rest = written;
    let mut chars = format.chars();
    let digits = |rest: &mut &str, most: usize| -> Option<String> {
        let count = rest.chars().take(most).take_while(char::is_ascii_digit).count();
        let (found, after) = rest.split_at(count);
        *rest = after;
        (!found.is_empty()).then(|| found.to_owned())
    };
    while let Some(c) = chars.next() {
        if c != '%' {
            rest = rest.strip_prefix(c)?;
            continue;
        }
        match chars.next()? {
            'Y' => year = digits(&mut rest, 4)?.parse().ok()?,
            'm' | 'c' => month = digits(&mut rest, 2)?.parse().ok()?,
            'd' | 'e' => day = digits(&mut rest, 2)?.parse().ok()?,
            'H' | 'k' => clock[0] = digits(&mut rest, 2)?.parse().ok()?,
            'i' => clock[1] = digits(&mut rest, 2)?.parse().ok()?,
            's' | 'S' => clock[2] = digits(&mut rest, 2)?.parse().ok()?,
            'f' => micros = digits(&mut rest, 9)?,
            'T' => {
                for (at, part) in clock.iter_mut().enumerate() {
                    if at > 0 {
                        rest = rest.strip_prefix(':')?;
                    }
                    *part = digits(&mut rest, 2)?.parse().ok()?;
                }
            }
            other => rest = rest.strip_prefix(other)?,
        }
    }
    if !rest.is_empty() {
        return None;
    }
    let millis = format!("{micros:0<3}");
    read::timestamp(&format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{}",
        clock[0],
        clock[1],
        clock[2],
        &millis[..3]
    ))
}

/// An interval as results show it.
pub(crate) fn interval_text(kept: &str) -> String {
    if let Some(months) = kept.strip_prefix('M').and_then(|months| months.parse::<f64>().ok()) {
        let months = months as i64;
        let sign = if months < 0 { "-" } else { "" };
        return format!("{sign}{}-{}", months.abs() / 12, months.abs() % 12);
    }
    match kept.strip_prefix('D').and_then(|millis| millis.parse::<f64>().ok()) {
        Some(millis) => {
            let (sign, all) = (if millis < 0.0 { "-" } else { "" }, millis.abs() as u64);
            let (days, rest) = (all / 86_400_000, all % 86_400_000);
            let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
            format!(
                "{sign}{days} {hours:02}:{minutes:02}:{:02}.{:03}",
                rest / 1000 % 60,
                rest % 1000
            )
        }
        None => kept.to_owned(),
    }
}

fn unix(moment: &Moment) -> f64 {
    moment.at.assume_utc().unix_timestamp_nanos() as f64 / 1e9
}

pub(super) fn register(connection: &Connection) -> Result<()> {
    add_strict(connection, "tr_part", 2, |context| {
        let (name, moment) = (text(context, 0), moment(&text(context, 1))?);
        part(&name, &moment).map(Value::Integer).ok_or_else(|| unknown(&name))
    })?;
    add_strict(connection, "tr_date_trunc", 2, |context| {
        let name = text(context, 0).to_lowercase();
        let found = truncated(&name, moment(&text(context, 1))?).ok_or_else(|| unknown(&name))?;
        Ok(Value::Text(found.written()))
    })?;
    add_strict(connection, "tr_date_add", 3, |context| {
        let (name, count, mut moment) = (text(context, 0), whole(context, 1), moment(&text(context, 2))?);
        match unit(&name).ok_or_else(|| unknown(&name))? {
            Unit::Months(size) => moment.months(size * count),
            Unit::Millis(size) => moment.millis((size * count) as f64),
        }
        Ok(Value::Text(moment.written()))
    })?;
    add_strict(connection, "tr_date_diff", 3, |context| {
        let name = text(context, 0);
        let unit = unit(&name).ok_or_else(|| unknown(&name))?;
        Ok(Value::Integer(between(
            &unit,
            &moment(&text(context, 1))?,
            &moment(&text(context, 2))?,
        )))
    })?;
    // A date or timestamp, an interval, and 1 or -1.
    add_strict(connection, "tr_shift", 3, |context| {
        let (mut moment, interval, sign) = (moment(&text(context, 0))?, text(context, 1), number(context, 2));
        let size = interval
            .get(1..)
            .and_then(|size| size.parse::<f64>().ok())
            .unwrap_or(0.0)
            * sign;
        if interval.starts_with('M') {
            moment.months(size as i64);
        } else {
            moment.millis(size);
        }
        Ok(Value::Text(moment.written()))
    })?;
    add_strict(connection, "tr_apart", 2, |context| {
        let millis = between(
            &Unit::Millis(1),
            &moment(&text(context, 1))?,
            &moment(&text(context, 0))?,
        );
        Ok(Value::Text(format!("D{millis}")))
    })?;
    register_forms(connection)
}

fn register_forms(connection: &Connection) -> Result<()> {
    add_strict(connection, "tr_from_unixtime", 1, |context| {
        let nanos = (number(context, 0) * 1e9) as i128;
        let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let moment = Moment {
            at: PrimitiveDateTime::new(at.date(), at.time()),
            day: false,
            zone: "UTC".to_owned(),
            digits: 3,
        };
        Ok(Value::Text(moment.written()))
    })?;
    add_strict(connection, "tr_to_unixtime", 1, |context| {
        Ok(Value::Real(unix(&moment(&text(context, 0))?)))
    })?;
    add_strict(connection, "tr_from_iso8601_timestamp", 1, |context| {
        let written = text(context, 0);
        let plain = written.trim_end_matches('Z');
        let plain = plain.strip_suffix("+00:00").unwrap_or(plain);
        let found = read::timestamp(plain)
            .ok_or_else(|| Failed::new("INVALID_FUNCTION_ARGUMENT", format!("Invalid format: \"{written}\"")))?;
        let (rest, fraction) = found.split_once('.').unwrap_or((&found, ""));
        let fraction = format!("{fraction:0<3}");
        Ok(Value::Text(format!("{rest}.{} UTC", &fraction[..3])))
    })?;
    add_strict(connection, "tr_from_iso8601_date", 1, |context| {
        let written = text(context, 0);
        let wrong = || Failed::new("INVALID_FUNCTION_ARGUMENT", format!("Invalid format: \"{written}\""));
        Ok(Value::Text(read::date(&written).ok_or_else(wrong)?))
    })?;
    add_strict(connection, "tr_to_iso8601", 1, |context| {
        let moment = moment(&text(context, 0))?;
        let (zoned, written) = (!moment.zone.is_empty(), moment.written());
        let plain = written
            .strip_suffix(&format!(" {}", moment.zone))
            .unwrap_or(&written)
            .replace(' ', "T");
        Ok(Value::Text(if zoned { format!("{plain}Z") } else { plain }))
    })?;
    add_strict(connection, "tr_date_format", 2, |context| {
        Ok(Value::Text(formatted(&moment(&text(context, 0))?, &text(context, 1))))
    })?;
    add_strict(connection, "tr_date_parse", 2, |context| {
        let (written, format) = (text(context, 0), text(context, 1));
        let wrong = || Failed::new("INVALID_FUNCTION_ARGUMENT", format!("Invalid format: \"{written}\""));
        Ok(Value::Text(parsed(&written, &format).ok_or_else(wrong)?))
    })?;
    add(connection, "tr_last_day_of_month", 1, |context| {
        if context.get_raw(0) == ValueRef::Null {
            return Ok(Value::Null);
        }
        let date = moment(&text(context, 0))?.at.date();
        let last = date.month().length(date.year());
        Ok(Value::Text(format!(
            "{:04}-{:02}-{last:02}",
            date.year(),
            u8::from(date.month())
        )))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn units_of_moments() {
        let trunc = |unit: &str, written: &str| truncated(unit, Moment::read(written).unwrap()).unwrap().written();
        assert_eq!(trunc("month", "2024-02-29"), "2024-02-01");
        assert_eq!(
            trunc("hour", "2024-02-29 13:14:15.678 UTC"),
            "2024-02-29 13:00:00.000 UTC"
        );
        assert_eq!(trunc("week", "2024-02-29"), "2024-02-26");
        assert_eq!(trunc("quarter", "2024-02-29 01:02:03"), "2024-01-01 00:00:00");
        let mut end = Moment::read("2024-01-31").unwrap();
        end.months(1);
        assert_eq!(end.written(), "2024-02-29");
        let apart = |name: &str, from: &str, to: &str| {
            between(
                &unit(name).unwrap(),
                &Moment::read(from).unwrap(),
                &Moment::read(to).unwrap(),
            )
        };
        assert_eq!(apart("month", "2024-01-31", "2024-02-29"), 0);
        assert_eq!(apart("day", "2024-03-01", "2024-02-28"), -2);
        assert_eq!(apart("year", "2020-02-29", "2024-02-28 23:59:59"), 3);
    }

    #[test]
    fn forms() {
        let moment = Moment::read("2024-02-09 13:04:05.678").unwrap();
        assert_eq!(
            formatted(&moment, "%Y/%m/%d %H:%i:%s %p %W %b %%"),
            "2024/02/09 13:04:05 PM Friday Feb %"
        );
        assert_eq!(
            parsed("09.02.2024 13:04", "%d.%m.%Y %H:%i").unwrap(),
            "2024-02-09 13:04:00.000"
        );
        assert_eq!(parsed("09.13.2024", "%d.%m.%Y"), None);
        assert_eq!(interval_text("D93784000"), "1 02:03:04.000");
        assert_eq!(interval_text("M14"), "1-2");
    }
}
