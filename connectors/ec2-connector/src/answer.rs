//! Reads the answers of `DescribeInstances` in place of the SDK, into the SDK's structs. The SDK compares each element's name with
//! every name that it could have, one by one, and moves the whole struct for every field: of what a row took where a region has
//! many instances, a third went into that (`cargo bench -p ec2-connector` has both side by side).
//!
//! Errors of AWS, and all that is not an answer, are the SDK's to read: what comes of them does not change. One thing does.
//! The SDK takes a document that ends too early, or whose tags do not match, for one that has no more to say, and with it an
//! inventory that lacks instances for a whole one; here it is an error.

mod members;
mod xml;

use aws_sdk_ec2::operation::describe_instances::{DescribeInstances, DescribeInstancesError, DescribeInstancesOutput};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, Error, Input, Output, OutputOrError,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin as _;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use aws_smithy_types::config_bag::{ConfigBag, FrozenLayer};

/// Reads one answer. `None` for what is no whole one.
pub fn read(body: &[u8]) -> Option<DescribeInstancesOutput> {
    xml::document("DescribeInstancesResponse", std::str::from_utf8(body).ok()?)
}

/// An interceptor of `DescribeInstances`, after which it is this module that reads what comes.
#[derive(Debug)]
pub(crate) struct Answers;

#[dyn_dispatch_hint]
impl Intercept for Answers {
    fn name(&self) -> &'static str {
        "Answers"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_, Input, Output, Error>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(sdk) = DescribeInstances::new().config() {
            let reader = SharedResponseDeserializer::new(Reader { sdk });
            config.interceptor_state().store_put(reader);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Reader {
    /// What has the SDK's own reader.
    sdk: FrozenLayer,
}

impl DeserializeResponse for Reader {
    fn deserialize_nonstreaming_with_config(&self, response: &HttpResponse, config: &ConfigBag) -> OutputOrError {
        let body = response.body().bytes().filter(|_| response.status().is_success());
        if let Some(output) = body.and_then(read) {
            return Ok(Output::erase(output));
        }
        let Some(sdk) = self.sdk.load::<SharedResponseDeserializer>() else {
            return Err(OrchestratorError::other(
                "the SDK reads no answers of DescribeInstances",
            ));
        };
        sdk.deserialize_nonstreaming_with_config(response, config)
            .and_then(|_| {
                let error = DescribeInstancesError::unhandled("the answer is no well-formed XML");
                Err(OrchestratorError::operation(Error::erase(error)))
            })
    }
}

#[cfg(test)]
mod tests;
