//! Which tables go into which file, and whether they fit together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::publish::Output;
use super::spool::SpooledTable;
use crate::table::{Heading, Kind};

/// The path of the output, with what may stand in it: `{accountId}`, `{region}`, `{statement}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputPath(pub(crate) PathBuf);

/// What may stand in the path of the output.
pub(crate) const PLACEHOLDERS: [&str; 3] = ["{accountId}", "{region}", "{statement}"];

impl OutputPath {
    /// Whether there is a file for every statement.
    pub fn is_by_statement(&self) -> bool {
        self.0.to_string_lossy().contains(PLACEHOLDERS[2])
    }

    /// Whether there may be several files.
    pub fn is_several(&self) -> bool {
        PLACEHOLDERS
            .iter()
            .any(|place| self.0.to_string_lossy().contains(place))
    }

    /// The file for a table.
    pub fn of(&self, account: &str, region: &str, number: &str) -> PathBuf {
        if !self.is_several() {
            return self.0.clone();
        }
        let mut path = self.0.to_string_lossy().into_owned();
        for (place, value) in PLACEHOLDERS.iter().zip([account, region, number]) {
            path = path.replace(place, value);
        }
        PathBuf::from(path)
    }

    /// A path that stands for all of them.
    pub fn of_all(&self) -> PathBuf {
        self.of("all", "all", "all")
    }

    /// The directory that must be there: the last one without a placeholder in it.
    pub fn directory(&self) -> PathBuf {
        let known = |directory: &&Path| {
            let name = directory.to_string_lossy();
            !PLACEHOLDERS.iter().any(|place| name.contains(place))
        };
        let parent = self.0.ancestors().skip(1).find(known);
        let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
        parent.unwrap_or(Path::new(".")).to_owned()
    }
}

/// A slice that has been collected.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) account: String,
    pub(crate) region: String,
    /// Whether the rows are those of an earlier run.
    pub(crate) stale: bool,
    pub(crate) tables: Vec<SpooledTable>,
}

/// Tables whose columns differ from those of most others in the same file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Index of the slice.
    pub(crate) slice: usize,
    /// What differs from what.
    pub(crate) why: String,
}

/// Sorts the tables of `slices`, which stand in order, into outputs. `fixed` are the columns of a file without tables.
/// Slices that do not fit are left out as a whole.
pub(crate) fn layout(
    path: Option<&OutputPath>,
    leading: &[Heading],
    fixed: Option<&[Heading]>,
    slices: &[Ended],
) -> (Vec<Output>, Vec<Misfit>) {
    let mut files: BTreeMap<Option<PathBuf>, Vec<(usize, &SpooledTable)>> = BTreeMap::new();
    let place = |slice: &Ended, table: &SpooledTable| {
        path.map(|path| path.of(&slice.account, &slice.region, &table.number.to_string()))
    };
    for (index, slice) in slices.iter().enumerate() {
        for table in &slice.tables {
            files.entry(place(slice, table)).or_default().push((index, table));
        }
    }
    let mut misfits: BTreeMap<usize, String> = BTreeMap::new();
    for tables in files.values() {
        let Some(common) = most_common(tables) else { continue };
        for (index, table) in tables {
            if let Some(why) = difference(&table.columns, &common.1.columns) {
                let (with, region) = (&slices[common.0].account, &slices[common.0].region);
                let why = format!("{why} in account {with}, {region}");
                misfits.entry(*index).or_insert(why);
            }
        }
    }
    let mut outputs = Vec::new();
    for (path, mut tables) in files {
        tables.retain(|(index, _)| !misfits.contains_key(index));
        let Some((_, first)) = tables.first() else { continue };
        let mut columns = first.columns.to_vec();
        for (_, table) in &tables {
            for (column, other) in columns.iter_mut().zip(table.columns.iter()) {
                column.kind = column.kind.widest(other.kind).unwrap_or(column.kind);
            }
        }
        outputs.push(Output {
            path,
            columns: leading.iter().cloned().chain(columns).collect(),
            tables: tables.into_iter().map(|(_, table)| table.clone()).collect(),
        });
    }
    let one_file = !path.is_some_and(OutputPath::is_several);
    if let Some(fixed) = fixed.filter(|_| outputs.is_empty() && one_file) {
        outputs.push(Output {
            path: path.map(|path| path.0.clone()),
            columns: leading.iter().chain(fixed).cloned().collect(),
            tables: Vec::new(),
        });
    }
    let misfits = misfits.into_iter().map(|(slice, why)| Misfit { slice, why }).collect();
    (outputs, misfits)
}

