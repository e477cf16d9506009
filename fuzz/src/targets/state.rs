//! What a run goes on from.

use std::io::{BufReader, Write as _};
use std::path::Path;

use serde_json::Value as Json;

use crate::rows::Spool;
use crate::state::{directory_of, read, tables, written};

/// A journal as it is, behind a 0; or its lines without their checksums, which are put in front of them.
pub fn state_journal(data: &[u8]) {
    let Some((form, data)) = data.split_first() else { return };
    let journal = match form {
        0 => data.to_vec(),
        _ => data
            .split_inclusive(|byte| *byte == b'\n')
            .flat_map(with_checksum)
            .collect(),
    };
    let whole = read(&journal[..]);
    assert_eq!(
        read(BufReader::with_capacity(1 + usize::from(*form), &journal[..])),
        whole
    );
    let Ok(whole) = whole else { return };
    let kept = &journal[..usize::try_from(whole.length).expect("64 bits")];
    assert!(kept.is_empty() || kept.ends_with(b"\n"));
    assert_eq!(kept.iter().filter(|byte| **byte == b'\n').count(), whole.lines.len());
    // What is left out is the beginning of one line.
    assert!(!journal[kept.len()..].contains(&b'\n'));
    let again = read(&written(&whole.lines)[..]).expect("what was written is read");
    let without_fractions = |lines: Vec<Json>| lines.into_iter().map(without_fractions).collect::<Vec<_>>();
    assert_eq!(without_fractions(again.lines), without_fractions(whole.lines));
    let Ok(Some(tables)) = tables(&journal[..]) else { return };
    // Rows that are not there, are others, or are far behind the end.
    let mut rows = tempfile::tempfile().expect("a file");
    rows.write_all(b"rows of another run\n").expect("room");
    let spool = Spool::in_file_as_it_is(rows, Path::new(".")).expect("a spool");
    for table in tables {
        let _ = spool.check(&table);
    }
}

fn with_checksum(line: &[u8]) -> Vec<u8> {
    let json = line.strip_suffix(b"\n").unwrap_or(line);
    let mut text = format!("{:08x} ", crc32fast::hash(json)).into_bytes();
    text.extend_from_slice(line);
    text
}

/// The last digit of a fraction may change with each reading; nothing hangs on it.
fn without_fractions(json: Json) -> Json {
    match json {
        Json::Number(number) if number.is_f64() => Json::Null,
        Json::Array(items) => items.into_iter().map(without_fractions).collect(),
        Json::Object(entries) => entries
            .into_iter()
            .map(|(name, value)| (name, without_fractions(value)))
            .collect(),
        other => other,
    }
}

/// A ledger.
pub fn ledger(data: &[u8]) {
    let json = serde_json::from_slice::<Json>(data).ok();
    let state = json.as_ref().and_then(|json| json.get("state")).and_then(Json::as_str);
    match directory_of(data) {
        Ok(directory) => assert_eq!(directory.to_str(), state),
        Err(why) => {
            assert_eq!(state, None);
            assert!(
                !why.is_empty() && why.len() < 200 && !why.contains(char::is_control),
                "{why}"
            );
        }
    }
}
