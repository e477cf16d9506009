//! `cargo bench -p ec2-connector`: answers into instances, instances into rows.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_ec2::config::{Credentials, Region};
use aws_sdk_ec2::operation::describe_instances::DescribeInstances;
use aws_sim::{Clock, Estate, Sim};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, Error, Input, Output,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin as _;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse as _, SharedResponseDeserializer};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use connector_core::SliceRows;
use connector_core::rows::Format;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ec2_connector::answer::Unreadable;
use ec2_connector::instance::InstanceRecord;

/// Keeps the last answer as it came.
#[derive(Clone, Debug, Default)]
struct Body(Arc<Mutex<Vec<u8>>>);

#[dyn_dispatch_hint]
impl Intercept for Body {
    fn name(&self) -> &'static str {
        "Body"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_, Input, Output, Error>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *self.0.lock().unwrap() = context.response().body().bytes().unwrap().to_vec();
        Ok(())
    }
}

/// A page of instances, such as AWS gives them.
fn page() -> Vec<u8> {
    let sim = Sim::start(Estate::scale(1, 1, 1000, Duration::ZERO), Clock::real());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sim = runtime.block_on(sim).unwrap();
    let role = "arn:aws:iam::300000000001:role/inventory";
    let session = sim.role_session(role, "bench", Duration::from_secs(900)).unwrap();
    let body = Body::default();
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version_latest()
        .region(Region::new("eu-central-1"))
        .endpoint_url(sim.endpoint())
        .credentials_provider(Credentials::new(
            session.access_key_id,
            session.secret_access_key,
            Some(session.session_token),
            None,
            "bench",
        ))
        .interceptor(body.clone())
        .build();
    let client = aws_sdk_ec2::Client::from_conf(config);
    runtime
        .block_on(client.describe_instances().max_results(1000).send())
        .unwrap();
    std::mem::take(&mut *body.0.lock().unwrap())
}

/// A page, read here and by the SDK.
fn answers(criterion: &mut Criterion) {
    let page = page();
    let mut group = criterion.benchmark_group("answers");
    group.throughput(Throughput::Bytes(page.len() as u64));
    group.bench_function("read", |bencher| {
        bencher.iter(|| ec2_connector::answer::read(&page, |_| Ok::<_, Unreadable>(())).unwrap());
    });
    let sdk = DescribeInstances::new().config().unwrap();
    let response = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(page.as_slice()));
    group.bench_function("read by the SDK", |bencher| {
        let sdk = sdk.load::<SharedResponseDeserializer>().unwrap();
        bencher.iter(|| {
            sdk.deserialize_nonstreaming_with_config(&response, &ConfigBag::base())
                .unwrap()
        });
    });
    group.finish();
}

fn rows(criterion: &mut Criterion) {
    let page = page();
    let mut reservations = Vec::new();
    ec2_connector::answer::read(&page, |reservation| {
        reservations.push(reservation.clone());
        Ok::<_, Unreadable>(())
    })
    .unwrap();
    let instances = || {
        reservations
            .iter()
            .flat_map(|launched| InstanceRecord::of(launched, "eu-central-1"))
    };
    assert!(
        instances().count() > 400,
        "a page has instances: {}",
        instances().count()
    );
    let mut group = criterion.benchmark_group("instances");
    group.throughput(Throughput::Elements(instances().count() as u64));
    for format in [Format::Csv, Format::Jsonl, Format::Parquet] {
        group.bench_function(format!("to rows of {}", format.name()), |bencher| {
            bencher.iter(|| {
                let mut rows = SliceRows::alone(format, &std::env::temp_dir()).unwrap();
                for record in instances() {
                    rows.push(InstanceRecord::COLUMNS, &record).unwrap();
                }
                rows.len()
            });
        });
    }
    group.finish();
}

criterion_group!(instances, answers, rows);
criterion_main!(instances);
