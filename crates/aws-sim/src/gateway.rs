//! The way of a request: who calls what, is it well signed, does a fault strike, is there quota; then the service.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;

use crate::athena;
use crate::credentials::{Credential, Refusal, authenticate};
use crate::ec2::{self, Ec2Call};
use crate::estate::matches;
use crate::failure::Failure;
use crate::faults::Action;
use crate::http::{Answer, Delivery, Manner, Request};
use crate::idp;
use crate::organizations;
use crate::params::Params;
use crate::protocol::Service;
use crate::record::Call;
use crate::repaged::{self, Repaged};
use crate::s3::{self, S3Call, Target};
use crate::sigv4::Authorization;
use crate::stamp;
use crate::sts;
use crate::world::World;

/// Serves one request.
pub(crate) async fn serve(world: &World, request: Request) -> Delivery {
    let authorization = request.header("authorization").and_then(Authorization::parse);
    // A signed path is a bucket, whatever it is called.
    if let Some(operation) = idp::operation(&request.path).filter(|_| authorization.is_none()) {
        return serve_idp(world, operation, &request).await;
    }
    let service = match &authorization {
        Some(authorization) => Service::from_scope(&authorization.service),
        None => Some(guess(&request)),
    };
    let Some(service) = service else {
        return unknown_service(world, authorization);
    };
    serve_aws(world, service, authorization, &request).await
}

/// The service of a request without a signature that can be read.
fn guess(request: &Request) -> Service {
    if let Some(target) = request.header("x-amz-target") {
        let of_athena = Service::Athena
            .target_prefix()
            .is_some_and(|prefix| target.starts_with(prefix));
        return if of_athena {
            Service::Athena
        } else {
            Service::Organizations
        };
    }
    let asks = |name: &str| {
        request
            .query
            .split('&')
            .any(|pair| pair.split('=').next() == Some(name))
    };
    if (request.method != "POST" && !asks("Action")) || (request.method == "POST" && asks("delete")) {
        return Service::S3;
    }
    let form = String::from_utf8_lossy(&request.body);
    if form.contains("Version=2016-11-15") {
        Service::Ec2
    } else {
        Service::Sts
    }
}

fn unknown_service(world: &World, authorization: Option<Authorization>) -> Delivery {
    let name = authorization
        .map(|authorization| authorization.service)
        .unwrap_or_default();
    let failure = Failure::new(404, "UnknownService", format!("aws-sim does not simulate '{name}'"));
    let mut call = Call::new(name, "?", world.clock.now());
    let answer = Service::Sts.error(&failure, &world.request_id());
    call.error = Some(failure.code.into_owned());
    finish(world, call, answer, Manner::default())
}

/// What is asked for, read by the service's protocol.
struct Asked {
    operation: String,
    params: Params,
    target: Target,
}

impl Asked {
    fn of(service: Service, request: &Request) -> Self {
        let (mut params, mut target) = (Params::default(), Target::default());
        let operation = if service == Service::S3 {
            target = Target::of(request).unwrap_or_default();
            target.operation.clone()
        } else if let Some(prefix) = service.target_prefix() {
            let target = request.header("x-amz-target").unwrap_or_default();
            target.strip_prefix(prefix).unwrap_or(target).to_owned()
        } else {
            let form = String::from_utf8_lossy(&request.body);
            params = Params::parse(if form.is_empty() { &request.query } else { &form });
            params.get("Action").unwrap_or_default().to_owned()
        };
        Self {
            operation,
            params,
            target,
        }
    }

    fn note(&self, service: Service, request: &Request, call: &mut Call) {
        if service == Service::S3 {
            s3::note(&self.target, request, call);
        } else if service.target_prefix().is_some() {
            note_json(request, call);
        } else {
            call.parameters = self.params.recordable();
        }
    }
}

