//! Roles: trust, external IDs, chains, durations.

use std::time::{Duration, UNIX_EPOCH};

use aws_sim::{Account, AccountState, Clock, Estate, Role, Scp, Sim};

use super::client::{self, Keys, MANAGEMENT, MEMBER, aws, sts};

const SUSPENDED: &str = "333344445555";

fn arn(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

async fn started() -> (Sim, Keys) {
    let root = format!("arn:aws:iam::{MANAGEMENT}:root");
    let hop = arn(MANAGEMENT, "hop");
    let mut estate = Estate::new(
        Account::new(MANAGEMENT).role(Role::new("hop").trusting(&root).max_session(Duration::from_secs(7200))),
    );
    let unit = estate.unit(estate.root_id(), "Unit");
    let member = Account::new(MEMBER)
        .role(Role::new("open").trusting(&root).max_session(Duration::from_secs(7200)))
        .role(Role::new("team/guarded").trusting(&hop).external_id("hub-42"))
        .role(Role::new("no-source").trusting(&root).refusing_source_identity())
        .role(Role::new("inner").trusting(MEMBER));
    estate.account(unit.clone(), member);
    estate.account(
        unit,
        Account::new(SUSPENDED)
            .state(AccountState::Suspended)
            .role(Role::new("open").trusting(&root)),
    );
    let keys = estate.user(MANAGEMENT, "ann").into();
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    (Sim::start(estate, clock).await.unwrap(), keys)
}

fn form(role: &str, rest: &str) -> String {
    format!("Action=AssumeRole&RoleSessionName=run-1&RoleArn={role}{rest}")
}

#[tokio::test]
async fn a_chain_ends_in_the_last_roles_account() {
    let (sim, keys) = started().await;
    let hop = client::assume(&sim, &keys, &arn(MANAGEMENT, "hop"));
    let reply = sts(&sim, &hop, &form(&arn(MEMBER, "team/guarded"), "&ExternalId=hub-42"));
    assert_eq!(
        reply.tag("Arn").unwrap(),
        format!("arn:aws:sts::{MEMBER}:assumed-role/guarded/run-1")
    );
    assert!(reply.tag("AssumedRoleId").unwrap().starts_with("AROA"));
    assert_eq!(reply.tag("Expiration").unwrap(), "2027-01-15T09:00:00Z");
    let identity = sts(&sim, &reply.keys(), "Action=GetCallerIdentity");
    assert_eq!(identity.tag("Account").unwrap(), MEMBER);
    assert_eq!(identity.tag("UserId").unwrap(), reply.tag("AssumedRoleId").unwrap());
    assert_eq!(identity.tag("Arn"), reply.tag("Arn"));

    let calls = sim.calls_of("sts:AssumeRole");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].parameter("ExternalId"), Some("hub-42"));
    assert_eq!(
        calls[1].caller.as_deref(),
        Some(format!("arn:aws:sts::{MANAGEMENT}:assumed-role/hop/it").as_str())
    );
    assert!(
        calls
            .iter()
            .all(|call| call.status == 200 && call.account.as_deref() == Some(MANAGEMENT))
    );
}

#[tokio::test]
async fn whoever_is_not_trusted_learns_nothing_else() {
    let (sim, keys) = started().await;
    let hop = client::assume(&sim, &keys, &arn(MANAGEMENT, "hop"));
    let guarded = arn(MEMBER, "team/guarded");
    let cases = [
        (&hop, guarded.clone(), "&ExternalId=wrong"),
        (&hop, guarded.clone(), ""),
        (&keys, guarded, "&ExternalId=hub-42"),
        (&keys, arn(MEMBER, "missing"), ""),
        (&keys, arn("999999999999", "open"), ""),
        (&keys, arn(MEMBER, "inner"), ""),
        (&keys, arn(SUSPENDED, "open"), ""),
    ];
    for (caller, role, rest) in cases {
        let who = sts(&sim, caller, "Action=GetCallerIdentity").tag("Arn").unwrap();
        let message = format!("User: {who} is not authorized to perform: sts:AssumeRole on resource: {role}");
        let reply = sts(&sim, caller, &form(&role, rest));
        assert_eq!(reply.error(), (403, "AccessDenied".to_owned(), message));
    }
}

#[tokio::test]
async fn durations() {
    let (sim, keys) = started().await;
    let hop = client::assume(&sim, &keys, &arn(MANAGEMENT, "hop"));
    let ask = |caller: &Keys, role: &str, seconds: u32| {
        let reply = sts(
            &sim,
            caller,
            &form(&arn(MEMBER, role), &format!("&DurationSeconds={seconds}")),
        );
        (reply.status, reply.error().2)
    };
    assert_eq!(ask(&keys, "open", 7200).0, 200);
    assert_eq!(ask(&hop, "open", 3600).0, 200);
    let chained = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
    assert_eq!(ask(&hop, "open", 3601), (400, chained.to_owned()));
    let maximum = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    assert_eq!(ask(&keys, "open", 7201), (400, maximum.to_owned()));
    assert_eq!(ask(&keys, "no-source", 3601), (400, maximum.to_owned()));
    let constraint = "failed to satisfy constraint: Member must have value";
    assert!(
        ask(&keys, "open", 899)
            .1
            .contains(&format!("'durationSeconds' {constraint} greater than or equal to 900"))
    );
    assert!(
        ask(&keys, "open", 43_201)
            .1
            .contains(&format!("{constraint} less than or equal to 43200"))
    );
}

