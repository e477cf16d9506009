//! Whether two programs deliver the same: a digest of rows in which their order does not count, nor how a cell is written.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead, BufReader, Read};

use serde_json::Value as Json;

use crate::Anything;

/// Rows, told apart by their number and the sum of their hashes. It needs no memory, and is no defence against anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// How many rows there are.
    pub rows: u64,
    /// Sum of the hashes of all rows.
    pub sum: u64,
}

impl Digest {
    fn add<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        let mut hasher = DefaultHasher::new();
        for cell in cells {
            canonical(cell).hash(&mut hasher);
        }
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hasher.finish());
    }

    /// Adds these columns of a CSV with a header.
    ///
    /// # Errors
    /// What is no CSV, or lacks a column.
    pub fn add_csv(&mut self, input: impl Read, columns: &[String]) -> Result<(), Anything> {
        let mut reader = csv::Reader::from_reader(input);
        let header = reader.headers()?.clone();
        let places: Result<Vec<_>, _> = columns
            .iter()
            .map(|column| {
                header
                    .iter()
                    .position(|name| name == column)
                    .ok_or_else(|| format!("no column {column}"))
            })
            .collect();
        let places = places?;
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record)? {
            self.add(places.iter().map(|place| record.get(*place).unwrap_or_default()));
        }
        Ok(())
    }

    /// Adds tab-separated lines that have these very columns.
    ///
    /// # Errors
    /// A line with another number of cells.
    pub fn add_lines(&mut self, input: impl Read, columns: &[String]) -> Result<(), Anything> {
        for line in BufReader::new(input).lines() {
            let line = line?;
            let cells: Vec<_> = line.split('\t').collect();
            if cells.len() != columns.len() {
                return Err(format!("{} cells, {} are wanted: {line}", cells.len(), columns.len()).into());
            }
            self.add(cells);
        }
        Ok(())
    }

    /// Adds these members of JSON objects, one a line.
    ///
    /// # Errors
    /// A line that is no object with all of them.
    pub fn add_json_lines(&mut self, input: impl Read, columns: &[String]) -> Result<(), Anything> {
        for line in BufReader::new(input).lines() {
            let row: Json = serde_json::from_str(&line?)?;
            let cells: Result<Vec<_>, String> = columns
                .iter()
                .map(|column| match row.get(column) {
                    Some(Json::String(text)) => Ok(text.clone()),
                    Some(Json::Null) => Ok(String::new()),
                    Some(other) => Ok(other.to_string()),
                    None => Err(format!("no member {column}")),
                })
                .collect();
            self.add(cells?.iter().map(String::as_str));
        }
        Ok(())
    }
}

/// A cell in one of the ways to write it: programs differ in zeros behind the point, in exponents, in the `T` of a timestamp, in
/// the capital of `True`. NULL and the empty text are one: what most programs write does not tell them apart.
fn canonical(cell: &str) -> String {
    match cell {
        "True" => return "true".to_owned(),
        "False" => return "false".to_owned(),
        _ => {}
    }
    let bytes = cell.as_bytes();
    if !bytes
        .first()
        .is_some_and(|first| first.is_ascii_digit() || *first == b'-')
    {
        return cell.to_owned();
    }
    let is_timestamp = bytes.len() >= 19 && [4, 7, 13, 16].map(|at| bytes[at]) == *b"--::";
    if is_timestamp {
        let text = cell.replacen('T', " ", 1);
        return match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        };
    }
    let is_number = bytes
        .iter()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte));
    match cell.parse::<f64>() {
        // Whole numbers may have more digits than a double.
        Ok(number) if is_number && cell.contains(['.', 'e', 'E']) => number.to_string(),
        _ => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn of_csv(text: &str, names: &[&str]) -> Digest {
        let mut digest = Digest::default();
        digest.add_csv(text.as_bytes(), &columns(names)).unwrap();
        digest
    }

    #[test]
    fn order_and_other_columns_do_not_count() {
        let first = of_csv("a,b,c\n1,x,p\n2,y,q\n", &["b", "a"]);
        assert_eq!(first, of_csv("b,a\ny,2\nx,1\n", &["b", "a"]));
        let mut lines = Digest::default();
        lines
            .add_lines("x\t1\ny\t2\n".as_bytes(), &columns(&["b", "a"]))
            .unwrap();
        assert_eq!(first, lines);
        let mut json = Digest::default();
        let text = "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\",\"c\":null}\n";
        json.add_json_lines(text.as_bytes(), &columns(&["b", "a"])).unwrap();
        assert_eq!(first, json);
    }

    #[test]
    fn other_rows_are_found() {
        let first = of_csv("a,b\n1,x\n2,y\n", &["a", "b"]);
        for other in [
            "a,b\n1,y\n2,x\n",
            "a,b\n1,x\n",
            "a,b\n1,x\n2,y\n2,y\n",
            "a,b\n1,x\n2,\n",
            "a,b\n1x,\n2,y\n",
        ] {
            assert_ne!(first, of_csv(other, &["a", "b"]), "{other}");
        }
        let mut digest = Digest::default();
        assert!(digest.add_csv("a\n1\n".as_bytes(), &columns(&["b"])).is_err());
        assert!(digest.add_lines("1\n".as_bytes(), &columns(&["a", "b"])).is_err());
    }

    #[test]
    fn the_same_value_is_written_in_many_ways() {
        let same = [
            ("0.102589770", "0.10258977"),
            ("0.000000000", "0"),
            ("0.0", "0"),
            ("0.000012345", "1.2345e-05"),
            ("True", "true"),
            ("2026-01-01 03:04:05.000", "2026-01-01T03:04:05"),
            ("2026-01-01 03:04:05.010", "2026-01-01T03:04:05.010000"),
        ];
        for (one, other) in same {
            assert_eq!(canonical(one), canonical(other));
        }
        for (one, other) in [
            ("0.1025897701", "0.10258977"),
            ("2026-01-01 03:04:05.1", "2026-01-01 03:04:05.01"),
            ("9007199254740993", "9007199254740992"),
            ("10", "1"),
            ("", "0"),
        ] {
            assert_ne!(canonical(one), canonical(other));
        }
    }
}
