//! Python scripts with boto3: they prepare servers, and say what the right rows are.

use std::process::Command;

use serde_json::Value;

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
