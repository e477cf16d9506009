//! The files below `docs/examples` are what people copy: each parses, and each parameter and flag in them is one that the
//! programs know.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value as Json;

use crate::workspace;

/// Flags that are none of a parameter.
const OTHER_FLAGS: [&str; 4] = ["--params", "--resume", "--log-format", "--keep-shards"];

fn read(name: &str) -> String {
    let path = workspace::root().join("docs").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All examples, by name.
fn examples() -> Vec<(String, Json)> {
    let folder = workspace::root().join("docs/examples");
    let mut found: Vec<(String, Json)> = fs::read_dir(folder)
        .expect("docs/examples")
        .map(|entry| {
            let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
            let text = read(&format!("examples/{name}"));
            let parsed = match name.rsplit_once('.') {
                Some((_, "json")) => serde_json::from_str(&text).map_err(|error| error.to_string()),
                Some((_, "yaml")) => serde_saphyr::from_str(&text).map_err(|error| error.to_string()),
                _ => Err("neither JSON nor YAML".to_owned()),
            };
            let parsed = parsed.unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, parsed)
        })
        .collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
}

fn example(name: &str) -> Json {
    let mut all = examples().into_iter();
    all.find(|(known, _)| known == name)
        .unwrap_or_else(|| panic!("{name} is missing"))
        .1
}

/// Every list of texts in `json` that begins with a verb.
fn commands(json: &Json, found: &mut Vec<Vec<String>>) {
    match json {
        Json::Array(items) => {
            let texts: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            match texts {
                Some(texts)
                    if texts
                        .first()
                        .is_some_and(|verb| ["run", "merge"].contains(&verb.as_str())) =>
                {
                    found.push(texts);
                }
                _ => items.iter().for_each(|item| commands(item, found)),
            }
        }
        Json::Object(object) => object.values().for_each(|value| commands(value, found)),
        _ => {}
    }
}

fn commands_of(name: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    commands(&example(name), &mut found);
    found
}

/// The value of a flag.
fn flag<'c>(command: &'c [String], name: &str) -> &'c str {
    let at = command.iter().position(|argument| argument == name);
    let value = at.and_then(|at| command.get(at + 1));
    value.unwrap_or_else(|| panic!("{command:?} has no {name}"))
}

/// The parameter file of an example has only what the schema has.
fn assert_known_parameters(name: &str, parameters: &Json) {
    let schema: Json = serde_json::from_str(&read("reference/ec2-parameters.schema.json")).expect("a schema");
    for key in parameters.as_object().expect("parameters").keys() {
        assert!(schema["properties"][key].is_object(), "{name}: {key} is no parameter");
    }
}

#[test]
fn flags_and_parameters_are_those_of_the_programs() {
    let reference = read("reference/ec2-parameters.md");
    let mut seen = 0;
    for (name, json) in examples() {
        let mut found = Vec::new();
        commands(&json, &mut found);
        for argument in found.iter().flatten().filter(|argument| argument.starts_with("--")) {
            let known = reference.contains(&format!("`{argument}`")) || OTHER_FLAGS.contains(&argument.as_str());
            assert!(known, "{name}: {argument} is no flag");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen} flags in all examples");
    assert_known_parameters("batch-parameters.json", &example("batch-parameters.json"));
    let kubernetes = example("kubernetes-shards.yaml");
    let text = kubernetes["items"][0]["data"]["params.json"]
        .as_str()
        .expect("a parameter file");
    assert_known_parameters("kubernetes-shards.yaml", &serde_json::from_str(text).expect("JSON"));
}

/// As many shards are run as are merged, and the merge reads what the shards have written.
#[test]
fn all_shards_are_merged() {
    let kubernetes = example("kubernetes-shards.yaml");
    let job = &kubernetes["items"][2]["spec"];
    assert_eq!(job["completionMode"], "Indexed");
    let pods = job["completions"].as_u64().expect("a number");
    assert_eq!(
        flag(&commands_of("kubernetes-shards.yaml")[0], "--shard"),
        format!("auto/{pods}")
    );
    let array = example("batch-shards.json")["arrayProperties"]["size"]
        .as_u64()
        .expect("a number");
    assert_eq!(flag(&commands_of("batch-job-definition.json")[0], "--shard"), "auto");
    for (shards, merge, count) in [
        ("kubernetes-shards.yaml", "kubernetes-merge.yaml", pods),
        ("batch-job-definition.json", "batch-merge.json", array),
    ] {
        let output = commands_of(shards)[0].clone();
        let output = flag(&output, "--output").to_owned();
        let written: BTreeSet<String> = (0..count)
            .map(|index| format!("{}.run.json", output.replace("{shard}", &index.to_string())))
            .collect();
        let merge = commands_of(merge)[0].clone();
        let read: BTreeSet<String> = merge
            .into_iter()
            .filter(|argument| argument.ends_with(".run.json"))
            .collect();
        assert_eq!(read, written, "{shards}");
        assert_eq!(written.len() as u64, count, "each shard has an output of its own");
    }
}
