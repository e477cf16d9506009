//! What the process's environment says of regions, certificate authorities and proxies. All of it is looked at before anything is
//! sent: the SDK ignores what it cannot read, or panics on it.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::{Host, Url};

use crate::file::whole;
use crate::regions::is_region;

/// A bundle of all public authorities has some 200 KB.
const LARGEST_BUNDLE: u64 = 16 * 1024 * 1024;

/// In the order in which they are looked at, as the AWS SDKs do.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
/// Of two spellings the HTTP stack takes the first that is there.
const PROXIES: [[&str; 2]; 3] = [
    ["HTTPS_PROXY", "https_proxy"],
    ["HTTP_PROXY", "http_proxy"],
    ["ALL_PROXY", "all_proxy"],
];
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The environment, read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    pub(crate) region: Option<String>,
    /// Certificate authorities instead of the system's, in PEM.
    pub(crate) authorities: Option<Vec<u8>>,
    pub(crate) past_the_proxy: Option<Exceptions>,
}

impl Surroundings {
    /// # Errors
    /// Each variable that cannot mean anything, and why. No value of a proxy variable: it may have a password.
    pub(crate) async fn read(environment: &[(String, String)]) -> Result<Self, Vec<String>> {
        // An empty variable is none, as for the AWS CLI.
        let of = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let (_, text) = environment.iter().find(|(variable, _)| variable == name)?;
                (!text.trim().is_empty()).then_some((*name, text.as_str()))
            })
        };
        let mut problems = Vec::new();
        let region = of(&REGIONS).map(|(name, text)| {
            let region = text.trim();
            if !is_region(region) {
                problems.push(format!(
                    "{name}: `{region}` is not the name of a region, such as eu-west-1: correct it, or remove the variable"
                ));
            }
            region.to_owned()
        });
        for names in PROXIES {
            // One that is set and empty hides the other spelling, and means no proxy.
            let first = names
                .iter()
                .find_map(|name| environment.iter().find(|(variable, _)| variable == name));
            if let Some((name, text)) = first.filter(|(_, text)| !text.is_empty())
                && let Err(why) = check_proxy(text)
            {
                problems.push(format!("{name}: {why}"));
            }
        }
        let mut past_the_proxy = None;
        if let Some((name, text)) = of(&NO_PROXY) {
            match Exceptions::read(text) {
                Ok(exceptions) => past_the_proxy = Some(exceptions).filter(|exceptions| !exceptions.0.is_empty()),
                Err(why) => problems.push(format!("{name}: {why}")),
            }
        }
        let authorities = match of(&["AWS_CA_BUNDLE"]) {
            None => None,
            Some((name, path)) => match authorities(path).await {
                Ok(pem) => Some(pem),
                Err(why) => {
                    problems.push(format!("{name}: {why}"));
                    None
                }
            },
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Surroundings {
            region,
            authorities,
            past_the_proxy,
        })
    }
}

/// What the HTTP stack takes for a proxy: `http://host:port`, also without its scheme. It ignores what it cannot read, and would
/// send everything past the proxy.
fn check_proxy(text: &str) -> Result<(), String> {
    const FORM: &str = "write it as http://host:port or http://user:password@host:port";
    if text.contains(char::is_whitespace) {
        return Err(format!("it has a blank in it: {FORM}"));
    }
    if text.contains(['"', '\'']) {
        return Err(format!("it has quotes in it: {FORM}, without quotes"));
    }
    if text.contains('\\') {
        return Err(format!(
            "it has a backslash in it: {FORM}; in a user such as DOMAIN\\user write %5C for the backslash"
        ));
    }
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    match scheme {
        "http" | "https" => {}
        "" => return Err(format!("it does not say how the proxy is reached: {FORM}")),
        "socks4" | "socks4a" | "socks5" | "socks5h" => {
            return Err(format!(
                "a SOCKS proxy cannot be used, only one that speaks HTTP: {FORM}"
            ));
        }
        _ => return Err(format!("its scheme is neither http nor https: {FORM}")),
    }
    let url = Url::parse(&format!("{scheme}://{rest}"));
    if url.as_ref().is_ok_and(|url| url.host().is_some()) && rest.is_ascii() {
        return Ok(());
    }
    Err(format!(
        "it is not the address of a proxy: {FORM}, with %-escapes for other characters in user and password"
    ))
}

/// Entries of `NO_PROXY` that the HTTP stack does not know: those with a port, and `*.` before a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exceptions(Vec<Exception>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    /// A name, with all that end in it, or an address.
    host: String,
    /// Every port where there is none.
    port: Option<u16>,
}

impl Exceptions {
    fn read(text: &str) -> Result<Self, String> {
        let mut exceptions = Vec::new();
        for entry in text.split(',').map(str::trim) {
            let name = entry.strip_prefix("*.").unwrap_or(entry);
            if name.contains('*') && entry != "*" {
                return Err(format!(
                    "`{entry}` has a * in it, which has a meaning alone or as *. before a domain only"
                ));
            }
            let (host, port) = match name.rsplit_once(':') {
                // An IPv6 address has a port only behind its brackets.
                Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
                    Ok(port) => (host, Some(port)),
                    Err(_) => return Err(format!("`{entry}` ends in `:{port}`, which is no port")),
                },
                _ => (name, None),
            };
            if port.is_none() && name.len() == entry.len() {
                continue;
            }
            exceptions.push(Exception {
                host: host.trim_start_matches('.').to_ascii_lowercase(),
                port,
            });
        }
        Ok(Exceptions(exceptions))
    }

    /// Whether a request to `url` goes by no proxy.
    pub(crate) fn have(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let is_of = |exception: &Exception| match url.host() {
            Some(Host::Domain(_)) => {
                let before = host.strip_suffix(exception.host.as_str());
                before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }
            _ => host == exception.host,
        };
        let is_at = |exception: &Exception| exception.port.is_none() || exception.port == url.port_or_known_default();
        self.0.iter().any(|exception| is_of(exception) && is_at(exception))
    }
}

