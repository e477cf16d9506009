//! Python scripts with boto3 and PyAthena: they prepare servers, and say what the right rows are.

use std::process::Command;

use serde_json::{Value, json};

use crate::environment;
use crate::process::Running;
use crate::rows::Row;

/// Runs a script of `tests/python` with `input` as JSON on its standard input, and reads JSON from its standard output.
pub fn python(script: &str, input: &Value) -> Result<Value, String> {
    let path = environment::script("python").join(script);
    let mut command = Command::new(environment::python());
    command.arg("-B").arg(path).env("PYTHONUTF8", "1");
    let done = Running::start(&mut command, &input.to_string()).wait();
    if !done.status.success() {
        return Err(format!("{script} failed ({}):\n{}", done.status, done.stderr));
    }
    serde_json::from_str(&done.stdout).map_err(|error| format!("{script}: {error}\n{}", done.stdout))
}

/// The rows that a boto3 loop gives for a request; `tests/python/oracle_inventory.py` says what it understands.
pub fn inventory(request: &Value) -> Vec<Row> {
    let answer = python("oracle_inventory.py", request).unwrap_or_else(|error| panic!("{error}"));
    serde_json::from_value(answer).expect("the oracle gives an array of rows")
}

/// What PyAthena's default cursor gives for a statement in several accounts.
#[derive(Debug)]
pub struct QueryResult {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// Their types, as Athena names them.
    pub types: Vec<String>,
    /// The rows as JSON has them, with account and region in front.
    pub rows: Vec<Row>,
    /// The same cells as the texts that Athena gave; none for NULL.
    pub texts: Vec<Vec<Option<String>>>,
}

/// Runs a statement with PyAthena; `tests/python/oracle_query.py` says what it understands.
pub fn query(request: &Value) -> QueryResult {
    let mut answer = python("oracle_query.py", request).unwrap_or_else(|error| panic!("{error}"));
    let mut part = |name: &str| answer[name].take();
    QueryResult {
        columns: serde_json::from_value(part("columns")).expect("the oracle gives names of columns"),
        types: serde_json::from_value(part("types")).expect("the oracle gives types of columns"),
        rows: serde_json::from_value(part("rows")).expect("the oracle gives an array of rows"),
        texts: serde_json::from_value(part("texts")).expect("the oracle gives the texts of the cells"),
    }
}

/// A call of boto3 that prepares a server: in this account and region, a client's method with its arguments.
pub fn call(account: &str, region: &str, service: &str, method: &str, arguments: Value) -> Value {
    json!({ "account": account, "region": region, "service": service, "call": method, "with": arguments })
}

/// Makes calls as `caller` says (see `tests/python/call.py`), and returns their answers.
pub fn calls(mut caller: Value, calls: Vec<Value>) -> Vec<Value> {
    caller["calls"] = calls.into();
    let answers = python("call.py", &caller).unwrap_or_else(|error| panic!("{error}"));
    serde_json::from_value(answers).expect("an answer for each call")
}
