//! `iam-policy`: the least-privilege policies and trust policies for the given parameters.

use std::io::{self, Write};

use auth_core::settings::{AuthSettings, Method, Scope, WebIdentity};
use auth_core::{Partition, RoleTemplate};
use serde_json::{Map, Value as Json, json};

use super::Context;
use crate::connector::{Connector, Permission};
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
        } if organizational_units.iter().any(|unit| !unit.starts_with('/')) => LISTING_OF_UNITS,
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
    let policies = policies(&connector.permissions(context.values), &context.settings.auth);
    writeln!(stdout, "{}", serde_json::to_string_pretty(&policies)?)?;
    Ok(Exit::Complete)
}

/// What an identity or a role may do, and who may become it. A role may stand in both chains, and anywhere in them.
#[derive(Default)]
struct Entry {
    /// Roles that it assumes.
    roles: Vec<String>,
    /// Whether it does the work of the master account, or of the others.
    listing: Vec<&'static str>,
    work: Vec<Permission>,
    /// Who assumes it.
    callers: Vec<String>,
}

fn policies(of_a_slice: &[Permission], auth: &AuthSettings) -> Json {
    let initial = match &auth.method {
        Method::WebIdentity(identity) => identity.role_arn.to_string(),
        _ => "initial credentials".to_owned(),
    };
    let mut entries: Vec<(String, Entry)> = vec![(initial.clone(), Entry::default())];
    let listing = match &auth.scope {
        Scope::Organization {
            organizational_units, ..
        } if organizational_units.iter().any(|unit| !unit.starts_with('/')) => LISTING_OF_UNITS,
        Scope::Organization { .. } => LISTING,
        _ => &[],
    };
    let mut work: Vec<Permission> = of_a_slice.iter().map(|permission| placed(permission, auth)).collect();
    if auth.regions.include.is_empty() {
        work.push(Permission::on_all(vec!["ec2:DescribeRegions"]));
    }
    let user = match &auth.method {
        Method::WebIdentity(identity) => identity.role_arn.to_string(),
        _ => "<the ARN of the initial credentials' user or role>".to_owned(),
    };
    let master = (!matches!(auth.scope, Scope::Listed { .. })).then_some((&auth.master_chain[..], listing));
    let sub = auth.scope.sub_account_chain().map(|chain| (chain, &[][..]));
    for (chain, listing) in master.into_iter().chain(sub) {
        let (mut at, mut caller) = (initial.clone(), user.clone());
        for role in chain {
            let before = entry(&mut entries, &at);
            push(&mut before.roles, wildcard(role));
            let after = entry(&mut entries, role.as_str());
            push(&mut after.callers, caller);
            (at, caller) = (role.to_string(), role.to_string());
        }
        let last = entry(&mut entries, &at);
        listing.iter().for_each(|action| push(&mut last.listing, *action));
        work.iter()
            .for_each(|permission| push(&mut last.work, permission.clone()));
    }
    let policies = entries.into_iter().map(|(name, entry)| {
        let is_initial = name == initial;
        (name, document_of(&entry, auth, is_initial))
    });
    Json::Object(policies.collect())
}

fn entry<'a>(entries: &'a mut Vec<(String, Entry)>, name: &str) -> &'a mut Entry {
    let at = entries.iter().position(|(known, _)| known == name);
    let at = at.unwrap_or_else(|| {
        entries.push((name.to_owned(), Entry::default()));
        entries.len() - 1
    });
    &mut entries[at].1
}

fn push<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn document_of(entry: &Entry, auth: &AuthSettings, is_initial: bool) -> Json {
    // The identity is handed on: AWS asks for the permission at every hop.
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
    let hop: &[&str] = match auth.roles.source_identity {
        Some(_) => &["sts:AssumeRole", "sts:SetSourceIdentity"],
        None => &["sts:AssumeRole"],
    };
    let mut statements = Vec::new();
    if !entry.roles.is_empty() {
        statements.push(allow(hop, &entry.roles));
    }
    if !entry.listing.is_empty() {
        statements.push(allow(&entry.listing, &["*".to_owned()]));
    }
    for permission in &entry.work {
        statements.push(allow(&permission.actions, &permission.resources));
    }
    let mut policies = Map::from_iter([("policy".to_owned(), document(statements))]);
    let mut trusts = Vec::new();
    if let (true, Method::WebIdentity(identity)) = (is_initial, &auth.method) {
        trusts.push(trust_in_provider(identity));
    }
    for caller in &entry.callers {
        trusts.extend(hop.iter().map(|action| trust(action, caller, auth)));
    }
    if !trusts.is_empty() {
        policies.insert("trust_policy".to_owned(), document(trusts));
    }
    Json::Object(policies)
}

/// A permission with the partition, regions and accounts that are known.
fn placed(permission: &Permission, auth: &AuthSettings) -> Permission {
    let partition = Partition::of_region(&auth.home_region).name;
    let regions: Vec<&str> = match &auth.regions.include[..] {
        [] => vec!["*"],
        regions => regions.iter().map(String::as_str).collect(),
    };
    let mut resources = Vec::new();
    for resource in &permission.resources {
        // A role of many accounts has one policy: of which account its resources are, the role says.
        let resource = resource.replace("{partition}", partition).replace("{accountId}", "*");
        if resource.contains("{region}") {
            resources.extend(regions.iter().map(|region| resource.replace("{region}", region)));
        } else {
            resources.push(resource);
        }
    }
    Permission {
        actions: permission.actions.clone(),
        resources,
    }
}

fn trust_in_provider(identity: &WebIdentity) -> Json {
    let host = identity.token_url.host_str().unwrap_or_default();
    let account = identity.role_arn.as_str().split(':').nth(4).unwrap_or_default();
    let audience = identity.audience.as_deref().unwrap_or("<the token's aud>");
    json!({
        "Effect": "Allow",
        "Principal": {"Federated": format!(
            "arn:{}:iam::{account}:oidc-provider/<the token's iss without https://, probably on {host}>",
            identity.role_arn.partition()
        )},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"<issuer>:aud": audience}},
    })
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
