//! The input of a call: members by name, and AWS's words for what is not allowed.

use serde_json::{Map, Value as Json};

use crate::failure::Failure;

/// The members of a structure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a>(&'a Map<String, Json>);

/// `InvalidRequestException` with a code of Athena's own.
pub(crate) fn invalid(code: &'static str, message: impl Into<String>) -> Failure {
    Failure::new(400, "InvalidRequestException", message)
        .with_detail("AthenaErrorCode", code)
        .with_detail("ErrorCode", code)
}

/// The usual one of them.
pub(crate) fn invalid_input(message: impl Into<String>) -> Failure {
    invalid("INVALID_INPUT", message)
}

fn constraint(member: &str, what: &str) -> Failure {
    invalid_input(format!(
        "1 validation error detected: Value at '{}' failed to satisfy constraint: Member must {what}",
        camel(member)
    ))
}

fn serialization(message: &str) -> Failure {
    Failure::new(400, "SerializationException", message)
}

/// `QueryExecutionId` as `queryExecutionId`.
fn camel(member: &str) -> String {
    let mut chars = member.chars();
    let first = chars.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::String(_) => "STRING_VALUE",
        Json::Bool(true) => "TRUE_VALUE",
        Json::Bool(false) => "FALSE_VALUE",
        _ => "NUMBER_VALUE",
    }
}

fn mismatch(value: &Json, wanted: &str) -> Failure {
    serialization(&match value {
        Json::Array(_) => "Start of list found where not expected".to_owned(),
        Json::Object(_) => "Start of structure or map found where not expected.".to_owned(),
        other => format!("{} can not be converted to {wanted}", kind(other)),
    })
}

impl<'a> Input<'a> {
    /// The input of a call; anything but an object is refused.
    pub(crate) fn of(value: &'a Json) -> Result<Self, Failure> {
        match value {
            Json::Object(members) => Ok(Self(members)),
            Json::Array(_) => Err(serialization("Start of list found where not expected")),
            _ => Err(serialization("")),
        }
    }

    fn get(&self, name: &str) -> Option<&'a Json> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(mismatch(other, "a String")),
        }
    }

    /// A text that must be there, with at least one character.
    pub(crate) fn required(&self, name: &str) -> Result<&'a str, Failure> {
        let text = self.text(name)?.ok_or_else(|| missing(name))?;
        if text.is_empty() {
            return Err(constraint(name, "have length greater than or equal to 1"));
        }
        Ok(text)
    }

    /// A text with so many characters, if it is there.
    pub(crate) fn sized(&self, name: &str, least: usize, most: usize) -> Result<Option<&'a str>, Failure> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let length = text.chars().count();
        if length < least {
            return Err(constraint(
                name,
                &format!("have length greater than or equal to {least}"),
            ));
        }
        if length > most {
            return Err(constraint(name, &format!("have length less than or equal to {most}")));
        }
        // Characters are counted first, then bytes, with other words.
        if text.len() > most {
            return Err(invalid_input(format!(
                "{} exceeds maximum allowed length {most}",
                camel(name)
            )));
        }
        Ok(Some(text))
    }

    /// A whole number in a range.
    pub(crate) fn number(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Failure> {
        let number = match self.get(name) {
            None => return Ok(None),
            Some(Json::Number(number)) => number.as_i64().unwrap_or(number.as_f64().unwrap_or(0.0) as i64),
            Some(other) => return Err(mismatch(other, "an Integer")),
        };
        if number < least {
            return Err(constraint(
                name,
                &format!("have value greater than or equal to {least}"),
            ));
        }
        if number > most {
            return Err(constraint(name, &format!("have value less than or equal to {most}")));
        }
        Ok(Some(number))
    }

    /// A truth value.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.get(name) {
            None => Ok(false),
            Some(Json::Bool(flag)) => Ok(*flag),
            Some(other) => Err(mismatch(other, "a Boolean")),
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Failure> {
        let list = match self.get(name) {
            None => return Ok(None),
            Some(Json::Array(list)) => list,
            Some(Json::Object(_)) => return Err(serialization("Start of structure or map found where not expected.")),
            Some(_) => return Err(serialization("Expected list or null")),
        };
        let text = |value: &Json| match value {
            Json::String(text) => Ok(text.clone()),
            other => Err(mismatch(other, "a String")),
        };
        list.iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// A structure.
    pub(crate) fn structure(&self, name: &str) -> Result<Option<Input<'a>>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::Object(members)) => Ok(Some(Self(members))),
            Some(Json::Array(_)) => Err(serialization("Start of list found where not expected")),
            Some(_) => Err(serialization("Expected null")),
        }
    }

    /// The members themselves, to be told again.
    pub(crate) fn json(&self) -> Json {
        Json::Object(self.0.clone())
    }
}

fn missing(name: &str) -> Failure {
    invalid_input(format!(
        "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
        camel(name)
    ))
}
