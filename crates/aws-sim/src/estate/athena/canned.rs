//! Results that are given and not computed: for types that the engine lacks, for exact texts, for sizes.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::Value as Json;

use crate::athena::types::Type;
use crate::athena::value::Value;
use crate::estate::Measured;

/// A column of a canned result.
#[derive(Clone, Debug)]
pub(crate) struct CannedColumn {
    pub(crate) name: String,
    pub(crate) of: Type,
}

/// One row: what the result shows, and what Parquet holds.
#[derive(Clone, Debug)]
pub(crate) struct CannedRow {
    pub(crate) texts: Vec<Option<String>>,
    pub(crate) values: Option<Vec<Value>>,
}

/// Writes the text of a cell (row, column) and says whether it is not NULL.
pub(crate) type Cell = dyn Fn(u64, usize, &mut String) -> bool + Send + Sync;

#[derive(Clone)]
pub(crate) enum CannedRows {
    Given(Vec<CannedRow>),
    Generated(u64, Arc<Cell>),
}

impl fmt::Debug for CannedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(rows) => f.debug_tuple("Given").field(rows).finish(),
            Self::Generated(rows, _) => f.debug_tuple("Generated").field(rows).finish(),
        }
    }
}

/// A result that is given for a statement.
///
/// ```
/// use aws_sim::Canned;
/// use serde_json::json;
///
/// let shown = Canned::new(&[("id", "bigint"), ("note", "varchar")]).row(&[Some("1"), None]).row(&[None, Some("")]);
/// let nested = Canned::new(&[("tags", "array(row(k varchar, n integer))")]).values(&[json!([{"k": "a", "n": 1}])]);
/// let large = Canned::generated(&[("n", "bigint"), ("s", "varchar")], 5_000_000, |row, column, text| {
///     *text = if column == 0 { row.to_string() } else { format!("text {row}") };
///     true
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Canned {
    pub(crate) columns: Vec<CannedColumn>,
    pub(crate) rows: CannedRows,
    pub(crate) update_count: Option<i64>,
    /// The whole answer, in place of all else.
    pub(crate) measured: Option<Arc<Measured>>,
    /// The CSV, built when it is first asked for and then shared.
    pub(crate) csv: Arc<OnceLock<Bytes>>,
}

impl Canned {
    /// A result with these columns (name and Athena's type) and no rows yet.
    ///
    /// # Panics
    /// When a type is none that Athena has.
    #[must_use]
    pub fn new(columns: &[(&str, &str)]) -> Self {
        Self {
            columns: columns.iter().map(|(name, of)| column(name, of)).collect(),
            rows: CannedRows::Given(Vec::new()),
            update_count: None,
            measured: None,
            csv: Arc::default(),
        }
    }

    /// A result of so many rows, each cell by a function of row and column, which writes the text and says whether the
    /// cell is not NULL.
    ///
    /// # Panics
    /// When a type is none that Athena has.
    #[must_use]
    pub fn generated(
        columns: &[(&str, &str)],
        rows: u64,
        cell: impl Fn(u64, usize, &mut String) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            rows: CannedRows::Generated(rows, Arc::new(cell)),
            ..Self::new(columns)
        }
    }

    /// The result of a write: a count and no rows.
    #[must_use]
    pub fn update_count(count: i64) -> Self {
        Self {
            update_count: Some(count),
            ..Self::new(&[])
        }
    }

    /// Adds a row by its texts, exactly as the result shows them. For UNLOAD they are read by their types, so nested
    /// columns need [`Canned::typed`] or [`Canned::values`].
    ///
    /// # Panics
    /// When there are not as many texts as columns.
    #[must_use]
    pub fn row(self, texts: &[Option<&str>]) -> Self {
        let texts = texts.iter().map(|text| text.map(str::to_owned)).collect();
        self.push(CannedRow { texts, values: None })
    }

    /// Adds a row by its values as JSON, from which its texts follow: see [`Canned::typed`].
    ///
    /// # Panics
    /// When there are not as many values as columns, or one is not of its column's type.
    #[must_use]
    pub fn values(self, values: &[Json]) -> Self {
        let values = self.read(values);
        let texts = values.iter().zip(&self.columns);
        let texts = texts.map(|(value, column)| value.text(&column.of)).collect();
        self.push(CannedRow {
            texts,
            values: Some(values),
        })
    }

    /// Gives the last row its values for UNLOAD, as JSON by the declared types: rows as objects or arrays, maps as
    /// objects or lists of pairs, decimals, dates, timestamps and binary (hex) as texts.
    ///
    /// # Panics
    /// When there are not as many values as columns, or one is not of its column's type, or there is no row.
    #[must_use]
    pub fn typed(mut self, values: &[Json]) -> Self {
        let values = self.read(values);
        let CannedRows::Given(rows) = &mut self.rows else {
            panic!("rows are generated");
        };
        let Some(last) = rows.last_mut() else {
            panic!("no row yet");
        };
        last.values = Some(values);
        self
    }

    fn read(&self, values: &[Json]) -> Vec<Value> {
        assert_eq!(values.len(), self.columns.len(), "one value for each column");
        let read = |(value, column): (&Json, &CannedColumn)| match Value::from_json(&column.of, value) {
            Some(value) => value,
            None => panic!("{value} is no {}", column.of),
        };
        values.iter().zip(&self.columns).map(read).collect()
    }

    fn push(mut self, row: CannedRow) -> Self {
        assert_eq!(row.texts.len(), self.columns.len(), "one text for each column");
        match &mut self.rows {
            CannedRows::Given(rows) => rows.push(row),
            CannedRows::Generated(..) => panic!("rows are generated"),
        }
        self
    }
}

fn column(name: &str, of: &str) -> CannedColumn {
    let Some(of) = Type::parse(of) else {
        panic!("Athena has no type {of}");
    };
    CannedColumn {
        name: name.to_owned(),
        of,
    }
}
