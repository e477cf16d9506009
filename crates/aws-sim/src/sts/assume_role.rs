//! AssumeRole: trust, external ID, durations, source identity.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::sync::Arc;
use std::time::Duration;

use super::validate::{self, Problems};
use crate::credentials::{Identity, open_session};
use crate::estate::{AccountState, Role, matches};
use crate::failure::Failure;
use crate::params::Params;
use crate::world::World;
use crate::xml::Xml;

pub(super) fn call(world: &World, caller: &Arc<Identity>, params: &Params) -> Result<String, Failure> {
    let mut problems = Problems::default();
    problems.arn(params, "RoleArn");
    problems.text(params, "RoleSessionName", true, (2, 64), "+=,.@-");
    problems.text(params, "ExternalId", false, (2, 1224), "+=,.@:/-");
    problems.text(params, "SourceIdentity", false, (2, 64), "+=,.@-");
    problems.finish()?;
    let seconds = validate::duration(params, 3600, 43_200)?;
    let arn = params.get("RoleArn").unwrap_or_default();
    validate::role_arn(arn)?;
    validate::no_session_policy(params)?;

    let denied = |action: &str| {
        let message = format!(
            "User: {} is not authorized to perform: {action} on resource: {arn}",
            caller.arn
        );
        Failure::new(403, "AccessDenied", message)
    };
    let (account, role) = world.role(arn).ok_or_else(|| denied("sts:AssumeRole"))?;
    let suspended = matches!(account.state, AccountState::Suspended | AccountState::Closed);
    let trusted = trusts(role, caller) && external_id_fits(role, params.get("ExternalId"));
    if suspended || !trusted || caller.lacks("sts:AssumeRole") || denied_by_scp(world, caller) {
        return Err(denied("sts:AssumeRole"));
    }
    let source_identity = source_identity(role, caller, params).map_err(|()| denied("sts:SetSourceIdentity"))?;
    if caller.role.is_some() && seconds > 3600 {
        let message =
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
        return Err(Failure::new(400, "ValidationError", message));
    }
    check_maximum(role, seconds)?;

    let name = params.get("RoleSessionName").unwrap_or_default();
    let identity = Identity::session(&account.id, role, name, source_identity.clone());
    let session = open_session(world, Arc::new(identity), Duration::from_secs(seconds));
    let mut xml = Xml::with_capacity(1536);
    super::assumed_role_user(&mut xml, &session.identity);
    super::credentials(&mut xml, &session);
    if let Some(source_identity) = source_identity {
        xml.text("SourceIdentity", &source_identity);
    }
    Ok(xml.finish())
}

/// `MaxSessionDuration` of the role.
pub(super) fn check_maximum(role: &Role, seconds: u64) -> Result<(), Failure> {
    if seconds > role.max_session.as_secs() {
        let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(Failure::new(400, "ValidationError", message));
    }
    Ok(())
}

/// Whether the trust policy names the caller: itself, its role, or its whole account.
fn trusts(role: &Role, caller: &Identity) -> bool {
    role.principals.iter().any(|principal| {
        principal == "*"
            || *principal == caller.account
            || *principal == format!("arn:aws:iam::{}:root", caller.account)
            || *principal == caller.arn
            || Some(principal) == caller.role.as_ref()
    })
}

/// An external ID that the policy does not ask for is ignored.
fn external_id_fits(role: &Role, sent: Option<&str>) -> bool {
    role.external_id.as_deref().is_none_or(|wanted| sent == Some(wanted))
}

fn denied_by_scp(world: &World, caller: &Identity) -> bool {
    let scps = world
        .estate
        .accounts
        .get(&caller.account)
        .map_or(&[][..], |account| &account.scps);
    caller.account != world.estate.management
        && scps
            .iter()
            .any(|scp| scp.regions.is_none() && matches(&scp.action, "sts:AssumeRole"))
}

/// A source identity, once set, stays with the chain and cannot be changed.
fn source_identity(role: &Role, caller: &Identity, params: &Params) -> Result<Option<String>, ()> {
    let asked = params.get("SourceIdentity").map(str::to_owned);
    let result = match (&caller.source_identity, asked) {
        (Some(set), Some(asked)) if *set != asked => return Err(()),
        (set, asked) => set.clone().or(asked),
    };
    if result.is_some() && !role.source_identity {
        Err(())
    } else {
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::{AccessKey, User};

    fn user() -> Identity {
        let key = AccessKey {
            access_key_id: "AKIA".to_owned(),
            secret_access_key: "s".to_owned(),
        };
        Identity::user(&User {
            account: "111122223333".into(),
            name: "ann".into(),
            key,
            denied: Vec::new(),
        })
    }

    fn session() -> Identity {
        Identity::session("111122223333", &Role::new("path/hop"), "run", None)
    }

    #[test]
    fn trust_names_an_account_a_user_a_role_or_a_session() {
        let cases = [
            ("arn:aws:iam::111122223333:root", true, true),
            ("111122223333", true, true),
            ("*", true, true),
            ("arn:aws:iam::111122223333:user/ann", true, false),
            ("arn:aws:iam::111122223333:role/path/hop", false, true),
            ("arn:aws:sts::111122223333:assumed-role/hop/run", false, true),
            ("arn:aws:sts::111122223333:assumed-role/hop/other", false, false),
            ("arn:aws:iam::999999999999:root", false, false),
        ];
        for (principal, of_user, of_session) in cases {
            let role = Role::new("r").trusting(principal);
            assert_eq!(
                (trusts(&role, &user()), trusts(&role, &session())),
                (of_user, of_session),
                "{principal}"
            );
        }
        assert!(!trusts(&Role::new("r"), &user()));
    }

    #[test]
    fn an_external_id_matters_only_where_it_is_asked_for() {
        let asking = Role::new("r").external_id("x");
        assert!(external_id_fits(&asking, Some("x")));
        assert!(!external_id_fits(&asking, Some("X")) && !external_id_fits(&asking, None));
        assert!(external_id_fits(&Role::new("r"), Some("x")) && external_id_fits(&Role::new("r"), None));
    }

    #[test]
    fn a_source_identity_is_kept_and_cannot_be_changed() {
        let role = Role::new("r");
        let first = Identity::session("111122223333", &role, "run", Some("ann".to_owned()));
        let asking = |text: &str| Params::parse(text);
        assert_eq!(
            source_identity(&role, &user(), &asking("SourceIdentity=ann")),
            Ok(Some("ann".to_owned()))
        );
        assert_eq!(source_identity(&role, &first, &asking("")), Ok(Some("ann".to_owned())));
        assert_eq!(source_identity(&role, &first, &asking("SourceIdentity=bob")), Err(()));
        assert_eq!(
            source_identity(&role.refusing_source_identity(), &user(), &asking("SourceIdentity=ann")),
            Err(())
        );
    }
}
