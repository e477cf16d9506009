//! Answers of `DescribeInstances`, read here in place of the SDK, and without a copy of their texts. The SDK compares each
//! element's name with every name that it could have, one by one, moves the whole struct for every field, and copies each text:
//! `cargo bench -p ec2-connector` has both side by side.
//!
//! Errors of AWS are the SDK's to read: what comes of them does not change. One thing does. The SDK takes a document that ends
//! too early, or whose tags do not match, for one that has no more to say, and with it an inventory that lacks instances for a
//! whole one; here it is an error.

mod xml;

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ec2::operation::describe_instances::{DescribeInstances, DescribeInstancesOutput};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, Error, Input, Output, OutputOrError,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin as _;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, FrozenLayer};

pub use self::xml::Unreadable;
pub(crate) use self::xml::{Read, Xml};
use crate::members::{Reservation, Text};

/// Gives `take` the reservations of an answer one by one, in their order. The token of the next page, where there is one.
///
/// # Errors
/// What cannot be read, and what `take` returns.
pub fn read<'a, E: From<Unreadable>>(
    body: &'a [u8],
    mut take: impl FnMut(&Reservation<'a>) -> Result<(), E>,
) -> Result<Option<Text<'a>>, E> {
    let mut xml = Xml::of("DescribeInstancesResponse", body)?;
    let mut next_token = None;
    let mut is_listed = false;
    while let Some(member) = xml.child()? {
        match member.name() {
            "reservationSet" => {
                is_listed = true;
                while let Some(child) = xml.child()? {
                    match child.name() {
                        "item" => take(&Reservation::read(&mut xml)?)?,
                        _ => xml.skip(&child)?,
                    }
                }
            }
            "nextToken" => next_token = Read::read(&mut xml)?,
            _ => xml.skip(&member)?,
        }
    }
    // AWS gives it also where there is no instance.
    if !is_listed {
        return Err(xml.unreadable("no reservationSet").into());
    }
    xml.end()?;
    Ok(next_token)
}

/// An interceptor of one call of `DescribeInstances` that keeps the answer, unread. The SDK's output is empty then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(Arc<Mutex<Option<SdkBody>>>);

impl Unread {
    /// The answer, once the call has succeeded.
    pub(crate) fn take(&self) -> Option<SdkBody> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[dyn_dispatch_hint]
impl Intercept for Unread {
    fn name(&self) -> &'static str {
        "Unread"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_, Input, Output, Error>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(sdk) = DescribeInstances::new().config() {
            let keeper = Keeper {
                sdk,
                unread: self.clone(),
            };
            config
                .interceptor_state()
                .store_put(SharedResponseDeserializer::new(keeper));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Keeper {
    /// What has the SDK's own reader.
    sdk: FrozenLayer,
    unread: Unread,
}

impl DeserializeResponse for Keeper {
    fn deserialize_nonstreaming_with_config(&self, response: &HttpResponse, config: &ConfigBag) -> OutputOrError {
        if response.status().is_success() {
            *self.unread.0.lock().unwrap_or_else(PoisonError::into_inner) = response.body().try_clone();
            return Ok(Output::erase(DescribeInstancesOutput::builder().build()));
        }
        match self.sdk.load::<SharedResponseDeserializer>() {
            Some(sdk) => sdk.deserialize_nonstreaming_with_config(response, config),
            None => Err(OrchestratorError::other(
                "the SDK reads no answers of DescribeInstances",
            )),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
