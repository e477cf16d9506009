//! Answers that say nothing, or not all: they are no empty ones. And what AWS leaves out unless it is asked for.

use std::collections::BTreeSet;

use aws_sim::{Action, Estate, Fault, Sim, facts};
use serde_json::{Value as Json, json};

use crate::harness::{Outcome, Run, expected, parameters, start, start_still};
use crate::world::*;

fn answer(content_type: &'static str, body: &str) -> Action {
    Action::Body {
        status: 200,
        content_type,
        body: body.to_owned(),
    }
}

fn json_answer(body: &Json) -> Action {
    answer("application/x-amz-json-1.1", &body.to_string())
}

fn xml_answer(body: &str) -> Action {
    answer("text/xml;charset=UTF-8", body)
}

#[test]
fn a_listing_without_what_it_must_have_is_a_failure() {
    let unit = json!({"organizational_units": [PRODUCTION]});
    for (operation, body, units, says) in [
        ("ListRoots", json!({}), false, "the answer has no Roots"),
        ("ListRoots", json!({"Roots": null}), false, "the answer has no Roots"),
        ("ListRoots", json!({"Roots": []}), false, "the answer has no root"),
        (
            "ListRoots",
            json!({"Roots": [{"Id": "r-sim1"}]}),
            false,
            "the answer has no Name of a root",
        ),
        (
            "ListRoots",
            json!({"Roots": [{"Name": "Root"}]}),
            false,
            "the answer has no Id of a root",
        ),
        (
            "ListOrganizationalUnitsForParent",
            json!({}),
            false,
            "the answer has no OrganizationalUnits",
        ),
        (
            "ListOrganizationalUnitsForParent",
            json!({"OrganizationalUnits": [{"Id": WORKLOADS}]}),
            false,
            "the answer has no Name of a unit",
        ),
        (
            "ListOrganizationalUnitsForParent",
            json!({"OrganizationalUnits": [{"Name": "Workloads"}]}),
            false,
            "the answer has no Id of a unit",
        ),
        ("ListAccountsForParent", json!({}), false, "the answer has no Accounts"),
        (
            "ListAccountsForParent",
            json!({"Accounts": [{"Name": "shop", "State": "ACTIVE"}]}),
            false,
            "the answer has no Id of an account",
        ),
        ("ListParents", json!({}), true, "the answer has no Parents"),
        (
            "DescribeOrganizationalUnit",
            json!({}),
            true,
            "the answer has no Name of the unit",
        ),
        (
            "DescribeOrganizationalUnit",
            json!({"OrganizationalUnit": {"Id": PRODUCTION}}),
            true,
            "the answer has no Name of the unit",
        ),
    ] {
        let sim = start(estate());
        sim.faults()
            .add(Fault::on(&format!("organizations:{operation}")).then(json_answer(&body)));
        let mut run = Run::organization(&sim);
        if units {
            run = run.params(unit.clone());
        }
        let outcome = run.expect(4);
        outcome.says(&[&format!("organizations:{operation}: {says}")]);
        assert!(!outcome.has_output(), "{operation} {body}");
    }
}

/// The first answer for `SECURITY` lacks what is there in the next ones, as if D had come from a unit that the walk had yet to
/// visit, and this one had been visited.
fn moving(schedule: impl FnOnce(Fault) -> Fault) -> Sim {
    let sim = start(estate());
    let fault = Fault::on("organizations:ListAccountsForParent").parameter("ParentId", SECURITY);
    sim.faults()
        .add(schedule(fault).then(json_answer(&json!({"Accounts": []}))));
    sim
}

fn warnings(outcome: &Outcome) -> String {
    outcome.ledger()["warnings"].to_string()
}

#[test]
fn an_account_that_moves_while_the_accounts_are_listed_is_not_lost() {
    for units in [json!(null), json!([SECURITY, WORKLOADS])] {
        let sim = moving(|fault| fault.first(1));
        let outcome = Run::organization(&sim)
            .params(json!({"organizational_units": units}))
            .expect(0);
        assert!(outcome.found().keys().any(|(account, _)| account == D), "{units}");
        let warning = format!(
            "account {D} was not in the first listing of the accounts, and then in /Root/Security: it moved, or is new"
        );
        assert!(
            warnings(&outcome).contains(&warning),
            "{}",
            outcome.ledger()["warnings"]
        );
    }
    let sim = moving(|fault| fault.every(2));
    let outcome = Run::organization(&sim).expect(0);
    assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
    assert!(
        warnings(&outcome).contains("the organization changed during each of 5 listings"),
        "{}",
        outcome.ledger()["warnings"]
    );
}

