//! Where requests may go: https, or what does not leave the machine.

use url::{Host, Url};

/// The addresses at which AWS serves credentials to a machine or container; they are on the link, and speak http only.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html>,
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
const OF_THE_LINK: [&str; 5] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::254]",
    "[fd00:ec2::23]",
];

/// Checks that what is sent to `url` cannot be read on the way: https, or http to this machine. With `insecure`, http to
/// any.
///
/// # Errors
/// What is wrong with it.
pub fn check(url: &Url, insecure: bool) -> Result<(), String> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials do not belong into the URL of an endpoint: remove them".to_owned());
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if insecure || is_loopback(url) => Ok(()),
        "http" => Err(
            "over http all is sent unencrypted: use https (http is for loopback only), or allow it with \
                       allow_insecure_endpoints"
                .to_owned(),
        ),
        other => Err(format!("`{other}` is not a scheme of an endpoint: use https")),
    }
}

/// The same for the address of a request, where those that serve credentials on the link are known too.
pub(crate) fn check_request(uri: &str, insecure: bool) -> Result<(), String> {
    let url = Url::parse(uri).map_err(|error| error.to_string())?;
    if url.host_str().is_some_and(|host| OF_THE_LINK.contains(&host)) {
        return Ok(());
    }
    check(&url, insecure)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // https://www.rfc-editor.org/rfc/rfc6761#section-6.3
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn https_goes_anywhere_and_http_stays_on_the_machine() {
        for (url, fine) in [
            ("https://sts.eu-west-1.amazonaws.com/", true),
            ("http://127.0.0.1:4566", true),
            ("http://127.8.8.8", true),
            ("http://[::1]:1", true),
            ("http://localhost:1", true),
            ("http://bucket.localhost:1/key", true),
            ("http://sts.eu-west-1.amazonaws.com/", false),
            ("http://localhost.example/", false),
            ("http://notlocalhost/", false),
            ("http://127.0.0.1.example/", false),
            ("http://10.0.0.1/", false),
            ("http://[::ffff:10.0.0.1]/", false),
            ("http://169.254.169.254/", false),
            ("ftp://127.0.0.1/", false),
            ("ftp://u:p@127.0.0.1/", false),
        ] {
            let parsed = url.parse().unwrap();
            assert_eq!(check(&parsed, false).is_ok(), fine, "{url}");
            assert_eq!(check(&parsed, true).is_ok(), !url.starts_with("ftp"), "{url}");
        }
    }

    #[test]
    fn a_request_may_also_ask_the_link_for_credentials() {
        for uri in [
            "http://169.254.169.254/latest/api/token",
            "http://169.254.170.2/v2/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "https://ec2.amazonaws.com/",
        ] {
            assert_eq!(check_request(uri, false), Ok(()), "{uri}");
        }
        for uri in ["http://169.254.169.255/", "http://ec2.amazonaws.com/", "/relative"] {
            assert!(check_request(uri, false).is_err(), "{uri}");
        }
    }
}
