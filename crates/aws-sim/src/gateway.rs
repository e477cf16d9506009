//! The way of a request: who calls what, is it well signed, does a fault strike, is there quota; then the service.

use std::sync::Arc;
use std::time::Duration;

use crate::athena;
use crate::credentials::{Credential, Refusal, authenticate};
use crate::ec2::{self, Ec2Call};
use crate::estate::matches;
use crate::failure::Failure;
use crate::faults::Action;
use crate::http::{Answer, Delivery, Request};
use crate::idp;
use crate::organizations;
use crate::params::Params;
use crate::protocol::Service;
use crate::record::Call;
use crate::sigv4::Authorization;
use crate::sts;
use crate::world::World;

/// Serves one request.
pub(crate) async fn serve(world: &World, request: Request) -> Delivery {
    if let Some(operation) = idp::operation(&request.path) {
        return serve_idp(world, operation, &request).await;
    }
    let authorization = request.header("authorization").and_then(Authorization::parse);
    let guess = guess(&request);
    let service = match &authorization {
        Some(authorization) => Service::from_scope(&authorization.service),
        None => Some(guess),
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
    finish(world, call, Delivery::Whole(answer))
}

/// The operation and its parameters, by the service's protocol.
fn operation(service: Service, request: &Request) -> (String, Params) {
    if let Some(prefix) = service.target_prefix() {
        let target = request.header("x-amz-target").unwrap_or_default();
        let operation = target.strip_prefix(prefix).unwrap_or(target);
        return (operation.to_owned(), Params::default());
    }
    let form = String::from_utf8_lossy(&request.body);
    let params = Params::parse(if form.is_empty() { &request.query } else { &form });
    (params.get("Action").unwrap_or_default().to_owned(), params)
}

async fn serve_aws(
    world: &World,
    service: Service,
    authorization: Option<Authorization>,
    request: &Request,
) -> Delivery {
    let request_id = world.request_id();
    let (operation, params) = operation(service, request);
    let mut call = Call::new(service.name(), &operation, world.clock.now());
    call.parameters = params.recordable();
    if service.target_prefix().is_some() {
        note_json(request, &mut call);
    }
    if let Some(authorization) = &authorization {
        call.region = Some(authorization.region.clone());
        call.access_key_id = Some(authorization.access_key_id.clone());
    }
    let caller = identify(world, service, &operation, authorization.as_ref(), request);
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
    let (delay, action) = world.faults.judge(&call);
    pause(delay + latency(world, service, &call)).await;
    let truncated = match action {
        None => false,
        Some(Action::Truncate) => true,
        Some(action) => return strike(world, call, service, action, &request_id).await,
    };
    if !within_quota(world, service, &call) {
        return fail(world, call, service, &service.throttled(), &request_id);
    }
    let region = call.region.as_deref().unwrap_or_default();
    let result = match (service, &caller) {
        (Service::Sts, caller) => sts::call(world, caller.as_deref(), region, &operation, &params, &request_id),
        (Service::Organizations, Some(caller)) => {
            organizations::call(world, &caller.identity, &operation, &request.body)
        }
        (Service::Athena, Some(caller)) => athena::call(world, &caller.identity, region, &operation, &request.body),
        (Service::Ec2, Some(caller)) => {
            let ec2_call = Ec2Call {
                world,
                caller: &caller.identity,
                region,
                params: &params,
                request_id: &request_id,
            };
            ec2::call(&ec2_call, &operation)
        }
        (_, None) => Err(service.refuse(Refusal::NoAuthorization)),
    };
    match result {
        Err(failure) => fail(world, call, service, &failure, &request_id),
        Ok(body) => {
            let answer = service.success(body, &request_id);
            finish(
                world,
                call,
                if truncated {
                    Delivery::Truncated(answer)
                } else {
                    Delivery::Whole(answer)
                },
            )
        }
    }
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
    authenticate(world, request, authorization)
        .map(Some)
        .map_err(|refusal| service.refuse(refusal))
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
    let own = if service == Service::Ec2 { of_account() } else { None };
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
        Service::Sts | Service::Athena => None,
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
    finish(world, call, Delivery::Whole(service.error(failure, request_id)))
}

async fn strike(world: &World, mut call: Call, service: Service, action: Action, request_id: &str) -> Delivery {
    match action {
        Action::Error { status, code, message } => {
            fail(world, call, service, &Failure::new(status, code, message), request_id)
        }
        Action::Throttle => fail(world, call, service, &service.throttled(), request_id),
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
        } => finish(world, call, Delivery::Whole(Answer::new(status, content_type, body))),
        Action::Hang => std::future::pending().await,
        _ => finish(world, call, Delivery::Reset),
    }
}

async fn serve_idp(world: &World, operation: &str, request: &Request) -> Delivery {
    let mut call = Call::new("idp", operation, world.clock.now());
    if operation == "Token" {
        idp::note(request, &mut call);
    }
    tick(world, &call);
    world.record.begin(&mut call);
    let (delay, action) = world.faults.judge(&call);
    pause(delay + world.estate.latency).await;
    match action {
        None => {}
        Some(Action::Truncate) => {
            let answer = idp::answer(world, operation, request, &mut call);
            return finish(world, call, Delivery::Truncated(answer));
        }
        Some(Action::Throttle) => {
            call.error = Some("slow_down".to_owned());
            let answer = Answer::new(429, "application/json", r#"{"error":"slow_down"}"#);
            return finish(world, call, Delivery::Whole(answer.with_header("retry-after", "1")));
        }
        Some(Action::Error { status, code, message }) => {
            let body = serde_json::json!({"error": code, "error_description": message}).to_string();
            call.error = Some(code);
            return finish(
                world,
                call,
                Delivery::Whole(Answer::new(status, "application/json", body)),
            );
        }
        Some(other) => {
            call.error = Some("fault".to_owned());
            return strike_transport(world, call, other).await;
        }
    }
    let answer = idp::answer(world, operation, request, &mut call);
    finish(world, call, Delivery::Whole(answer))
}

fn finish(world: &World, mut call: Call, delivery: Delivery) -> Delivery {
    call.status = match &delivery {
        Delivery::Whole(answer) | Delivery::Truncated(answer) => answer.status,
        Delivery::Reset => 0,
    };
    world.record.end(call);
    delivery
}
