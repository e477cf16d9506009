//! Answers of the real service as they were measured, whole: nothing of them is made by the simulator.

use serde_json::{Value as Json, json};

/// What Athena answers for a statement that has succeeded.
///
/// ```
/// use aws_sim::Measured;
/// use serde_json::json;
///
/// let answer = Measured::of(&json!({
///     "type": "UTILITY", "substatement": "SHOW_TABLES", "name": "<id>.txt", "object": "a\nb",
///     "columns": [["tab_name", "string"]], "rows": [["a"], ["b"]], "update_count": 0,
/// }));
/// ```
#[derive(Clone, Debug)]
pub struct Measured {
    pub(crate) statement_type: String,
    pub(crate) substatement: String,
    name: String,
    /// `None`: there is no object.
    pub(crate) object: Option<String>,
    /// `ResultSet` of GetQueryResults but for `Rows`.
    pub(crate) columns: Vec<Json>,
    /// Of GetQueryResults, the header too where it has one.
    pub(crate) rows: Vec<Json>,
    pub(crate) update_count: Option<i64>,
}

impl Measured {
    /// The answer that a JSON object describes: `type`, `substatement`, `name` (of the object, with `<id>`), `object` (its
    /// text), `columns` (name and type of each), `rows` (texts; null is NULL), `update_count`. What is absent is absent in the
    /// answer.
    ///
    /// # Panics
    /// When it is no such object.
    #[must_use]
    pub fn of(answer: &Json) -> Self {
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let needed = |name: &str| text(name).unwrap_or_else(|| panic!("{name} is missing in {answer}"));
        let list = |json: &Json| json.as_array().cloned().unwrap_or_default();
        let column = |column: &Json| {
            json!({
                "CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": column[0], "Label": column[0],
                "Type": column[1], "Precision": 0, "Scale": 0, "Nullable": "UNKNOWN", "CaseSensitive": false,
            })
        };
        let datum = |text: &Json| match text {
            Json::Null => json!({}),
            text => json!({"VarCharValue": text}),
        };
        let row = |row: &Json| json!({"Data": list(row).iter().map(datum).collect::<Vec<_>>()});
        Self {
            statement_type: needed("type"),
            substatement: needed("substatement"),
            name: needed("name"),
            object: text("object"),
            columns: list(&answer["columns"]).iter().map(column).collect(),
            rows: list(&answer["rows"]).iter().map(row).collect(),
            update_count: answer["update_count"].as_i64(),
        }
    }

    /// The name of the result of the query `id`, below the output location.
    pub(crate) fn name(&self, id: &str) -> String {
        self.name.replace("<id>", id)
    }
}
