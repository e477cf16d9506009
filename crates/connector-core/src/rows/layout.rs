//! Which tables go into which file, and whether they fit together.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::encode::Format;
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

    /// What stands in braces and is none of the placeholders, nor `other`.
    pub(crate) fn unknown_placeholder(&self, other: &str) -> Option<String> {
        let path = self.0.to_string_lossy();
        let mut rest = &*path;
        while let Some(start) = rest.find('{') {
            let end = rest[start..].find('}').map(|end| start + end + 1)?;
            let place = &rest[start..end];
            if !PLACEHOLDERS.contains(&place) && place != other {
                return Some(place.to_owned());
            }
            rest = &rest[end..];
        }
        None
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
    format: Format,
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
    let mut outputs = Vec::new();
    for (path, tables) in files {
        let common = Common::of(format, &tables, |first| {
            format!("in account {}, {}", slices[first].account, slices[first].region)
        });
        for (index, why) in common.misfits {
            misfits.entry(index).or_insert(why);
        }
        outputs.push((path, common.columns, tables));
    }
    // A slice that does not fit into one file is in none.
    let fitting = outputs.into_iter().filter_map(|(path, columns, tables)| {
        let fits = |(index, _): &(usize, &SpooledTable)| !misfits.contains_key(index);
        let tables: Vec<_> = tables
            .into_iter()
            .filter(fits)
            .map(|(_, table)| table.clone())
            .collect();
        (!tables.is_empty()).then(|| Output {
            path,
            columns: leading.iter().cloned().chain(columns).collect(),
            tables,
        })
    });
    let mut outputs: Vec<Output> = fitting.collect();
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

/// The columns of one file.
struct Common {
    /// Wide enough for all tables that fit.
    columns: Vec<Heading>,
    /// Slices with a table that does not fit, and why.
    misfits: Vec<(usize, String)>,
}

/// Tables with the same columns.
struct Alike<'a> {
    columns: &'a [Heading],
    /// Their slices, in order.
    slices: Vec<usize>,
}

impl Common {
    /// The columns that fit most tables decide, the first of them in order where there are ties. The others widen them, the most
    /// frequent columns first, for as long as there is a type that holds all values: two decimals that each fit a third one may
    /// not fit it together.
    fn of(format: Format, tables: &[(usize, &SpooledTable)], place: impl Fn(usize) -> String) -> Self {
        let mut alike: Vec<Alike<'_>> = Vec::new();
        for (slice, table) in tables {
            match alike.iter_mut().find(|alike| is_same(alike.columns, &table.columns)) {
                Some(alike) => alike.slices.push(*slice),
                None => alike.push(Alike {
                    columns: &table.columns,
                    slices: vec![*slice],
                }),
            }
        }
        let fitting = |one: &Alike<'_>| -> usize {
            let fits = |other: &&Alike<'_>| difference(format, one.columns, other.columns).is_none();
            alike.iter().filter(fits).map(|other| other.slices.len()).sum()
        };
        // `max_by_key` takes the last of several.
        let base = (0..alike.len()).rev().max_by_key(|at| fitting(&alike[*at]));
        let mut common = Common {
            columns: Vec::new(),
            misfits: Vec::new(),
        };
        let Some(base) = base.map(|at| alike.remove(at)) else {
            return common;
        };
        common.columns = base.columns.to_vec();
        let place = place(base.slices[0]);
        alike.sort_by_key(|others| Reverse(others.slices.len()));
        for others in alike {
            let why = match difference(format, others.columns, base.columns) {
                Some(why) => Some(format!("{why} {place}")),
                None => difference(format, others.columns, &common.columns)
                    .map(|why| format!("{why} for what is {place}, and in others that fit it")),
            };
            if let Some(why) = why {
                common
                    .misfits
                    .extend(others.slices.into_iter().map(|slice| (slice, why.clone())));
                continue;
            }
            for (column, other) in common.columns.iter_mut().zip(others.columns) {
                column.kind = widest(format, column.kind, other.kind).unwrap_or(column.kind);
            }
        }
        common
    }
}

/// The narrowest type that holds the values of both. CSV and JSON write a decimal as the text that it is: any others fit beside it.
fn widest(format: Format, one: Kind, other: Kind) -> Option<Kind> {
    match (one, other) {
        (Kind::Decimal(..), Kind::Decimal(..)) if format != Format::Parquet => Some(one),
        _ => one.widest(other),
    }
}

fn is_same(columns: &[Heading], others: &[Heading]) -> bool {
    let same = |(column, other): (&Heading, &Heading)| column.name == other.name && column.kind == other.kind;
    columns.len() == others.len() && columns.iter().zip(others).all(same)
}

/// In words, how columns differ so that their rows cannot stand in one file.
fn difference(format: Format, columns: &[Heading], others: &[Heading]) -> Option<String> {
    if columns.len() != others.len() {
        return Some(format!(
            "the result has {} columns, but {}",
            columns.len(),
            others.len()
        ));
    }
    let differs = |(column, other): &(&Heading, &Heading)| {
        column.name != other.name || widest(format, column.kind, other.kind).is_none()
    };
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
mod writable;

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
        let (outputs, misfits) = layout(None, Format::Parquet, &[], None, &slices);
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
        let (outputs, misfits) = layout(Some(&path), Format::Csv, &[], None, &slices);
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
        let (outputs, _) = layout(None, Format::Csv, &[], Some(&fixed), &[]);
        assert_eq!(outputs.len(), 1);
        assert!(layout(None, Format::Csv, &[], None, &[]).0.is_empty());
    }

    /// Each of the others fits beside (10,2), and no decimal has the digits of all.
    #[test]
    fn decimals_that_fit_one_by_one_may_not_fit_together() {
        let kinds = [(10, 2), (10, 2), (36, 0), (20, 10)].map(|(precision, scale)| Kind::Decimal(precision, scale));
        let decimals = |kinds: &[Kind]| -> Vec<Ended> {
            let slices = kinds.iter().zip(1..);
            let one = |(kind, account): (&Kind, u32)| slice(&account.to_string(), vec![table(1, &[("d", *kind)])]);
            slices.map(one).collect()
        };
        let (outputs, misfits) = layout(None, Format::Parquet, &[], None, &decimals(&kinds));
        assert_eq!(
            (outputs[0].columns[0].kind, outputs[0].tables.len()),
            (Kind::Decimal(38, 2), 3)
        );
        let why = "the result has column `d` (decimal(20,10)), but `d` (decimal(38,2)) for what is in account 1, r, and in \
                   others that fit it";
        let misfit = Misfit {
            slice: 3,
            why: why.to_owned(),
        };
        assert_eq!(misfits, [misfit]);
        // The more frequent columns go first, wherever they stand.
        let kinds = [kinds[0], kinds[0], kinds[0], kinds[2], kinds[3], kinds[3]];
        let (outputs, misfits) = layout(None, Format::Parquet, &[], None, &decimals(&kinds));
        assert_eq!(outputs[0].columns[0].kind, Kind::Decimal(20, 10));
        assert_eq!(misfits.iter().map(|misfit| misfit.slice).collect::<Vec<_>>(), [3]);
        for format in [Format::Csv, Format::Json, Format::Jsonl] {
            let (outputs, misfits) = layout(None, format, &[], None, &decimals(&kinds));
            assert_eq!((outputs[0].tables.len(), misfits.len()), (6, 0), "they are texts there");
        }
    }
}