async fn serve_aws(
    world: &World,
    service: Service,
    authorization: Option<Authorization>,
    request: &Request,
) -> Delivery {
    let request_id = service.request_id(world);
    let mut asked = Asked::of(service, request);
    let mut call = Call::new(service.name(), &asked.operation, world.clock.now());
    asked.note(service, request, &mut call);
    if let Some(authorization) = &authorization {
        call.region = Some(authorization.region.clone());
        call.access_key_id = Some(authorization.access_key_id.clone());
    }
    let caller = identify(world, service, &asked.operation, authorization.as_ref(), request);
    tick(world, &call);
    let caller = match caller {
        Ok(caller) => caller,
        Err(failure) => return fail(world, call, service, &failure, &request_id),
    };
    if let Some(caller) = &caller {
        call.account = Some(caller.identity.account.clone());
        call.caller = Some(caller.identity.arn.clone());
    }

    world.record.begin(&mut call);
    if world.down.is_down() {
        call.error = Some("fault".to_owned());
        return reset(world, call);
    }
    let (delay, action) = world.faults.judge(&call);
    pause(delay + latency(world, service, &call)).await;
    let mut manner = match &action {
        None => Manner::default(),
        Some(struck) => match struck.manner() {
            Some(manner) => manner,
            None => return strike(world, call, service, struck.clone(), &request_id).await,
        },
    };
    if service == Service::S3 {
        manner.bytes_per_second = manner.bytes_per_second.or(world.estate.s3_throughput);
    }
    if !within_quota(world, service, &call) {
        return fail(world, call, service, &service.throttled(), &request_id);
    }
    let region = call.region.as_deref().unwrap_or_default();
    let (repaged, mut request) = Repaged::open(service, request, &mut asked.params);
    if let Some(Action::AsIfAsked(range)) = action {
        let headers = &mut request.to_mut().headers;
        headers.remove("range");
        headers.extend(range.map(|range| (hyper::header::RANGE, HeaderValue::from_static(range))));
    }
    let answer = match answer(world, service, caller.as_deref(), region, &asked, &request, &request_id) {
        Ok(answer) => repaged::altered(answer, action.as_ref(), &repaged),
        Err(failure) => {
            call.error = Some(failure.code.clone().into_owned());
            service.error(&failure, &request_id)
        }
    };
    finish(world, call, answer, manner)
}

/// The service's own work.
fn answer(
    world: &World,
    service: Service,
    caller: Option<&Credential>,
    region: &str,
    asked: &Asked,
    request: &Request,
    request_id: &str,
) -> Result<Answer, Failure> {
    let (operation, params, body) = (asked.operation.as_str(), &asked.params, &request.body);
    let document = match (service, caller.map(|caller| &caller.identity)) {
        (Service::Sts, _) => sts::call(world, caller, region, operation, params, request_id),
        (_, None) => Err(service.refuse(Refusal::NoAuthorization)),
        (Service::Organizations, Some(caller)) => organizations::call(world, caller, operation, body),
        (Service::Athena, Some(caller)) => athena::call(world, caller, region, operation, body),
        (Service::Ec2, Some(caller)) => {
            let call = Ec2Call {
                world,
                caller,
                region,
                params,
                request_id,
            };
            ec2::call(&call, operation)
        }
        (Service::S3, Some(caller)) => {
            let call = S3Call {
                world,
                caller,
                region,
                request,
                target: &asked.target,
            };
            return s3::call(&call).map(|answer| service.identified(answer, request_id));
        }
    };
    document.map(|document| service.success(document, request_id))
}

/// The caller by the request's signature; nobody for the one call that is not signed.
fn identify(
    world: &World,
    service: Service,
    operation: &str,
    authorization: Option<&Authorization>,
    request: &Request,
) -> Result<Option<Arc<Credential>>, Failure> {
    if service == Service::Sts && operation == "AssumeRoleWithWebIdentity" {
        return Ok(None);
    }
    let Some(authorization) = authorization else {
        let refusal = match request.header("authorization") {
            None => Refusal::NoAuthorization,
            Some(_) => Refusal::Malformed(
                "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.".to_owned(),
            ),
        };
        return Err(service.refuse(refusal));
    };
    let of_organizations = world.estate.organizations_region.as_deref();
    if service == Service::Organizations && of_organizations.is_some_and(|region| region != authorization.region) {
        let message = format!(
            "Credential should be scoped to a valid region, not '{}'. ",
            authorization.region
        );
        return Err(Failure::new(400, "InvalidSignatureException", message));
    }
    if service == Service::S3 {
        s3::check_payload(request)?;
    }
    authenticate(world, request, authorization)
        .map(Some)
        .map_err(|refusal| match service {
            Service::S3 => s3::refuse_request(refusal, request, authorization, world.clock.unix()),
            _ => service.refuse(refusal),
        })
}

fn note_json(request: &Request, call: &mut Call) {
    let Ok(serde_json::Value::Object(members)) = serde_json::from_slice(&request.body) else {
        return;
    };
    for (name, value) in members {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        call.parameters.insert(name, text);
    }
}

/// Moves the clock forward, where the estate wants that for such a call.
fn tick(world: &World, call: &Call) {
    let name = call.name();
    for (pattern, by) in &world.estate.ticks {
        if matches(pattern, &name) {
            world.clock.advance(*by);
        }
    }
}

fn latency(world: &World, service: Service, call: &Call) -> Duration {
    let of_account = || {
        let account = world.estate.accounts.get(call.account.as_ref()?)?;
        account
            .latencies
            .get(call.region.as_ref()?)
            .or_else(|| account.latencies.get("*"))
            .copied()
    };
    let own = match service {
        Service::Sts | Service::Organizations => None,
        Service::Ec2 | Service::Athena | Service::S3 => of_account(),
    };
    own.unwrap_or(world.estate.latency)
}

#[expect(
    clippy::disallowed_methods,
    reason = "latencies are real time: they are what a caller waits for"
)]
async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

