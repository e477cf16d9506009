//! The parameters of AWS's Query protocol: a flat form in which lists are numbered.

use std::collections::BTreeMap;

use crate::http::form_fields;

/// Parameters that must never be written down.
const SECRET: [&str; 1] = ["WebIdentityToken"];

/// The parameters of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    pub(crate) fn parse(form: &str) -> Self {
        Self(form_fields(form).into_iter().collect())
    }

    /// A parameter; one that is sent empty counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// `Name.1`, `Name.2`, … in their order.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let mut numbered: Vec<(u32, &str)> = self
            .0
            .iter()
            .filter_map(|(key, value)| {
                let number = key.strip_prefix(name)?.strip_prefix('.')?;
                Some((number.parse().ok()?, value.as_str()))
            })
            .collect();
        numbered.sort_unstable();
        numbered.into_iter().map(|(_, value)| value).collect()
    }

    /// The first name that is none of those known; a known name stands for its numbered forms too.
    pub(crate) fn unknown(&self, known: &[&str]) -> Option<&str> {
        let is_known = |key: &str| {
            let base = key.split('.').next().unwrap_or(key);
            matches!(base, "Action" | "Version") || known.contains(&base)
        };
        self.0.keys().map(String::as_str).find(|key| !is_known(key))
    }

    /// What goes into the record.
    pub(crate) fn recordable(&self) -> BTreeMap<String, String> {
        let wanted = |name: &str| !SECRET.contains(&name) && !matches!(name, "Action" | "Version");
        self.0
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// All parameters but the page's, as one text: what a page token is bound to.
    pub(crate) fn fingerprint(&self) -> String {
        let bound = self
            .0
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "NextToken" | "MaxResults"));
        bound.map(|(name, value)| format!("{name}={value}&")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keep_their_numbers_order() {
        let params = Params::parse("Action=X&InstanceId.10=j&InstanceId.2=b&InstanceId.1=a&InstanceIdx.1=no&Empty=");
        assert_eq!(params.list("InstanceId"), ["a", "b", "j"]);
        assert_eq!(params.get("Empty"), None);
        assert_eq!(params.unknown(&["InstanceId", "Empty"]), Some("InstanceIdx.1"));
    }

    #[test]
    fn the_web_identity_token_is_not_recorded() {
        let params = Params::parse("WebIdentityToken=eyJ&RoleArn=arn");
        assert_eq!(params.recordable().into_keys().collect::<Vec<_>>(), ["RoleArn"]);
    }
}