/// The first of those tables whose columns most tables have.
fn most_common<'a>(tables: &[(usize, &'a SpooledTable)]) -> Option<(usize, &'a SpooledTable)> {
    let mut best: Option<(usize, (usize, &SpooledTable))> = None;
    let mut seen: Vec<&[Heading]> = Vec::new();
    for (index, table) in tables {
        if seen.iter().any(|columns| difference(columns, &table.columns).is_none()) {
            continue;
        }
        seen.push(&table.columns);
        let alike = |(_, other): &&(usize, &SpooledTable)| difference(&table.columns, &other.columns).is_none();
        let count = tables.iter().filter(alike).count();
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, (*index, table)));
        }
    }
    best.map(|(_, table)| table)
}

/// In words, how columns differ so that their rows cannot stand in one file.
fn difference(columns: &[Heading], others: &[Heading]) -> Option<String> {
    if columns.len() != others.len() {
        return Some(format!(
            "the result has {} columns, but {}",
            columns.len(),
            others.len()
        ));
    }
    let differs =
        |(column, other): &(&Heading, &Heading)| column.name != other.name || column.kind.widest(other.kind).is_none();
    let shown = |column: &Heading| format!("`{}` ({})", column.name, kind(column.kind));
    columns
        .iter()
        .zip(others)
        .find(differs)
        .map(|(column, other)| format!("the result has column {}, but {}", shown(column), shown(other)))
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Decimal(precision, scale) => format!("decimal({precision},{scale})"),
        other => other.name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn table(number: u32, columns: &[(&str, Kind)]) -> SpooledTable {
        let columns: Vec<_> = columns.iter().map(|(name, kind)| Heading::new(*name, *kind)).collect();
        SpooledTable::empty(number, Arc::from(columns))
    }

    fn slice(account: &str, tables: Vec<SpooledTable>) -> Ended {
        Ended {
            account: account.to_owned(),
            region: "r".to_owned(),
            stale: false,
            tables,
        }
    }

    #[test]
    fn what_most_slices_have_decides_and_the_others_do_not_fit() {
        let common = [("a", Kind::Integer), ("b", Kind::Decimal(5, 2))];
        let slices = [
            slice("1", vec![table(1, &[("a", Kind::Text)])]),
            slice("2", vec![table(1, &common)]),
            slice("3", vec![table(1, &[("a", Kind::Integer), ("b", Kind::Decimal(4, 3))])]),
            slice("4", vec![table(1, &[("a", Kind::Text), ("b", Kind::Decimal(5, 2))])]),
        ];
        let (outputs, misfits) = layout(None, &[], None, &slices);
        assert_eq!(outputs.len(), 1);
        assert_eq!(outputs[0].tables.len(), 2);
        assert_eq!(outputs[0].columns[1].kind, Kind::Decimal(6, 3));
        let why: Vec<_> = misfits
            .iter()
            .map(|misfit| (misfit.slice, misfit.why.as_str()))
            .collect();
        assert_eq!(
            why,
            [
                (0, "the result has 1 columns, but 2 in account 2, r"),
                (3, "the result has column `a` (text), but `a` (integer) in account 2, r"),
            ]
        );
    }

    #[test]
    fn placeholders_make_a_file_each() {
        let path = OutputPath(PathBuf::from("out/{accountId}-{statement}.csv"));
        let one = || table(1, &[("a", Kind::Text)]);
        let slices = [
            slice("1", vec![one(), table(3, &[("b", Kind::Text)])]),
            slice("2", vec![one()]),
        ];
        let (outputs, misfits) = layout(Some(&path), &[], None, &slices);
        let paths: Vec<_> = outputs.iter().filter_map(|output| output.path.clone()).collect();
        assert_eq!(paths, ["out/1-1.csv", "out/1-3.csv", "out/2-1.csv"].map(PathBuf::from));
        assert_eq!(misfits, []);
        assert_eq!(path.of_all(), Path::new("out/all-all.csv"));
        assert_eq!(path.directory(), Path::new("out"));
        let nested = OutputPath(PathBuf::from("{accountId}/{region}/rows.csv"));
        assert_eq!(nested.directory(), Path::new("."));
    }

    #[test]
    fn fixed_columns_make_a_file_without_rows() {
        let fixed = [Heading::new("a", Kind::Text)];
        let (outputs, _) = layout(None, &[], Some(&fixed), &[]);
        assert_eq!(outputs.len(), 1);
        assert!(layout(None, &[], None, &[]).0.is_empty());
    }
}