fn within_quota(world: &World, service: Service, call: &Call) -> bool {
    let (account, region) = (
        call.account.as_deref().unwrap_or_default(),
        call.region.as_deref().unwrap_or_default(),
    );
    let quota = match service {
        Service::Sts | Service::Athena | Service::S3 => None,
        Service::Organizations => world.estate.organizations_quota,
        Service::Ec2 => world.estate.ec2_quota,
    };
    quota.is_none_or(|quota| {
        world.buckets.take(
            format!("{} {account} {region}", service.name()),
            quota,
            world.clock.now(),
        )
    })
}

fn fail(world: &World, mut call: Call, service: Service, failure: &Failure, request_id: &str) -> Delivery {
    call.error = Some(failure.code.clone().into_owned());
    finish(world, call, service.error(failure, request_id), Manner::default())
}

async fn strike(world: &World, mut call: Call, service: Service, action: Action, request_id: &str) -> Delivery {
    match action {
        Action::Error { status, code, message } => {
            fail(world, call, service, &Failure::new(status, code, message), request_id)
        }
        Action::Throttle => fail(world, call, service, &service.throttled(), request_id),
        Action::ThrottleFor(seconds) => {
            let failure = service.throttled();
            call.error = Some(failure.code.clone().into_owned());
            let answer = service.error(&failure, request_id);
            let answer = answer.with_header("retry-after", seconds.to_string());
            finish(world, call, answer, Manner::default())
        }
        Action::Expired => fail(world, call, service, &service.refuse(Refusal::Expired), request_id),
        Action::Skewed => {
            let now = world.clock.unix();
            let message = format!(
                "Signature expired: {} is now earlier than {} ({} - 5 min.)",
                stamp::basic(now - 301),
                stamp::basic(now - 300),
                stamp::basic(now)
            );
            fail(
                world,
                call,
                service,
                &service.refuse(Refusal::Skewed(message)),
                request_id,
            )
        }
        other => {
            call.error = Some("fault".to_owned());
            strike_transport(world, call, other).await
        }
    }
}

/// The faults that no service would commit.
async fn strike_transport(world: &World, call: Call, action: Action) -> Delivery {
    match action {
        Action::Body {
            status,
            content_type,
            body,
        } => finish(world, call, Answer::new(status, content_type, body), Manner::default()),
        Action::Hang => std::future::pending().await,
        Action::Refuse(how_long) => {
            world.down.begin(how_long);
            reset(world, call)
        }
        _ => reset(world, call),
    }
}

async fn serve_idp(world: &World, operation: &str, request: &Request) -> Delivery {
    let mut call = Call::new("idp", operation, world.clock.now());
    if operation == "Token" {
        idp::note(request, &mut call);
    }
    tick(world, &call);
    world.record.begin(&mut call);
    if world.down.is_down() {
        call.error = Some("fault".to_owned());
        return reset(world, call);
    }
    let (delay, action) = world.faults.judge(&call);
    pause(delay + world.estate.latency).await;
    let manner = action.as_ref().map_or(Some(Manner::default()), Action::manner);
    let Some(manner) = manner else {
        return strike_idp(world, call, action).await;
    };
    let mut answer = idp::answer(world, operation, request, &mut call);
    if let Some(Action::ContentType(other)) = action {
        answer.content_type = other.into();
    }
    finish(world, call, answer, manner)
}

async fn strike_idp(world: &World, mut call: Call, action: Option<Action>) -> Delivery {
    let manner = Manner::default();
    match action {
        Some(Action::Error { status, code, message }) => {
            let body = serde_json::json!({"error": code, "error_description": message}).to_string();
            call.error = Some(code);
            finish(world, call, Answer::new(status, "application/json", body), manner)
        }
        Some(Action::ThrottleFor(seconds)) => {
            call.error = Some("slow_down".to_owned());
            let answer = Answer::new(429, "application/json", r#"{"error":"slow_down"}"#);
            finish(
                world,
                call,
                answer.with_header("retry-after", seconds.to_string()),
                manner,
            )
        }
        Some(Action::Throttle) | None => {
            call.error = Some("slow_down".to_owned());
            let answer = Answer::new(429, "application/json", r#"{"error":"slow_down"}"#);
            finish(world, call, answer.with_header("retry-after", "1"), manner)
        }
        Some(other) => {
            call.error = Some("fault".to_owned());
            strike_transport(world, call, other).await
        }
    }
}

fn finish(world: &World, mut call: Call, answer: Answer, manner: Manner) -> Delivery {
    if manner.lost {
        call.error = Some("fault".to_owned());
        return reset(world, call);
    }
    call.status = answer.status;
    world.record.end(call);
    Delivery::Answer(answer, manner)
}

fn reset(world: &World, call: Call) -> Delivery {
    world.record.end(call);
    Delivery::Reset
}