/// The certificate authorities of a file, each as the TLS stack takes it.
async fn authorities(path: &str) -> Result<Vec<u8>, String> {
    let bytes = whole(Path::new(path), LARGEST_BUNDLE).await;
    let bytes = bytes.map_err(|error| format!("{path} {error}"))?;
    let pem = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let mut store = RootCertStore::empty();
    let mut number = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        number += 1;
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| store.add(certificate).map_err(|error| error.to_string()));
        added.map_err(|why| format!("certificate {number} of {path} cannot be read: {why}; mend or remove it"))?;
    }
    match number {
        0 => Err(format!(
            "{path} has no certificate in it: name a file of certificates in PEM"
        )),
        _ => Ok(pem.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn read(name: &str, text: &str) -> Result<Surroundings, Vec<String>> {
        Surroundings::read(&[(name.to_owned(), text.to_owned())]).await
    }

    #[tokio::test]
    async fn a_region_is_one_or_none() {
        for (text, region) in [
            ("eu-west-1", Some("eu-west-1")),
            (" eu-west-1\n", Some("eu-west-1")),
            ("", None),
            (" ", None),
        ] {
            assert_eq!(
                read("AWS_REGION", text).await.unwrap().region.as_deref(),
                region,
                "{text:?}"
            );
        }
        let both = [("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "eu-west-2")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(
            Surroundings::read(&both).await.unwrap().region.as_deref(),
            Some("eu-west-2")
        );
        let problems = read("AWS_DEFAULT_REGION", "eu west").await.unwrap_err();
        assert!(problems[0].starts_with("AWS_DEFAULT_REGION: `eu west`"), "{problems:?}");
    }

    #[tokio::test]
    async fn a_proxy_is_one_or_refused_without_its_password() {
        for name in ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"] {
            for fine in [
                "",
                "http://a:3128",
                "https://a",
                "a:3128",
                "http://u:p%5C@a:1",
                "http://[::1]:3128/",
            ] {
                assert!(read(name, fine).await.is_ok(), "{fine}");
            }
            for (wrong, why) in [
                (" http://a:1", "blank"),
                ("http://a:1 ", "blank"),
                ("\"http://a:1\"", "quotes"),
                ("http://D\\u:hush@a:1", "%5C"),
                ("://hush", "does not say how"),
                ("socks5h://a:hush@b:1", "SOCKS"),
                ("ftp://a:hush@b", "neither http nor https"),
                ("http://", "not the address"),
                ("http://u:hush\u{e4}@a:1", "%-escapes"),
                ("http://a:hush", "not the address"),
            ] {
                let problems = read(name, wrong).await.unwrap_err();
                assert!(
                    problems[0].starts_with(name) && problems[0].contains(why),
                    "{wrong}: {problems:?}"
                );
                assert!(!problems[0].contains("hush"), "{problems:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_goes_past_the_proxy() {
        let exceptions = read(
            "NO_PROXY",
            "a, .b,*, 10.0.0.0/8, ::1, c:8443,*.d, *.e:1,[::1]:9,10.0.0.1:443",
        )
        .await
        .unwrap()
        .past_the_proxy
        .unwrap();
        assert_eq!(exceptions.0.len(), 5, "{exceptions:?}");
        for (url, past) in [
            ("https://c:8443/", true),
            ("https://x.c:8443/", true),
            ("https://c/", false),
            ("https://xc:8443/", false),
            ("https://x.d/", true),
            ("https://d/", true),
            ("https://x.e:1/", true),
            ("https://x.e/", false),
            ("https://[::1]:9/", true),
            ("https://10.0.0.1/", true),
            ("https://10.0.0.1:1/", false),
            // What the HTTP stack knows, it decides.
            ("https://a/", false),
        ] {
            assert_eq!(exceptions.have(&url.parse().unwrap()), past, "{url}");
        }
        assert!(read("no_proxy", "a,b").await.unwrap().past_the_proxy.is_none());
        for wrong in ["a*b", "a.*", "a:x", "*.*.a"] {
            assert!(read("no_proxy", wrong).await.is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn every_certificate_of_a_bundle_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle.pem");
        let good = include_str!("environment/authority.pem");
        for (content, why) in [
            (good.to_owned(), None),
            (format!("\u{feff}{good}"), None),
            (format!("# a comment\r\n{good}\n{good}"), None),
            (String::new(), Some("has no certificate")),
            ("not PEM".to_owned(), Some("has no certificate")),
            (format!("{good}{}", &good[..good.len() / 2]), Some("certificate 2 of")),
            (good.replacen("MI", "MA", 1), Some("certificate 1 of")),
        ] {
            std::fs::write(&path, &content).unwrap();
            let read = read("AWS_CA_BUNDLE", path.to_str().unwrap()).await;
            match why {
                None => assert!(read.unwrap().authorities.is_some(), "{content}"),
                Some(why) => assert!(read.unwrap_err()[0].contains(why), "{content}"),
            }
        }
        let problems = read("AWS_CA_BUNDLE", "/nowhere/bundle.pem").await.unwrap_err();
        assert!(
            problems[0].starts_with("AWS_CA_BUNDLE: /nowhere/bundle.pem"),
            "{problems:?}"
        );
    }
}
