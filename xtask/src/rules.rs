//! The rules of the workspace that no compiler checks: what depends on what, which crates are in the programs, and the
//! form of the sources. Each test says in its failure what to change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use crate::workspace;

/// Lines of a source file. A longer one holds more than one thing.
const LONGEST_FILE: usize = 700;
/// Crates of which the programs hold exactly one version.
const ONE_OF_EACH: [&str; 5] = ["hyper", "h2", "http", "rustls", "aws-lc-rs"];
/// Crates that the programs do not hold, and why one may turn up all the same.
const NONE_OF_THESE: [(&str, &str); 5] = [
    ("ring", "a crate's default TLS or JWT feature"),
    ("openssl-sys", "a crate's `native-tls` feature"),
    ("native-tls", "a crate's `native-tls` feature"),
    ("aws-sim", "it is a dev-dependency only"),
    ("connector-testing", "it is a dev-dependency only"),
];
/// Only of these may tests and tools of this workspace depend on everything.
const OUTSIDE: [&str; 4] = ["xtask", "end-to-end", "connector-testing", "fault-matrix"];

/// A member of the workspace.
struct Member {
    name: String,
    manifest: PathBuf,
    /// Its dependencies with their kinds: `normal`, `build`, `dev`.
    dependencies: Vec<(String, String)>,
}

impl Member {
    fn is_connector(&self) -> bool {
        self.manifest.starts_with(workspace::root().join("connectors"))
    }

    /// The members that it may be built with.
    fn may_use(&self) -> &'static [&'static str] {
        match self.name.as_str() {
            _ if self.is_connector() => &["connector-core", "auth-core"],
            "connector-core" => &["auth-core"],
            _ => &[],
        }
    }
}

fn members() -> Vec<Member> {
    let metadata = output_of(&["metadata", "--locked", "--no-deps", "--format-version", "1"]);
    let metadata: Json = serde_json::from_str(&metadata).expect("cargo metadata prints JSON");
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| Member {
            name: text(&package["name"]),
            manifest: text(&package["manifest_path"]).into(),
            dependencies: package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter()
                .map(|dependency| {
                    let kind = dependency["kind"].as_str().unwrap_or("normal");
                    (text(&dependency["name"]), kind.to_owned())
                })
                .collect(),
        })
        .collect()
}

/// What cargo prints, in the root.
fn output_of(arguments: &[&str]) -> String {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace::root());
    let output = command.output().expect("cargo starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The crates that a program is made of, with their versions. What `cargo metadata` resolves is more than that: crates
/// behind features that nobody has switched on.
fn crates_in(program: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let tree = output_of(&[
        "tree", "--locked", "-p", program, "-e", "normal", "--prefix", "none", "--format", "{p}",
    ]);
    for line in tree.lines() {
        let mut words = line.split(' ');
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            let version = version.trim_start_matches('v').to_owned();
            found.entry(name.to_owned()).or_default().insert(version);
        }
    }
    assert!(found.len() > 50, "not a tree: {tree}");
    found
}