#[tokio::test]
async fn names_and_external_ids_have_a_form() {
    let (sim, keys) = started().await;
    let role = arn(MEMBER, "open");
    let call = |rest: &str| sts(&sim, &keys, &format!("Action=AssumeRole&RoleArn={role}{rest}")).error();
    for name in ["a", "a%20b", "a:b", &"x".repeat(65), "%C3%BCber"] {
        assert_eq!(call(&format!("&RoleSessionName={name}")).1, "ValidationError", "{name}");
    }
    assert_eq!(call("").1, "ValidationError");
    for good in ["ab", "_%2B%3D%2C.@-x", &"x".repeat(64)] {
        assert_eq!(call(&format!("&RoleSessionName={good}")).0, 200, "{good}");
    }
    for (id, good) in [("a", false), ("a%20b", false), ("a%3Ab%2Fc", true)] {
        assert_eq!(
            call(&format!("&RoleSessionName=ok&ExternalId={id}")).0 == 200,
            good,
            "{id}"
        );
    }
    assert_eq!(
        sts(
            &sim,
            &keys,
            "Action=AssumeRole&RoleSessionName=ok&RoleArn=arn:aws:iam::1:role/x"
        )
        .code(),
        "ValidationError"
    );
}

#[tokio::test]
async fn a_source_identity_needs_the_trust_policys_consent() {
    let (sim, keys) = started().await;
    let granted = sts(&sim, &keys, &form(&arn(MEMBER, "open"), "&SourceIdentity=ann"));
    assert_eq!(granted.tag("SourceIdentity").unwrap(), "ann");
    let refused = sts(&sim, &keys, &form(&arn(MEMBER, "no-source"), "&SourceIdentity=ann"));
    assert!(
        refused
            .error()
            .2
            .contains("is not authorized to perform: sts:SetSourceIdentity on resource: ")
    );
}

#[tokio::test]
async fn sts_of_a_region_that_is_not_enabled() {
    let (sim, keys) = started().await;
    let form = format!("Version=2011-06-15&{}", form(&arn(MEMBER, "open"), ""));
    assert_eq!(
        aws(&sim, &keys, "sts", "ap-east-1", &form).code(),
        "RegionDisabledException"
    );
    assert_eq!(aws(&sim, &keys, "sts", "us-west-2", &form).status, 200);
}

#[tokio::test]
async fn a_policy_can_take_the_right_to_assume_roles() {
    let mut estate = Estate::new(Account::new(MANAGEMENT));
    let member = Account::new(MEMBER).role(Role::new("r").trusting(MEMBER).trusting(MANAGEMENT));
    estate.account(estate.root_id(), member.scp(Scp::deny("sts:AssumeRole")));
    let inside: Keys = estate.user(MEMBER, "bob").into();
    let (denied, free): (Keys, Keys) = (
        estate.user(MANAGEMENT, "ann").into(),
        estate.user(MANAGEMENT, "eve").into(),
    );
    estate.deny_user(MANAGEMENT, "ann", "sts:AssumeRole");
    let sim = Sim::start(estate, Clock::real()).await.unwrap();
    let status = |keys: &Keys| sts(&sim, keys, &form(&arn(MEMBER, "r"), "")).status;
    assert_eq!([status(&inside), status(&denied), status(&free)], [403, 403, 200]);
}

#[tokio::test]
async fn temporary_credentials_of_a_user() {
    let (sim, keys) = started().await;
    let session = sts(&sim, &keys, "Action=GetSessionToken&DurationSeconds=900").keys();
    assert_eq!(sts(&sim, &session, &form(&arn(MEMBER, "open"), "")).status, 200);
    sim.clock().advance(Duration::from_secs(900));
    assert_eq!(
        sts(&sim, &session, &form(&arn(MEMBER, "open"), "")).code(),
        "ExpiredToken"
    );
    let given = sim
        .role_session(&arn(MEMBER, "open"), "given", Duration::from_secs(60))
        .unwrap();
    let given = Keys {
        id: given.access_key_id,
        secret: given.secret_access_key,
        token: Some(given.session_token),
    };
    assert!(
        sts(&sim, &given, "Action=GetCallerIdentity")
            .tag("Arn")
            .unwrap()
            .ends_with("assumed-role/open/given")
    );
}

#[tokio::test]
async fn what_sts_does_not_have() {
    let (sim, keys) = started().await;
    assert_eq!(
        sts(&sim, &keys, "Action=DecodeAuthorizationMessage").code(),
        "InvalidAction"
    );
}
