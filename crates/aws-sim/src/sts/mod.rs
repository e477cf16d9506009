//! Security Token Service: who am I, and role sessions by role or by web identity.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/>

mod assume_role;
mod validate;
mod web_identity;

use std::time::Duration;

use crate::credentials::{Credential, Identity, open_session};
use crate::failure::Failure;
use crate::params::Params;
use crate::protocol::Service;
use crate::stamp;
use crate::world::World;
use crate::xml::Xml;

/// An operation of STS on behalf of a caller; web identities have none.
pub(crate) fn call(
    world: &World,
    caller: Option<&Credential>,
    region: &str,
    operation: &str,
    params: &Params,
    request_id: &str,
) -> Result<String, Failure> {
    if let Some(version) = params.get("Version").filter(|version| *version != "2011-06-15") {
        return Err(Failure::new(
            400,
            "InvalidAction",
            format!("Could not find operation {operation} for version {version}"),
        ));
    }
    if operation == "AssumeRoleWithWebIdentity" {
        return web_identity::call(world, params).map(|result| envelope(operation, request_id, result));
    }
    let Some(caller) = caller else {
        return Err(Service::Sts.refuse(crate::credentials::Refusal::NoAuthorization));
    };
    region_active(world, caller, region)?;
    let result = match operation {
        "GetCallerIdentity" => Ok(caller_identity(&caller.identity)),
        "AssumeRole" => assume_role::call(world, &caller.identity, params),
        "GetSessionToken" => session_token(world, caller, params),
        _ => Err(Service::Sts.no_such_operation(operation)),
    };
    result.map(|result| envelope(operation, request_id, result))
}

/// STS of an opt-in region serves the accounts that have enabled it.
fn region_active(world: &World, caller: &Credential, region: &str) -> Result<(), Failure> {
    let account = &caller.identity.account;
    let known = world.estate.regions.iter().any(|known| known.name == region);
    if !known || world.estate.region_enabled(account, region) {
        return Ok(());
    }
    let message = format!(
        "STS is not activated in this region for account:{account}. Your account administrator can activate STS in \
         this region using the IAM Console."
    );
    Err(Failure::new(403, "RegionDisabledException", message))
}

fn envelope(operation: &str, request_id: &str, result: String) -> String {
    let mut xml = Xml::with_capacity(result.len() + 400);
    xml.markup(&format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"
    ));
    xml.element(&format!("{operation}Result"), |xml| xml.markup(&result));
    xml.element("ResponseMetadata", |xml| xml.text("RequestId", request_id));
    xml.markup(&format!("</{operation}Response>\n"));
    xml.finish()
}

fn caller_identity(identity: &Identity) -> String {
    let mut xml = Xml::with_capacity(256);
    xml.text("Arn", &identity.arn);
    xml.text("UserId", &identity.user_id);
    xml.text("Account", &identity.account);
    xml.finish()
}

/// A session for the user itself. Role sessions cannot ask for one.
fn session_token(world: &World, caller: &Credential, params: &Params) -> Result<String, Failure> {
    if caller.session.is_some() {
        return Err(Failure::new(
            403,
            "AccessDenied",
            "Cannot call GetSessionToken with session credentials",
        ));
    }
    let seconds = validate::duration(params, 43_200, 129_600)?;
    let session = open_session(
        world,
        std::sync::Arc::clone(&caller.identity),
        Duration::from_secs(seconds),
    );
    let mut xml = Xml::with_capacity(1024);
    credentials(&mut xml, &session);
    Ok(xml.finish())
}

fn credentials(xml: &mut Xml, session: &Credential) {
    xml.element("Credentials", |xml| {
        xml.text("AccessKeyId", &session.access_key_id);
        xml.text("SecretAccessKey", &session.secret);
        if let Some(part) = &session.session {
            xml.text("SessionToken", &part.token);
            xml.text("Expiration", &stamp::iso(part.expires));
        }
    });
}

fn assumed_role_user(xml: &mut Xml, identity: &Identity) {
    xml.element("AssumedRoleUser", |xml| {
        xml.text("AssumedRoleId", &identity.user_id);
        xml.text("Arn", &identity.arn);
    });
}
