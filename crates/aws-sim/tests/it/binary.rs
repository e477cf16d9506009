//! The program `aws-sim`: one line when it is ready, one at the end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::Value;

fn run(arguments: &[&str]) -> (Value, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_aws-sim"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let address = ready["endpoint"]
        .as_str()
        .unwrap()
        .trim_start_matches("http://")
        .to_owned();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /.well-known/jwks.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    stream.read_to_string(&mut String::new()).unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"\n").unwrap();
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let so_far: Value = serde_json::from_str(&line).unwrap();
    drop(input);
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    let end: Value = serde_json::from_str(&rest).unwrap();
    assert_eq!(
        so_far["calls"], end["calls"],
        "what was called so far is told when a line comes"
    );
    (ready, end)
}

#[test]
fn the_demo_says_how_to_reach_it_and_what_was_called() {
    let (ready, end) = run(&["--estate", "demo"]);
    for member in [
        "token_url",
        "access_key_id",
        "secret_access_key",
        "client_id",
        "client_secret",
        "role_arn",
    ] {
        assert!(ready[member].is_string(), "{member}");
    }
    assert_eq!(ready["sub_account_role"], "arn:aws:iam::{accountId}:role/inventory");
    assert_eq!(
        (&ready["organization"]["accounts"], &end["calls"]["idp:Keys"]),
        (&41.into(), &1.into())
    );
    assert_eq!(
        (&end["connections"]["accepted"], &end["connections"]["peak"]),
        (&1.into(), &1.into())
    );
    assert!(end["cpu_seconds"].is_number());
}

#[test]
fn scale_has_the_size_asked_for() {
    let (ready, _) = run(&[
        "--estate",
        "scale",
        "--accounts",
        "300",
        "--regions",
        "3",
        "--instances",
        "12345",
    ]);
    assert_eq!(ready["organization"]["accounts"], 301);
    assert_eq!(ready["organization"]["instances"], 12_345);
}

#[test]
fn tables_come_from_files() {
    let folder = std::env::temp_dir().join(format!("aws-sim-tables-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("inventory.csv");
    std::fs::write(&path, "account_id,instance_id\n111122223333,i-1\n").unwrap();
    let argument = format!("lab.inventory={}", path.display());
    let (ready, _) = run(&["--table", &argument]);
    assert_eq!(
        ready["athena"],
        serde_json::json!({
            "workgroup": "analysts",
            "results_bucket": "athena-results-{accountId}",
            "tables": ["default.orders", "lab.inventory"],
        })
    );
    std::fs::write(&path, "a,b\n1\n").unwrap();
    let failed = Command::new(env!("CARGO_BIN_EXE_aws-sim"))
        .args(["--table", &argument])
        .output()
        .unwrap();
    assert!(!failed.status.success());
    assert!(String::from_utf8_lossy(&failed.stderr).contains("row 1: 1 fields, header has 2"));
    std::fs::remove_dir_all(&folder).unwrap();
}
