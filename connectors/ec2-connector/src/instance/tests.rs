//! An instance with everything, one with nothing, and what may come in any order.
#![allow(clippy::unwrap_used)]

mod expected;
mod full;

use std::collections::HashSet;

use aws_sdk_ec2::types::*;
use connector_core::table::{Kind, Value};
use serde_json::{Value as Json, json};

use self::expected::*;
use self::full::*;
use super::{InstanceRecord, partition};
use crate::answer::tests::Of;
use crate::members;

/// A reservation of one instance, and the region that was asked for it.
struct Described {
    reservation: members::Reservation<'static>,
    region: &'static str,
}

impl Described {
    fn record(&self) -> InstanceRecord<'_> {
        InstanceRecord::of(&self.reservation, self.region).next().unwrap()
    }
}

/// A reservation that has every member too.
fn reservation() -> Reservation {
    Reservation::builder()
        .reservation_id("r-1")
        .owner_id("111111111111")
        .requester_id("222222222222")
        .groups(group("sg-d", "delta"))
        .groups(group("sg-c", "gamma"))
        .build()
}

/// The instance in a reservation.
fn described(mut reservation: Reservation, instance: Instance) -> Described {
    reservation.instances = Some(vec![instance]);
    Described {
        reservation: Of::of(&reservation),
        region: "us-gov-west-1",
    }
}

/// The instance in the reservation that has every member.
fn record(instance: Instance) -> Described {
    described(reservation(), instance)
}

/// The instance in a reservation of which AWS has said nothing at all.
fn alone(instance: Instance) -> Described {
    described(Reservation::builder().build(), instance)
}

fn empty() -> Instance {
    Instance::builder().build()
}

/// [`full`] with every list turned round.
fn turned_round() -> Instance {
    let mut instance = full();
    for interface in instance.network_interfaces.iter_mut().flatten() {
        interface.groups.as_mut().unwrap().reverse();
        interface.private_ip_addresses.as_mut().unwrap().reverse();
        interface.ipv6_addresses.as_mut().unwrap().reverse();
        interface.ipv4_prefixes.as_mut().unwrap().reverse();
        interface.ipv6_prefixes.as_mut().unwrap().reverse();
    }
    for interface in instance.secondary_interfaces.iter_mut().flatten() {
        interface.private_ip_addresses.as_mut().unwrap().reverse();
    }
    instance.tags.as_mut().unwrap().reverse();
    instance.security_groups.as_mut().unwrap().reverse();
    instance.network_interfaces.as_mut().unwrap().reverse();
    instance.secondary_interfaces.as_mut().unwrap().reverse();
    instance.block_device_mappings.as_mut().unwrap().reverse();
    instance.product_codes.as_mut().unwrap().reverse();
    instance.licenses.as_mut().unwrap().reverse();
    instance.elastic_gpu_associations.as_mut().unwrap().reverse();
    instance
        .elastic_inference_accelerator_associations
        .as_mut()
        .unwrap()
        .reverse();
    instance
}

/// The record of [`turned_round`] in a reservation that is turned round too.
fn turned_round_record() -> Described {
    let mut reservation = reservation();
    reservation.groups.as_mut().unwrap().reverse();
    described(reservation, turned_round())
}

fn value<'a>(record: &'a InstanceRecord<'a>, name: &str) -> Value<'a> {
    let column = InstanceRecord::COLUMNS.iter().find(|column| column.name == name);
    (column.unwrap_or_else(|| panic!("no column {name}")).value)(record)
}

