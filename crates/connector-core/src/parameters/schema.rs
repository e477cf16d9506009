//! The JSON Schema of the parameters: the `spec` verb.

use serde_json::{Map, Value as Json, json};

use super::{Parameter, ParameterKind};

/// JSON Schema (draft 2020-12) of a parameter file.
pub fn json_schema(connector: &str, parameters: &[&'static Parameter]) -> Json {
    let mut properties = Map::new();
    for parameter in parameters {
        properties.insert(parameter.name.to_owned(), property(parameter));
        for alias in parameter.aliases {
            properties.insert(
                (*alias).to_owned(),
                json!({"$ref": format!("#/properties/{}", parameter.name)}),
            );
        }
        for (_, name) in parameter.secret_sources().into_iter().flatten() {
            properties.insert(
                name,
                json!({"type": ["string", "null"], "description": format!("Where {} is read from instead.", parameter.name)}),
            );
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("Parameters of {connector}"),
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

fn property(parameter: &Parameter) -> Json {
    let mut property = match parameter.kind {
        ParameterKind::Text => json!({"type": ["string", "null"]}),
        ParameterKind::Secret => json!({"type": ["string", "null"], "writeOnly": true}),
        ParameterKind::Integer(least, most) => {
            json!({"type": ["integer", "null"], "minimum": least, "maximum": most})
        }
        ParameterKind::Number => json!({"type": ["number", "null"], "minimum": 0}),
        ParameterKind::Boolean => json!({"type": ["boolean", "null"]}),
        ParameterKind::Texts => json!({"type": ["array", "null"], "items": {"type": "string"}}),
        ParameterKind::Choice(choices) => {
            let choices = choices
                .iter()
                .map(|choice| json!(choice))
                .chain([Json::Null, json!("")]);
            json!({"enum": choices.collect::<Vec<_>>()})
        }
        ParameterKind::List | ParameterKind::Chain => {
            json!({"type": ["array", "string", "null"], "items": {"type": "string"}})
        }
        ParameterKind::Map => {
            json!({"type": ["object", "null"], "additionalProperties": {"type": ["string", "number", "boolean"]}})
        }
    };
    property["description"] = json!(parameter.meaning());
    if let Some(default) = parameter.default {
        property["default"] = match parameter.kind {
            ParameterKind::Integer(..) | ParameterKind::Number | ParameterKind::Boolean => {
                serde_json::from_str(default).unwrap_or_else(|_| json!(default))
            }
            _ => json!(default),
        };
    }
    property
}
