//! `iam-policy`: the least-privilege policies and trust policies for the given parameters.

use std::io::{self, Write};

use auth_core::RoleTemplate;
use auth_core::settings::{AuthSettings, Method, Scope};
use serde_json::{Map, Value as Json, json};

use super::Context;
use crate::connector::Connector;
use crate::exit::Exit;

/// Who needs which actions, in the order of the way.
pub(super) fn permissions(of_a_slice: &[&'static str], auth: &AuthSettings) -> Vec<(&'static str, Vec<&'static str>)> {
    let collect = || {
        let mut actions = of_a_slice.to_vec();
        if auth.regions.include.is_empty() {
            actions.push("ec2:DescribeRegions");
        }
        actions
    };
    let listing: &[&str] = match &auth.scope {
        Scope::Organization {
            organizational_units, ..
        } if !organizational_units.is_empty() => LISTING_OF_UNITS,
        Scope::Organization { .. } => LISTING,
        _ => &[],
    };
    let hops = !auth.master_chain.is_empty() || auth.scope.sub_account_chain().is_some();
    let initial = if hops { vec!["sts:AssumeRole"] } else { Vec::new() };
    match auth.scope {
        Scope::Listed { .. } => vec![
            ("initial credentials", initial),
            ("each account's last role", collect()),
        ],
        Scope::MasterOnly => vec![
            ("initial credentials", initial),
            ("the master account's session", collect()),
        ],
        Scope::Organization { .. } => vec![
            ("initial credentials", initial),
            (
                "the master account's session",
                listing.iter().copied().chain(collect()).collect(),
            ),
            ("each account's last role", collect()),
        ],
    }
}

const LISTING: &[&str] = &[
    "organizations:ListRoots",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListAccountsForParent",
];
const LISTING_OF_UNITS: &[&str] = &[
    "organizations:ListRoots",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListAccountsForParent",
    "organizations:ListParents",
    "organizations:DescribeOrganizationalUnit",
];

/// One JSON object: for each identity or role of the way, its policy and, for roles, its trust policy.
pub(crate) fn iam_policy<C: Connector>(
    connector: &C,
    context: &Context<'_>,
    stdout: &mut (dyn Write + Send),
) -> io::Result<Exit> {
    let policies = policies(&connector.actions(context.values), &context.settings.auth);
    writeln!(stdout, "{}", serde_json::to_string_pretty(&policies)?)?;
    Ok(Exit::Complete)
}

fn policies(of_a_slice: &[&'static str], auth: &AuthSettings) -> Json {
    let needed = permissions(of_a_slice, auth);
    let actions_of = |who: &str| {
        needed
            .iter()
            .find(|(name, _)| *name == who)
            .map(|(_, actions)| actions.clone())
            .unwrap_or_default()
    };
    let mut policies = Map::new();
    let chains: Vec<&[RoleTemplate]> = [
        &auth.master_chain[..],
        auth.scope.sub_account_chain().unwrap_or_default(),
    ]
    .into();
    let first: Vec<String> = chains.iter().filter_map(|chain| chain.first()).map(wildcard).collect();
    let master_actions = actions_of("the master account's session");
    let initial_name = match &auth.method {
        Method::WebIdentity(identity) => identity.role_arn.to_string(),
        _ => "initial credentials".to_owned(),
    };
    let mut initial = Vec::new();
    if !first.is_empty() {
        initial.push(allow(&["sts:AssumeRole"], &first));
    }
    if auth.master_chain.is_empty() && !master_actions.is_empty() {
        initial.push(allow(&master_actions, &["*".to_owned()]));
    }
    let mut entry = Map::from_iter([("policy".to_owned(), document(initial))]);
    if let Method::WebIdentity(identity) = &auth.method {
        let host = identity.token_url.host_str().unwrap_or_default();
        let account = identity.role_arn.as_str().split(':').nth(4).unwrap_or_default();
        let audience = identity.audience.as_deref().unwrap_or("<the token's aud>");
        entry.insert(
            "trust_policy".to_owned(),
            document(vec![json!({
                "Effect": "Allow",
                "Principal": {"Federated": format!(
                    "arn:{}:iam::{account}:oidc-provider/<the token's iss without https://, probably on {host}>",
                    identity.role_arn.partition()
                )},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {"<issuer>:aud": audience}},
            })]),
        );
    }
    policies.insert(initial_name, Json::Object(entry));
    for (chain, last_actions) in chains
        .iter()
        .zip([master_actions.clone(), actions_of("each account's last role")])
    {
        for (index, role) in chain.iter().enumerate() {
            let statement = match chain.get(index + 1) {
                Some(next) => allow(&["sts:AssumeRole"], &[wildcard(next)]),
                None => allow(&last_actions, &["*".to_owned()]),
            };
            let caller = match index.checked_sub(1).and_then(|before| chain.get(before)) {
                Some(before) => before.to_string(),
                None => match &auth.method {
                    Method::WebIdentity(identity) => identity.role_arn.to_string(),
                    _ => "<the ARN of the initial credentials' user or role>".to_owned(),
                },
            };
            let mut trust = vec![trust("sts:AssumeRole", &caller, auth)];
            if index == 0 && auth.roles.source_identity.is_some() {
                trust.push(self::trust("sts:SetSourceIdentity", &caller, auth));
            }
            let entry = json!({"policy": document(vec![statement]), "trust_policy": document(trust)});
            policies.insert(role.to_string(), entry);
        }
    }
    Json::Object(policies)
}

fn trust(action: &str, caller: &str, auth: &AuthSettings) -> Json {
    let mut statement = json!({"Effect": "Allow", "Principal": {"AWS": caller}, "Action": action});
    if let Some(id) = auth.roles.external_id.as_ref().filter(|_| action == "sts:AssumeRole") {
        statement["Condition"] = json!({"StringEquals": {"sts:ExternalId": id}});
    }
    statement
}

fn allow(actions: &[&str], resources: &[String]) -> Json {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

fn document(statements: Vec<Json>) -> Json {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// In a policy's resource, every account is `*`.
fn wildcard(role: &RoleTemplate) -> String {
    role.as_str().replace(auth_core::arn::ACCOUNT_PLACEHOLDER, "*")
}