fn nested(described: &Described, name: &str) -> Json {
    match value(&described.record(), name) {
        Value::Nested(json) => serde_json::from_str(&json).unwrap(),
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn every_column_shows_what_aws_gave() {
    let described = record(full());
    let record = described.record();
    let expected = expected();
    for (column, (name, value)) in InstanceRecord::COLUMNS.iter().zip(&expected) {
        assert_eq!(column.name, *name, "order of the columns");
        assert_eq!((column.value)(&record), *value, "{name}");
    }
    assert_eq!(
        InstanceRecord::COLUMNS.len(),
        expected.len(),
        "a column without an expectation, or the other way round"
    );
}

/// Fails when a new version of the SDK knows a member that the table does not show: add it to [`full`], then to a
/// column or a nested value.
#[test]
fn every_member_that_the_sdk_knows_is_in_the_row_once() {
    let described = record(full());
    let record = described.record();
    let given = format!("{:#?}", full());
    assert!(
        !given.contains("None"),
        "a member without a value in the fixture:\n{given}"
    );
    let mut reservation = reservation();
    reservation.instances = Some(Vec::new());
    let around = format!("{reservation:#?}");
    assert!(
        !around.contains("None"),
        "a member without a value in the fixture:\n{around}"
    );

    // A line of pretty debug output that neither opens nor closes anything holds one value.
    let is_value = |line: &&str| !line.ends_with(['{', '[', '(']) && !line.trim().starts_with(['}', ']', ')']);
    let given = given.lines().filter(is_value).count() + around.lines().filter(is_value).count();
    let empty_instances = 1;

    let own = ["arn", "name"];
    let shown: usize = InstanceRecord::COLUMNS
        .iter()
        .filter(|column| !own.contains(&column.name))
        .map(|column| match (column.value)(&record) {
            Value::Null => panic!("{} is NULL", column.name),
            Value::Nested(json) => scalars(&serde_json::from_str(&json).unwrap()),
            _ => 1,
        })
        .sum();
    assert_eq!(shown, given - empty_instances);
}

fn scalars(json: &Json) -> usize {
    match json {
        Json::Array(list) => list.iter().map(scalars).sum(),
        Json::Object(members) => members.values().map(scalars).sum(),
        Json::Null => panic!("null in a nested value of the full instance"),
        _ => 1,
    }
}

#[test]
fn of_an_instance_without_members_all_is_null_but_lists() {
    let described = alone(empty());
    let record = described.record();
    for column in InstanceRecord::COLUMNS {
        let value = (column.value)(&record);
        match column.kind {
            Kind::Nested => assert_eq!(value, Value::Nested("[]".into()), "{}", column.name),
            _ => assert_eq!(value, Value::Null, "{}", column.name),
        }
    }
}

#[test]
fn an_empty_list_and_an_empty_part_are_like_absent_ones() {
    let mut instance = empty();
    instance.tags = Some(Vec::new());
    instance.network_interfaces = Some(Vec::new());
    instance.placement = Some(Placement::builder().build());
    instance.capacity_reservation_specification = Some(CapacityReservationSpecificationResponse::builder().build());
    let (empty_parts, absent) = (alone(instance), alone(empty()));
    let (empty_parts, absent) = (empty_parts.record(), absent.record());
    for column in InstanceRecord::COLUMNS {
        assert_eq!((column.value)(&empty_parts), (column.value)(&absent), "{}", column.name);
    }
}

#[test]
fn an_absent_member_of_a_nested_value_is_null() {
    let mut instance = empty();
    instance.network_interfaces = Some(vec![InstanceNetworkInterface::builder().build()]);
    instance.block_device_mappings = Some(vec![InstanceBlockDeviceMapping::builder().build()]);
    let described = alone(instance);
    let record = described.record();

    let mut shape = interface_json("", 0);
    for member in shape.as_object_mut().unwrap().values_mut() {
        *member = if member.is_array() { json!([]) } else { Json::Null };
    }
    assert_eq!(
        value(&record, "network_interfaces"),
        Value::Nested(json!([shape]).to_string().into())
    );
    assert_eq!(
        value(&record, "block_devices"),
        Value::Nested(r#"[{"device_name":null,"ebs":null}]"#.into())
    );
}

#[test]
fn an_empty_text_stays_a_text() {
    let mut instance = empty();
    instance.public_dns_name = Some(String::new());
    instance.tags = Some(vec![tag("Name", "")]);
    let described = alone(instance);
    let record = described.record();
    assert_eq!(value(&record, "public_dns_name"), Value::text(Some("")));
    assert_eq!(value(&record, "name"), Value::text(Some("")));
}

#[test]
fn the_order_in_which_aws_answers_does_not_show() {
    assert_ne!(full(), turned_round());
    let (there, back) = (record(full()), turned_round_record());
    let (there, back) = (there.record(), back.record());
    for column in InstanceRecord::COLUMNS {
        assert_eq!((column.value)(&there), (column.value)(&back), "{}", column.name);
    }
}

#[test]
fn elements_with_the_same_key_are_ordered_too() {
    let row = |tags: [Tag; 3]| {
        let mut instance = empty();
        instance.tags = Some(tags.into());
        nested(&alone(instance), "tags")
    };
    let ordered = json!([{"key": null, "value": "x"}, {"key": "k", "value": "1"}, {"key": "k", "value": "2"}]);
    let unnamed = Tag::builder().value("x").build();
    assert_eq!(row([tag("k", "2"), tag("k", "1"), unnamed.clone()]), ordered);
    assert_eq!(row([tag("k", "1"), unnamed, tag("k", "2")]), ordered);
}

#[test]
fn interfaces_are_ordered_by_device_then_card_then_id() {
    let at = |id: &str, device_index: Option<i32>, network_card_index: Option<i32>| {
        let mut interface = interface(id, 0);
        let attachment = interface.attachment.as_mut().unwrap();
        attachment.device_index = device_index;
        attachment.network_card_index = network_card_index;
        interface
    };
    let mut instance = empty();
    instance.network_interfaces = Some(vec![
        InstanceNetworkInterface::builder()
            .network_interface_id("detached")
            .build(),
        at("ten", Some(10), None),
        at("two", Some(2), None),
        at("one-card-1", Some(1), Some(1)),
        at("one-card-0-b", Some(1), Some(0)),
        at("one-card-0-a", Some(1), None),
        at("primary", Some(0), Some(0)),
    ]);
    let interfaces = nested(&alone(instance), "network_interfaces");
    let ids: Vec<_> = interfaces
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["network_interface_id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "primary",
            "one-card-0-a",
            "one-card-0-b",
            "one-card-1",
            "two",
            "ten",
            "detached"
        ]
    );
}

#[test]
fn values_that_the_sdk_does_not_know_are_shown_as_aws_gave_them() {
    let mut instance = full();
    instance.instance_type = Some(InstanceType::from("z99.mega"));
    instance.state = Some(
        InstanceState::builder()
            .name(InstanceStateName::from("sleeping"))
            .build(),
    );
    instance.network_interfaces.as_mut().unwrap()[0].status = Some(NetworkInterfaceStatus::from("floating"));
    let described = alone(instance);
    let record = described.record();
    assert_eq!(value(&record, "instance_type"), Value::text(Some("z99.mega")));
    assert_eq!(value(&record, "state"), Value::text(Some("sleeping")));
    assert_eq!(nested(&described, "network_interfaces")[1]["status"], "floating");
}

#[test]
fn a_state_code_is_without_its_high_byte() {
    for (code, shown) in [(0, 0), (16, 16), (272, 16), (0x0100 + 48, 48)] {
        let mut instance = empty();
        instance.state = Some(InstanceState::builder().code(code).build());
        assert_eq!(
            value(&alone(instance).record(), "state_code"),
            Value::Integer(shown),
            "{code}"
        );
    }
}

#[test]
fn names_are_unique_snake_case_and_meanings_are_sentences() {
    let from_the_core = ["account_id", "account_name", "organizational_unit_path", "region"];
    let mut seen = HashSet::from(from_the_core);
    for column in InstanceRecord::COLUMNS {
        assert!(seen.insert(column.name), "{} twice", column.name);
        let snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(
            column.name.starts_with(|c: char| c.is_ascii_lowercase()),
            "{}",
            column.name
        );
        assert!(
            column.name.chars().all(snake) && !column.name.contains("__"),
            "{}",
            column.name
        );
        assert!(!column.name.ends_with('_'), "{}", column.name);
        assert!(column.meaning.ends_with('.'), "{}: {}", column.name, column.meaning);
    }
}

#[test]
fn values_are_of_the_declared_kind() {
    for (described, has_id) in [
        (record(full()), true),
        (turned_round_record(), true),
        (alone(empty()), false),
    ] {
        for column in InstanceRecord::COLUMNS {
            let kind = match (column.value)(&described.record()) {
                Value::Null => {
                    assert!(!(column.key && has_id), "{} is a key and NULL", column.name);
                    continue;
                }
                Value::Text(_) => Kind::Text,
                Value::Integer(_) => Kind::Integer,
                Value::Number(_) => Kind::Number,
                Value::Boolean(_) => Kind::Boolean,
                Value::Timestamp(..) => Kind::Timestamp,
                Value::Nested(_) => Kind::Nested,
                other => panic!("no column of an instance gives {other:?}"),
            };
            assert_eq!(kind, column.kind, "{}", column.name);
        }
    }
}

#[test]
fn the_key_is_the_instance() {
    let keys: Vec<_> = InstanceRecord::COLUMNS
        .iter()
        .filter(|column| column.key)
        .map(|column| column.name)
        .collect();
    assert_eq!(keys, ["instance_id"]);
}

#[test]
fn a_reservation_becomes_one_record_for_each_instance() {
    let instance = |id: &str| Instance::builder().instance_id(id).build();
    let reservation = Reservation::builder()
        .owner_id("1")
        .instances(instance("i-2"))
        .instances(instance("i-1"))
        .build();
    let reservation = Of::of(&reservation);
    let records: Vec<_> = InstanceRecord::of(&reservation, "eu-west-1").collect();
    let arns: Vec<_> = records.iter().map(|record| record.arn().unwrap()).collect();
    assert_eq!(
        arns,
        [
            "arn:aws:ec2:eu-west-1:1:instance/i-2",
            "arn:aws:ec2:eu-west-1:1:instance/i-1"
        ]
    );

    let none = Of::of(&Reservation::builder().owner_id("1").build());
    assert_eq!(InstanceRecord::of(&none, "eu-west-1").count(), 0);
}

#[test]
fn an_arn_names_the_partition_of_its_region() {
    for (region, expected) in [
        ("us-east-1", "aws"),
        ("eu-central-1", "aws"),
        ("mx-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-east-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("us-isof-south-1", "aws-iso-f"),
        ("eusc-de-east-1", "aws-eusc"),
    ] {
        assert_eq!(partition(region), expected, "{region}");
    }
}
