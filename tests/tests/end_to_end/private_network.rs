//! A network with nothing but a proxy and certificates of its own: AWS and the identity provider have names that only the
//! proxy knows, so that nothing arrives that does not come through it.

use std::collections::BTreeSet;

use end_to_end::certificates::Certificates;
use end_to_end::connector::{Connector, Outcome};
use end_to_end::oracle::call;
use end_to_end::process::free_port;
use end_to_end::servers::{Moto, OidcProvider, Proxy};
use serde_json::json;

const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "710000000001";
const AWS: &str = "aws.test.invalid";
const IDENTITY: &str = "identity.test.invalid";
/// What the proxy asks for; the password is a secret.
const PROXY_USER: &str = "batch";
const PROXY_PASSWORD: &str = "proxy-pa55word";

/// An AWS and an identity provider behind TLS, with something to collect.
struct World {
    certificates: Certificates,
    moto: Moto,
    provider: OidcProvider,
}

impl World {
    /// Athena gives this many results.
    fn new(queries: usize) -> World {
        let certificates = Certificates::new();
        let moto = Moto::with_certificate(&certificates).unwrap();
        let provider = OidcProvider::with_certificate(IDENTITY, &certificates).unwrap();
        let row = |text: &str| json!({ "Data": [{ "VarCharValue": text }] });
        let info = json!({ "Name": "n", "Label": "n", "Type": "integer", "Precision": 10, "Scale": 0 });
        let result = json!({ "rows": [row("n"), row("7")], "column_info": [info] });
        let bucket = json!({ "Bucket": "results", "CreateBucketConfiguration": { "LocationConstraint": REGION } });
        let launch = json!({ "ImageId": "ami-0a1b2c3d4e5f60001", "MinCount": 2, "MaxCount": 2 });
        let in_account = |service, method, arguments| call(ACCOUNT, REGION, service, method, arguments);
        moto.call(vec![
            in_account("s3", "create_bucket", bucket),
            in_account(
                "moto-api",
                "static/athena/query-results",
                json!({ "results": vec![result; queries] }),
            ),
            in_account("ec2", "run_instances", launch),
        ]);
        World {
            certificates,
            moto,
            provider,
        }
    }

    /// Signs in at the identity provider, and goes on over a role, to AWS of this name.
    fn signed_in(&self, run: Connector, host: &str) -> Connector {
        let endpoint = format!("https://{host}:{}", self.moto.port());
        run.at_moto(&self.moto)
            .by_oidc(&self.provider, &format!("arn:aws:iam::{ACCOUNT}:role/hub"))
            .parameter("OidcTokenParameters", json!({ "resource": "urn:aws:private" }))
            .parameter(
                "sub_account_assume_role_arn_chain",
                json!(["arn:aws:iam::{accountId}:role/reader"]),
            )
            .parameter("accounts", json!([ACCOUNT]))
            .parameter("regions", json!([REGION]))
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_CA_BUNDLE", self.certificates.bundle())
    }

    fn instances(&self) -> Connector {
        self.signed_in(Connector::run(), AWS)
    }

    fn query(&self) -> Connector {
        self.signed_in(Connector::query("select n from orders"), AWS)
            .parameter("output_location", "s3://results/private")
            .parameter("fetch", "s3")
    }

    /// The tunnels to AWS and to the identity provider.
    fn tunnels(&self) -> BTreeSet<String> {
        BTreeSet::from([
            format!("CONNECT {AWS} {}", self.moto.port()),
            format!("CONNECT {IDENTITY} {}", self.provider.port()),
        ])
    }

