//! What an unfinished run has left, as far as it is read.

#[path = "../../crates/connector-core/src/state/earlier.rs"]
mod earlier;
#[path = "../../crates/connector-core/src/state/lines.rs"]
mod lines;
#[path = "../../crates/connector-core/src/state/of_ledger.rs"]
mod of_ledger;

use std::io::BufRead;

pub(crate) use of_ledger::directory_of;

use crate::rows::SpooledTable;

/// Lines of a journal, each as JSON, how many bytes they are, and the tables of the slices in them; or the message.
#[derive(Debug, PartialEq)]
pub(crate) struct Read {
    pub(crate) lines: Vec<serde_json::Value>,
    pub(crate) length: u64,
}

/// Reads a journal.
pub(crate) fn read(journal: impl BufRead) -> Result<Read, String> {
    let (lines, length) = lines::read_from(journal, "journal").map_err(|error| error.to_string())?;
    let lines = lines
        .iter()
        .map(|line| serde_json::to_value(line).expect("JSON"))
        .collect();
    Ok(Read { lines, length })
}

/// The tables that a journal says are in the rows; `None` where nothing was written.
pub(crate) fn tables(journal: impl BufRead) -> Result<Option<Vec<SpooledTable>>, String> {
    let found = lines::read_from(journal, "journal").and_then(|read| earlier::of_lines(read, "journal"));
    let Some(found) = found.map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let all = found
        .earlier
        .slices
        .into_values()
        .chain(found.earlier.stale.into_values());
    let tables: Vec<SpooledTable> = all.flat_map(|(_, tables)| tables).collect();
    assert!(tables.iter().all(|table| table.end() <= found.rows_end));
    Ok(Some(tables))
}

/// The bytes of a journal with these lines.
pub(crate) fn written(lines: &[serde_json::Value]) -> Vec<u8> {
    let line = |line: &serde_json::Value| {
        let line: lines::Line = serde_json::from_value(line.clone()).expect("a line that was read");
        lines::encoded(&line).expect("JSON")
    };
    lines.iter().flat_map(line).collect()
}
