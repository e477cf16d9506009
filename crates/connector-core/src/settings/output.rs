//! Where rows and ledger go, and in which form.

use std::path::{Path, PathBuf};

use super::places::{self, failed_of, is_same, ledger_of};
use super::{Destination, Rules};
use crate::connector::About;
use crate::parameters::Parameter;
use crate::parameters::catalog::*;
use crate::rows::{Format, Formulas, OutputPath, PLACEHOLDERS, directory_of};
use crate::shard::{SHARD_PLACEHOLDER, Shard};

impl Rules<'_> {
    pub(super) fn leading(&mut self, about: &About) -> Vec<String> {
        let named = self.values.list(&LEADING_COLUMNS);
        match named {
            [] => return about.leading.iter().map(|name| (*name).to_owned()).collect(),
            [none] if none == "none" => return Vec::new(),
            _ => {}
        }
        let names: Vec<&str> = crate::rows::LEADING_COLUMNS.iter().map(|(name, ..)| *name).collect();
        for name in named.iter().filter(|name| !names.contains(&name.as_str())) {
            self.problem(format!(
                "leading_columns: `{name}` is none of {}; or write none alone",
                names.join(", ")
            ));
        }
        named.to_vec()
    }

    pub(super) fn formulas(&mut self, format: Format) -> Formulas {
        if !self.values.boolean(&CSV_SAFE) {
            return Formulas::Kept;
        }
        if format != Format::Csv {
            let name = format.name();
            self.warnings.push(format!(
                "csv_safe has a meaning with format csv only: {name} is written as it is"
            ));
        }
        Formulas::Defused
    }

    /// `text` with the shard's index in it.
    fn of_shard(&mut self, parameter: &Parameter, text: &str, shard: Option<Shard>) -> PathBuf {
        let Some(shard) = shard else {
            // A wrong shard has its own message.
            if text.contains(SHARD_PLACEHOLDER) && !self.values.has(&SHARD) {
                let name = parameter.name;
                self.problem(format!(
                    "{name}: {SHARD_PLACEHOLDER} has a meaning with shard only: set shard, or remove it from the path"
                ));
            }
            return PathBuf::from(text);
        };
        PathBuf::from(text.replace(SHARD_PLACEHOLDER, &shard.index.to_string()))
    }

    pub(super) fn outputs(&mut self, shard: Option<Shard>) -> (Destination, Format, Option<PathBuf>) {
        let output = match self.values.text(&OUTPUT) {
            None | Some("-") => Destination::Stdout,
            Some(path) => Destination::File(OutputPath(self.of_shard(&OUTPUT, path, shard))),
        };
        let format = self.format(&output);
        let ledger = match (self.values.text(&LEDGER), &output) {
            (Some(path), _) => Some(self.of_shard(&LEDGER, path, shard)),
            (None, Destination::File(path)) => Some(ledger_of(path)),
            (None, Destination::Stdout) => None,
        };
        if let Destination::File(path) = &output {
            self.writable(&OUTPUT, &path.of_all(), &path.directory());
            self.place(&OUTPUT, places::has_room_for_state(path));
            let is_output = |ledger: &Path| is_same(ledger, &path.of_all());
            if ledger
                .as_ref()
                .is_some_and(|ledger| is_output(ledger) || is_output(&failed_of(ledger)))
            {
                self.problem("ledger and output name the same file: give the ledger another name");
            }
        }
        if let Some(path) = &ledger {
            if self.values.has(&LEDGER) {
                self.writable(&LEDGER, path, directory_of(path));
            } else if self.problems.is_empty() {
                // Its directory may have placeholders in it, and is made then; it is the output's otherwise.
                self.place(&LEDGER, places::replaceable(path, instead_of(&LEDGER)));
            }
            if self.problems.is_empty() {
                self.place(&LEDGER, places::replaceable(&failed_of(path), instead_of(&LEDGER)));
            }
        }
        (output, format, ledger)
    }

    /// The one that is given, or that of the output's ending; CSV where there is neither.
    fn format(&mut self, output: &Destination) -> Format {
        let given = self.values.text(&FORMAT).and_then(Format::named);
        let Destination::File(path) = output else {
            return given.unwrap_or(Format::Csv);
        };
        if let Some(unknown) = path.unknown_placeholder(SHARD_PLACEHOLDER) {
            let known = PLACEHOLDERS.join(", ");
            self.problem(format!(
                "output: {unknown} is no placeholder: there are {known} and {SHARD_PLACEHOLDER}, written like this"
            ));
        }
        let ending = path.0.extension().and_then(|ending| ending.to_str());
        let Some(ending) = ending else {
            return given.unwrap_or(Format::Csv);
        };
        match (Format::named(ending), given) {
            (Some(named), None) => named,
            (Some(named), Some(given)) => {
                if named != given {
                    self.warnings.push(format!(
                        "output ends in .{ending}, and format is {}: the file has {} in it",
                        given.name(),
                        given.name()
                    ));
                }
                given
            }
            (None, given) => {
                let (why, of_another) = match ending.to_ascii_lowercase().as_str() {
                    "gz" | "bz2" | "xz" | "zst" | "lz4" | "zip" | "7z" => {
                        (" (rows are not compressed, but for those of parquet)", true)
                    }
                    "xlsx" | "xls" | "ods" => (" (a spreadsheet opens .csv, with csv_safe)", true),
                    "avro" | "orc" | "arrow" | "feather" | "tsv" | "xml" | "yaml" | "html" | "db" | "sqlite" => {
                        ("", true)
                    }
                    _ => ("", false),
                };
                if of_another || given.is_none() {
                    self.problem(format!(
                        "output: .{ending} is the ending of no format{why}: let it end in .csv, .json, .jsonl, .ndjson or \
                         .parquet, or in nothing{}",
                        if of_another { "" } else { ", or name the format too" }
                    ));
                }
                given.unwrap_or(Format::Csv)
            }
        }
    }

    fn writable(&mut self, parameter: &Parameter, path: &Path, directory: &Path) {
        let tried = places::writable(path, directory, instead_of(parameter));
        self.place(parameter, tried);
    }

    fn place(&mut self, parameter: &Parameter, tried: Result<(), String>) {
        if let Err(why) = tried {
            self.problem(format!("{}: {why}", parameter.name));
        }
    }
}

/// What may be named where a device or a pipe was.
fn instead_of(parameter: &Parameter) -> &'static str {
    match parameter.name {
        "output" => "name a file; for a pipe or device let - be the output, and lead standard output there",
        _ => "name a file",
    }
}