    fn services(&self, outcome: &Outcome) -> BTreeSet<String> {
        outcome
            .requests(self.moto.journal())
            .into_iter()
            .map(|request| request.service)
            .collect()
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn as_user(proxy: &Proxy) -> String {
    proxy.url(&format!("{PROXY_USER}:{PROXY_PASSWORD}@"))
}

#[test]
fn all_that_both_connectors_ask_goes_through_the_proxy_with_certificates_of_its_own() {
    let world = World::new(2);
    let proxy = Proxy::start(Some(&format!("{PROXY_USER}:{PROXY_PASSWORD}")));
    let through = |run: Connector, variable: &str| run.env(variable, &as_user(&proxy)).secret(PROXY_PASSWORD).start();
    let instances = through(world.instances(), "HTTPS_PROXY");
    let by_s3 = through(world.query(), "https_proxy");
    let by_api = through(world.query().parameter("fetch", "api"), "ALL_PROXY");

    let instances = instances.finish();
    instances.expect_exit(0);
    assert_eq!(instances.rows().len(), 2);
    // Who makes no session is unsigned, and so of no service.
    assert_eq!(world.services(&instances), names(&["", "sts", "ec2"]));
    for (run, services) in [
        (by_s3, &["", "sts", "athena", "s3"][..]),
        (by_api, &["", "sts", "athena"]),
    ] {
        let outcome = run.finish();
        outcome.expect_exit(0);
        assert_eq!(outcome.rows()[0]["n"], 7);
        assert_eq!(world.services(&outcome), names(services));
    }
    assert_eq!(world.provider.requests_with("resource", "urn:aws:private").len(), 3);
    assert_eq!(BTreeSet::from_iter(proxy.passed()), world.tunnels());
}

#[test]
fn a_proxy_that_refuses_or_is_down_is_what_the_error_names() {
    let world = World::new(0);
    let proxy = Proxy::start(Some(&format!("{PROXY_USER}:{PROXY_PASSWORD}")));
    let down = format!("http://127.0.0.1:{}", free_port());
    let with = |run: Connector, url: &str| run.env("HTTPS_PROXY", url).start();
    let refused = with(world.instances(), &proxy.url(""));
    let wrong = with(
        world.query().secret("wrong-pa55word"),
        &proxy.url(&format!("{PROXY_USER}:wrong-pa55word@")),
    );
    let nobody = with(world.query(), &down);
    // Without a tunnel it is the proxy that answers.
    let plain = Connector::query("select 1")
        .at_moto(Moto::shared())
        .parameter("allow_insecure_endpoints", true)
        .env("AWS_ENDPOINT_URL", &format!("http://{AWS}"))
        .env("HTTP_PROXY", &proxy.url(""))
        .finish();
    plain.expect_exit(4).expect_said(&["407", "http://user:password@"]);
    for run in [refused, wrong] {
        run.finish()
            .expect_exit(4)
            .expect_said(&["proxy authorization required", "http://user:password@"]);
    }
    nobody.finish().expect_exit(4).expect_said(&["proxy", "refused"]);
    assert!(proxy.passed().is_empty(), "{:?}", proxy.passed());
}

#[test]
fn a_proxy_that_is_busy_is_asked_again() {
    let world = World::new(1);
    let proxy = Proxy::busy(3);
    let outcome = world.query().env("HTTPS_PROXY", &proxy.url("")).finish();
    outcome.expect_exit(0);
    assert_eq!(BTreeSet::from_iter(proxy.passed()), world.tunnels());
}

#[test]
fn an_authority_that_is_not_in_the_bundle_is_refused_through_a_proxy_too() {
    let world = World::new(0);
    let proxy = Proxy::start(None);
    let other = Certificates::new();
    let run = |bundle: &str| {
        world
            .query()
            .env("AWS_CA_BUNDLE", bundle)
            .env("HTTPS_PROXY", &proxy.url(""))
            .start()
    };
    // All at once: a failed connection is tried again for some time.
    for run in [run(other.bundle()), run("")] {
        let outcome = run.finish();
        outcome
            .expect_exit(4)
            .expect_said(&["certificate", "AWS_CA_BUNDLE", IDENTITY]);
        assert!(outcome.requests(world.moto.journal()).is_empty(), "AWS got nothing");
    }
    // The provider is asked first, and got nothing either.
    assert!(world.provider.requests_with("resource", "urn:aws:private").is_empty());
}

#[test]
fn hosts_in_no_proxy_are_reached_directly() {
    let world = World::new(1);
    let proxy = Proxy::start(None);
    let outcome = world
        .signed_in(Connector::query("select n from orders"), "localhost")
        .parameter("output_location", "s3://results/direct")
        .parameter("fetch", "s3")
        .env("HTTPS_PROXY", &proxy.url(""))
        .env("NO_PROXY", "example.com,localhost")
        .finish();
    outcome.expect_exit(0);
    // The identity provider is not in the list.
    let tunnel = format!("CONNECT {IDENTITY} {}", world.provider.port());
    assert_eq!(BTreeSet::from_iter(proxy.passed()), BTreeSet::from([tunnel]));
}

#[test]
fn plain_requests_go_through_the_proxy_as_they_are() {
    let (moto, proxy) = (
        Moto::shared(),
        Proxy::start(Some(&format!("{PROXY_USER}:{PROXY_PASSWORD}"))),
    );
    let outcome = Connector::run()
        .at_moto(moto)
        .secret(PROXY_PASSWORD)
        .parameter("sub_account_assume_role_arn_chain", json!([super::ONE_HOP]))
        .parameter("accounts", json!([moto.estate.account("Build")]))
        .parameter("regions", json!([REGION]))
        .parameter("allow_insecure_endpoints", true)
        .env("AWS_ENDPOINT_URL", &format!("http://{AWS}:{}", moto.port()))
        .env("HTTP_PROXY", &as_user(&proxy))
        .finish();
    outcome.expect_exit(0);
    super::expect_rows(
        &outcome,
        &super::boto3(
            moto,
            json!({ "accounts": [moto.estate.account("Build")], "regions": [REGION] }),
        ),
    );
    let expected = format!("{AWS} {}", moto.port());
    let passed = proxy.passed();
    assert!(!passed.is_empty());
    assert!(passed.iter().all(|line| line.ends_with(&expected)), "{passed:?}");
}
