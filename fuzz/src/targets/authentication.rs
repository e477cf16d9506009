//! Role chains and tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value as Json;

use crate::arn::{ACCOUNT_PLACEHOLDER, AccountId, RoleTemplate, split_chain};
use crate::jwt::Preview;

/// A chain that is written as one text.
pub fn arn_chain(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let entries = split_chain(&text);
    let separates = |c: char| c.is_whitespace() || c == ';';
    for entry in &entries {
        assert!(!entry.is_empty() && !entry.contains(separates));
    }
    // Nothing is lost but separators, of which a comma is one before an ARN only.
    let without_commas = |text: &str| text.replace(|c| separates(c) || c == ',', "");
    assert_eq!(without_commas(&entries.concat()), without_commas(&text));
    if !text.contains(",arn:") && !text.contains(|c: char| c.is_whitespace()) {
        assert_eq!(entries.concat(), text.replace(separates, ""));
    }
    assert_eq!(split_chain(&entries.join(";")), entries);
    let chain = RoleTemplate::parse_chain(&text);
    let parsed: Result<Vec<_>, _> = entries.iter().map(|entry| RoleTemplate::parse(entry)).collect();
    assert_eq!(chain, parsed);
    let account = AccountId::parse("123456789012").expect("twelve digits");
    for entry in entries {
        assert_eq!(
            AccountId::parse(entry).is_ok(),
            entry.len() == 12 && entry.parse::<u64>().is_ok_and(|_| !entry.starts_with('+'))
        );
        let Ok(role) = RoleTemplate::parse(entry) else { continue };
        assert_eq!(role.as_str(), entry);
        assert_eq!(role.has_placeholder(), entry.contains(ACCOUNT_PLACEHOLDER));
        let arn = role.resolve(&account);
        let parts: Vec<&str> = arn.split(':').collect();
        let &["arn", partition, "iam", "", number, path] = &parts[..] else {
            panic!("{arn}")
        };
        assert!(
            partition.starts_with("aws")
                && partition
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            "{arn}"
        );
        assert_eq!(partition, role.partition());
        assert_eq!(arn.split(':').nth(4), Some(number));
        assert!(
            path.starts_with("role/") && path.chars().all(|c| c.is_ascii_graphic()),
            "{arn}"
        );
        assert_eq!(RoleTemplate::parse(&arn).map(|role| role.to_string()), Ok(arn.clone()));
    }
}

/// A token as it is, behind a 0; or header and claims on two lines, of which a token is made.
pub fn jwt_preview(data: &[u8]) {
    let Some((form, data)) = data.split_first() else { return };
    if *form == 0 {
        let text = String::from_utf8_lossy(data);
        if let Some(preview) = Preview::of(&text) {
            assert_eq!(text.matches('.').count(), 2);
            told(&preview);
        }
        return;
    }
    let (header, claims) = data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len()));
    let token = [header, claims, b"a signature"]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let object = |text: &[u8]| serde_json::from_slice::<Json>(text).ok().filter(Json::is_object);
    let preview = Preview::of(&token);
    let (Some(header), Some(claims)) = (object(header), object(claims)) else {
        assert_eq!(preview, None);
        return;
    };
    let preview = preview.expect("header and claims");
    assert_eq!(preview.algorithm.as_deref(), header["alg"].as_str());
    assert_eq!(preview.issuer.as_deref(), claims["iss"].as_str());
    assert_eq!(preview.authorized_party.as_deref(), claims["azp"].as_str());
    assert_eq!(preview.expires, claims["exp"].as_i64());
    let texts = |array: &Vec<Json>| {
        array
            .iter()
            .filter_map(|text| text.as_str().map(str::to_owned))
            .collect()
    };
    let one = claims["aud"].as_str().map(|text| vec![text.to_owned()]);
    assert_eq!(
        preview.audience,
        claims["aud"].as_array().map(texts).or(one).unwrap_or_default()
    );
    assert!(!told(&preview).contains(&token));
}

/// What is told of it: one line that a terminal shows as it is.
fn told(preview: &Preview) -> String {
    let text = preview.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
    text
}