/// An answer of DescribeRegions with this inside.
fn regions(inside: &str) -> String {
    format!("<DescribeRegionsResponse><requestId>r</requestId>{inside}</DescribeRegionsResponse>")
}

#[test]
fn regions_that_are_not_all_fail_their_account() {
    let region = |name: &str| format!("<item><regionName>{name}</regionName></item>");
    let all = REGIONS.map(region).concat();
    let cut = regions(&format!("<regionInfo>{all}</regionInfo>"));
    let cut = &cut[..cut.find(&region(VIRGINIA)).unwrap() + region(VIRGINIA).len()];
    for (body, says) in [
        ("<DescribeRegionsResponse/>", "the answer has no regionInfo"),
        (&regions(""), "the answer has no regionInfo"),
        (
            &regions("<regionInfo/>"),
            "the answer has no region us-east-1, which was asked",
        ),
        (
            &regions(&format!("<regionInfo>{}</regionInfo>", region(FRANKFURT))),
            "the answer has no region us-east-1, which was asked",
        ),
        (
            &regions(&format!(
                "<regionInfo>{all}<item><optInStatus>opted-in</optInStatus></item></regionInfo>"
            )),
            "the answer has no regionName of a region",
        ),
        // The SDK reads it as an answer with three regions.
        (cut, "the answer (HTTP 200) ends too early"),
    ] {
        let sim = start_still(estate());
        sim.faults()
            .add(Fault::on("ec2:DescribeRegions").account(B).then(xml_answer(body)));
        let outcome = Run::organization(&sim).inside();
        outcome.expect(3);
        let slice = outcome.slice(B, None);
        assert_eq!(slice["outcome"], "failed", "{body}: {slice}");
        assert!(
            slice["cause"]["message"].as_str().unwrap().ends_with(says),
            "{body}: {slice}"
        );
        assert_eq!(
            outcome.found(),
            expected(&sim, [MASTER, A, C, D, E], &REGIONS),
            "{body}"
        );
    }
}

#[test]
fn an_answer_without_reservations_is_no_empty_region() {
    let instance = "<reservationSet><item><instancesSet><item><imageId>ami-1</imageId></item></instancesSet></item></reservationSet>";
    for (inside, says) in [
        ("", "no reservationSet"),
        ("<ReservationSet/>", "no reservationSet"),
        (instance, "the answer has no instanceId of an instance"),
    ] {
        let body = format!("<DescribeInstancesResponse><requestId>r</requestId>{inside}</DescribeInstancesResponse>");
        let sim = start_still(estate());
        let fault = Fault::on("ec2:DescribeInstances").account(B).region(FRANKFURT);
        sim.faults().add(fault.then(xml_answer(&body)));
        let outcome = Run::organization(&sim).inside();
        outcome.expect(3);
        let slice = outcome.slice(B, Some(FRANKFURT));
        assert_eq!(slice["outcome"], "failed", "{body}: {slice}");
        assert!(
            slice["cause"]["message"].as_str().unwrap().contains(says),
            "{body}: {slice}"
        );
    }
}

#[test]
fn a_session_without_what_it_must_have_is_none() {
    let result = |inside: &str| {
        format!("<AssumeRoleResponse><AssumeRoleResult>{inside}</AssumeRoleResult></AssumeRoleResponse>")
    };
    let members = [
        ("AccessKeyId", "ASIAEXAMPLE"),
        ("SecretAccessKey", "x"),
        ("SessionToken", "x"),
        ("Expiration", "2099-01-01T00:00:00Z"),
    ];
    let without = |left_out: &str| {
        let members = members.iter().filter(|(name, _)| *name != left_out);
        let members = members
            .map(|(name, value)| format!("<{name}>{value}</{name}>"))
            .collect::<String>();
        result(&format!("<Credentials>{members}</Credentials>"))
    };
    let of_members = members.map(|(name, _)| ("sts:AssumeRole", without(name), format!("the answer has no {name}")));
    let identity = |inside: &str| {
        format!(
            "<GetCallerIdentityResponse><GetCallerIdentityResult>{inside}</GetCallerIdentityResult></GetCallerIdentityResponse>"
        )
    };
    let arn = format!("<Arn>arn:aws:sts::{B}:assumed-role/inventory/s</Arn>");
    let others = [
        ("sts:AssumeRole", result(""), "the answer has no Credentials".to_owned()),
        (
            "sts:AssumeRole",
            "<AssumeRoleResponse><AssumeRoleResult>".to_owned(),
            "the answer (HTTP 200) ends too early".to_owned(),
        ),
        (
            "sts:GetCallerIdentity",
            identity(&arn),
            "the answer has no Account".to_owned(),
        ),
        (
            "sts:GetCallerIdentity",
            identity(&format!("<Account>{B}</Account>")),
            "the answer has no Arn".to_owned(),
        ),
        (
            "sts:GetCallerIdentity",
            identity(&format!("<Account>../../x</Account>{arn}")),
            "`../../x` is not an account id".to_owned(),
        ),
    ];
    for (call, body, says) in of_members.into_iter().chain(others) {
        let sim = start_still(estate());
        let fault = match call {
            "sts:AssumeRole" => Fault::on(call).parameter("RoleArn", &role(B, "inventory")),
            _ => Fault::on(call).account(B),
        };
        sim.faults().add(fault.then(xml_answer(&body)));
        let outcome = Run::organization(&sim).inside();
        outcome.expect(3);
        let slice = outcome.slice(B, None);
        assert!(
            slice["cause"]["message"].as_str().unwrap().contains(&says),
            "{body}: {slice}"
        );
        assert_eq!(
            outcome.found(),
            expected(&sim, [MASTER, A, C, D, E], &REGIONS),
            "{body}"
        );
    }
}