/// Files of the workspace with this ending, paths from the root.
fn files(ending: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" && name != "node_modules" {
                    walk(&path, ending, found);
                }
            } else if name.ends_with(ending) {
                let text = fs::read_to_string(&path).expect("UTF-8");
                found.push((workspace::relative(&path).display().to_string(), text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&workspace::root(), ending, &mut found);
    found.sort();
    assert!(!found.is_empty(), "no {ending} at all");
    found
}

fn assert_none(wrong: Vec<String>, mend: &str) {
    assert!(wrong.is_empty(), "{}\n{mend}", wrong.join("\n"));
}

#[test]
fn programs_have_one_http_and_one_tls_stack() {
    let connectors: Vec<_> = members().into_iter().filter(Member::is_connector).collect();
    assert!(!connectors.is_empty());
    let mut wrong = Vec::new();
    for connector in connectors {
        let crates = crates_in(&connector.name);
        for (name, versions) in ONE_OF_EACH.map(|name| (name, crates.get(name).cloned().unwrap_or_default())) {
            if versions.len() != 1 {
                wrong.push(format!(
                    "{}: {name} in {} versions: {versions:?}",
                    connector.name,
                    versions.len()
                ));
            }
        }
        for (name, line) in [("hyper", "0.14."), ("rustls", "0.21.")] {
            if crates[name].iter().any(|version| version.starts_with(line)) {
                wrong.push(format!("{}: {name} {line}x", connector.name));
            }
        }
        for (name, from) in NONE_OF_THESE.iter().filter(|(name, _)| crates.contains_key(*name)) {
            wrong.push(format!("{}: {name}; it may come from {from}", connector.name));
        }
    }
    assert_none(
        wrong,
        "find who brings it with `cargo tree -p <connector> -e normal -i <crate>`, and switch that feature off",
    );
}

#[test]
fn dependencies_point_downward() {
    let members = members();
    let names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
    let mut wrong = Vec::new();
    for member in members.iter().filter(|member| !OUTSIDE.contains(&member.name.as_str())) {
        for (used, kind) in &member.dependencies {
            // A crate may test itself; the simulator and the harness are for the tests of others.
            let helps = ["aws-sim", "connector-testing"].contains(&used.as_str());
            let tests = kind == "dev" && (helps || *used == member.name);
            if names.contains(&used.as_str()) && !tests && !member.may_use().contains(&used.as_str()) {
                wrong.push(format!("{} depends on {used} ({kind})", member.name));
            }
        }
    }
    assert_none(
        wrong,
        "the direction is connectors -> connector-core -> auth-core; aws-sim stands alone, for dev-dependencies",
    );
}

#[test]
fn connector_core_knows_no_service_of_aws() {
    let core = members().into_iter().find(|member| member.name == "connector-core");
    let mut wrong: Vec<_> = core.expect("connector-core is a member").dependencies;
    wrong.retain(|(name, _)| name.starts_with("aws-") && name != "aws-sim");
    let mut wrong: Vec<_> = wrong
        .into_iter()
        .map(|(name, kind)| format!("depends on {name} ({kind})"))
        .collect();
    for (path, text) in files(".rs") {
        if path.starts_with("crates/connector-core/src") {
            let paths = text.lines().zip(1..).filter(|(line, _)| names_an_aws_crate(line));
            wrong.extend(paths.map(|(line, number)| format!("{path}:{number}: {}", line.trim())));
        }
    }
    assert_none(wrong, "put what needs the SDK into auth-core or a connector");
}

/// Whether a line has a path into a crate of the SDK, such as `aws_types::Region`.
fn names_an_aws_crate(line: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices("aws_").any(|(start, _)| {
        let (before, rest) = line.split_at(start);
        let name = rest.split(|c| !is_name(c)).next().unwrap_or_default();
        let in_use = before.trim_start().trim_start_matches("pub ").starts_with("use ");
        !before.ends_with(is_name) && name != "aws_sim" && (in_use || rest[name.len()..].starts_with("::"))
    })
}

#[test]
fn paths_into_the_sdk_are_seen() {
    for line in [
        "use aws_types::Region;",
        "pub use aws_config;",
        "fn f(r: &aws_sdk_ec2::Client)",
    ] {
        assert!(names_an_aws_crate(line), "{line}");
    }
    for line in [
        "\"warn,aws_config=debug\"",
        "let aws_region = 1;",
        "my_aws_types::X",
        "use aws_sim::Sim;",
    ] {
        assert!(!names_an_aws_crate(line), "{line}");
    }
}

#[test]
fn versions_stand_in_one_place() {
    let mut wrong = Vec::new();
    for member in members() {
        let text = fs::read_to_string(&member.manifest).expect("a manifest");
        let manifest: toml::Table = text.parse().expect("TOML");
        let inherits = |item: Option<&toml::Value>| {
            item.and_then(|item| item.get("workspace"))
                .and_then(toml::Value::as_bool)
                == Some(true)
        };
        for key in ["version", "edition", "rust-version", "publish"] {
            if !inherits(manifest["package"].get(key)) {
                wrong.push(format!("{}: package.{key}", member.name));
            }
        }
        if !inherits(manifest.get("lints")) {
            wrong.push(format!("{}: lints", member.name));
        }
        let targets = manifest.get("target").and_then(toml::Value::as_table);
        let tables = targets
            .into_iter()
            .flat_map(|targets| targets.values().filter_map(toml::Value::as_table));
        for table in tables.chain([&manifest]) {
            for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
                let dependencies = table.get(kind).and_then(toml::Value::as_table);
                for (name, dependency) in dependencies.into_iter().flatten() {
                    if !inherits(Some(dependency)) {
                        wrong.push(format!("{}: {kind}.{name}", member.name));
                    }
                }
            }
        }
    }
    assert_none(
        wrong,
        "write `workspace = true`, and the value into the root's Cargo.toml",
    );
}

/// What is fuzzed is what ships: the same crates in the same versions, and none of the SDK, which no sanitizer can be built
/// with.
#[test]
fn fuzz_targets_are_built_of_the_same_crates() {
    let packages = |path: &str| -> BTreeSet<(String, String)> {
        let text = fs::read_to_string(workspace::root().join(path)).expect("a lock file");
        let lock: toml::Table = text.parse().expect("TOML");
        let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let packages = lock["package"].as_array().expect("packages");
        packages
            .iter()
            .map(|package| (text(package, "name"), text(package, "version")))
            .collect()
    };
    let ships = packages("Cargo.lock");
    let names: BTreeSet<_> = ships.iter().map(|(name, _)| name).collect();
    let fuzzed = packages("fuzz/Cargo.lock");
    assert!(fuzzed.iter().any(|(name, _)| name == "parquet"), "not a lock file");
    let other = fuzzed
        .iter()
        .filter(|package| names.contains(&package.0) && !ships.contains(package));
    let sdk = fuzzed
        .iter()
        .filter(|(name, _)| name.starts_with("aws-sdk-") || name == "aws-config");
    let wrong = other
        .chain(sdk)
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    assert_none(
        wrong,
        "`cp Cargo.lock fuzz/ && cargo check --manifest-path fuzz/Cargo.toml`; a module that needs the SDK is to be taken apart",
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut wrong = files(".rs");
    wrong.retain(|(_, text)| !text.starts_with("//! "));
    let wrong = wrong.into_iter().map(|(path, _)| path).collect();
    assert_none(
        wrong,
        "begin the file with `//!`: what it is for, in one or two sentences",
    );
}

#[test]
fn no_file_is_too_long() {
    let long = files(".rs")
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()));
    let long = long.filter(|(_, lines)| *lines > LONGEST_FILE);
    let wrong = long.map(|(path, lines)| format!("{path}: {lines} lines")).collect();
    assert_none(
        wrong,
        "take a part of it that has a name of its own into a file of its own",
    );
}
