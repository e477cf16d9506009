//! What STS checks before it looks at anybody's permissions, in the words of AWS.

use crate::failure::Failure;
use crate::params::Params;

/// Collects what is wrong with the parameters: AWS names everything at once.
#[derive(Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    pub(super) fn finish(self) -> Result<(), Failure> {
        let Some(count) = (!self.0.is_empty()).then_some(self.0.len()) else {
            return Ok(());
        };
        let plural = if count == 1 { "" } else { "s" };
        let message = format!("{count} validation error{plural} detected: {}", self.0.join("; "));
        Err(Failure::new(400, "ValidationError", message))
    }

    fn add(&mut self, value: &str, member: &str, constraint: &str) {
        self.0.push(format!(
            "Value '{value}' at '{member}' failed to satisfy constraint: Member must {constraint}"
        ));
    }

    /// A text of some length over `A-Za-z0-9_` and `extra`.
    pub(super) fn text(
        &mut self,
        params: &Params,
        name: &str,
        required: bool,
        (least, most): (usize, usize),
        extra: &str,
    ) {
        let member = member(name);
        let Some(value) = params.get(name) else {
            if required {
                self.0.push(format!(
                    "Value null at '{member}' failed to satisfy constraint: Member must not be null"
                ));
            }
            return;
        };
        let length = value.chars().count();
        if length < least {
            self.add(value, &member, &format!("have length greater than or equal to {least}"));
        }
        if length > most {
            self.add(value, &member, &format!("have length less than or equal to {most}"));
        }
        if !value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || extra.contains(c))
        {
            self.add(
                value,
                &member,
                &format!(
                    "satisfy regular expression pattern: [\\w{}]*",
                    extra.replace('-', "\\-")
                ),
            );
        }
    }

    /// An ARN: only its length is checked here.
    pub(super) fn arn(&mut self, params: &Params, name: &str) {
        let member = member(name);
        match params.get(name) {
            None => self.0.push(format!(
                "Value null at '{member}' failed to satisfy constraint: Member must not be null"
            )),
            Some(value) if value.len() < 20 => self.add(value, &member, "have length greater than or equal to 20"),
            Some(_) => {}
        }
    }
}

/// `DurationSeconds`, or what stands for it.
pub(super) fn duration(params: &Params, default: u64, most: u64) -> Result<u64, Failure> {
    let Some(text) = params.get("DurationSeconds") else {
        return Ok(default);
    };
    let Ok(seconds) = text.parse::<i64>() else {
        let message = format!("Value '{text}' at 'durationSeconds' is not a valid integer");
        return Err(Failure::new(400, "MalformedInput", message));
    };
    let mut problems = Problems::default();
    match u64::try_from(seconds) {
        Ok(seconds) if (900..=most).contains(&seconds) => return Ok(seconds),
        Ok(seconds) if seconds > most => {
            problems.add(
                text,
                "durationSeconds",
                &format!("have value less than or equal to {most}"),
            );
        }
        _ => problems.add(text, "durationSeconds", "have value greater than or equal to 900"),
    }
    problems.finish().map(|()| default)
}

/// A role's ARN in its parts: the account, and the name with its path.
pub(super) fn role_arn(arn: &str) -> Result<(), Failure> {
    let invalid = || Failure::new(400, "ValidationError", format!("{arn} is invalid"));
    let (partition, rest) = arn
        .strip_prefix("arn:")
        .and_then(|rest| rest.split_once(":iam::"))
        .ok_or_else(invalid)?;
    if !partition.starts_with("aws") {
        return Err(invalid());
    }
    let (account, name) = rest.split_once(":role/").ok_or_else(invalid)?;
    let sound = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty();
    if sound { Ok(()) } else { Err(invalid()) }
}

/// Session policies are not simulated. Refusing them is better than a session that may do more than was asked for.
pub(super) fn no_session_policy(params: &Params) -> Result<(), Failure> {
    if params.get("Policy").is_none() && params.get("PolicyArns.member.1.arn").is_none() {
        return Ok(());
    }
    Err(Failure::new(
        400,
        "NotSimulated",
        "aws-sim does not simulate session policies",
    ))
}

/// AWS writes `roleSessionName` where the parameter is `RoleSessionName`.
fn member(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let params = Params::parse("RoleSessionName=a%20");
        let mut problems = Problems::default();
        problems.arn(&params, "RoleArn");
        problems.text(&params, "RoleSessionName", true, (2, 64), "+=,.@-");
        let failure = problems.finish().unwrap_err();
        assert_eq!(
            failure.message,
            "2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be \
             null; Value 'a ' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: [\\w+=,.@\\-]*"
        );
    }

    #[test]
    fn durations_have_bounds() {
        let of = |text: &str| duration(&Params::parse(text), 3600, 43_200).map_err(|failure| failure.code.into_owned());
        assert_eq!(of("").unwrap(), 3600);
        assert_eq!(of("DurationSeconds=900").unwrap(), 900);
        for wrong in ["DurationSeconds=899", "DurationSeconds=43201", "DurationSeconds=-1"] {
            assert_eq!(of(wrong).unwrap_err(), "ValidationError", "{wrong}");
        }
    }

    #[test]
    fn only_arns_of_roles_are_arns_of_roles() {
        assert!(role_arn("arn:aws:iam::111122223333:role/team/x").is_ok());
        for wrong in [
            "arn:aws:iam::1:role/x",
            "arn:aws:iam::111122223333:user/x",
            "arn:aws:iam::111122223333:role/",
        ] {
            assert!(role_arn(wrong).is_err(), "{wrong}");
        }
    }
}