/// B has so many instances that some are managed, and hides those.
fn hiding() -> Estate {
    let mut estate = estate();
    estate.change_account(B, |account| account.instances(FRANKFURT, 120).hides_managed());
    estate
}

#[test]
fn instances_that_an_account_hides_are_collected_too() {
    let sim = start(hiding());
    let outcome = Run::organization(&sim).params(json!({"page_size": 50})).expect(0);
    assert_eq!(outcome.found(), expected(&sim, ALL, &REGIONS));
    let rows = outcome.rows();
    let hidden = rows
        .iter()
        .filter(|row| row["operator_hidden_by_default"] == json!(true));
    assert!(hidden.count() > 0, "the estate hides nothing");
}

/// Every switch that AWS's models know of the calls that are made: what an answer leaves out by default is asked for. `check` makes
/// the calls that a run makes.
#[test]
fn nothing_is_left_out_that_can_be_asked_for() {
    let sim = start(estate());
    for verb in ["run", "check"] {
        sim.forget_calls();
        Run::organization(&sim).verb(verb).expect(0);
        let mut switched = BTreeSet::new();
        for call in sim.calls() {
            for switch in facts::switches(&call.name()) {
                assert_eq!(call.parameter(switch), Some("true"), "{verb}: {} {switch}", call.name());
                switched.insert(call.name());
            }
        }
        let known = ["ec2:DescribeInstances", "ec2:DescribeRegions"];
        assert_eq!(switched, known.map(str::to_owned).into(), "{verb}");
    }
}

#[test]
fn a_region_that_does_not_know_managed_instances_is_asked_without_them_and_that_is_said() {
    for (code, message) in [
        (
            "UnknownParameter",
            "The parameter IncludeManagedResources is not recognized",
        ),
        ("InvalidParameter", "Unexpected parameter: IncludeManagedResources"),
    ] {
        let sim = start(hiding());
        let fault = Fault::on("ec2:DescribeInstances").account(B).region(FRANKFURT);
        sim.faults().add(
            fault
                .parameter("IncludeManagedResources", "true")
                .error(400, code, message),
        );
        let outcome = Run::organization(&sim).params(json!({"page_size": 50})).expect(0);
        let key = (B.to_owned(), FRANKFURT.to_owned());
        let (found, all) = (outcome.found(), expected(&sim, ALL, &REGIONS));
        assert!(found[&key].len() < all[&key].len(), "the estate hides nothing");
        let slice = outcome.slice(B, Some(FRANKFURT));
        assert_eq!(slice["outcome"], "complete");
        assert!(
            slice["warnings"]
                .to_string()
                .contains("EC2 does not know the parameter IncludeManagedResources"),
            "{slice}"
        );
        let mut calls = sim.calls_of("ec2:DescribeInstances");
        calls.retain(|call| call.account.as_deref() == Some(B) && call.region.as_deref() == Some(FRANKFURT));
        assert_eq!(
            parameters(&calls, "IncludeManagedResources"),
            ["true", "-", "-", "-"],
            "{code}: once"
        );
        let elsewhere = outcome.slice(B, Some(VIRGINIA));
        assert_eq!(elsewhere["warnings"], outcome.slice(A, Some(VIRGINIA))["warnings"]);
    }
    // Another error is not taken for that.
    let sim = start(hiding());
    let fault = Fault::on("ec2:DescribeInstances").account(B).region(FRANKFURT);
    sim.faults().add(fault.error(
        400,
        "InvalidParameterValue",
        "Value ( 7 ) for parameter maxResults is invalid.",
    ));
    let outcome = Run::organization(&sim).expect(3);
    assert_eq!(
        outcome.slice(B, Some(FRANKFURT))["cause"]["code"],
        "InvalidParameterValue"
    );
}
