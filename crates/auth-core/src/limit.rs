//! At most so many HTTP requests in flight, over all accounts and services: and so at most as many connections.
//!
//! Bound here and not around a slice: a slice that waits to be allowed to try again holds no place.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use tokio::sync::Semaphore;

/// `client` with at most `most` requests in flight.
pub(crate) fn limited(client: SharedHttpClient, most: usize) -> SharedHttpClient {
    SharedHttpClient::new(LimitedClient {
        places: Arc::new(Semaphore::new(most)),
        client,
    })
}

#[derive(Debug)]
struct LimitedClient {
    places: Arc<Semaphore>,
    client: SharedHttpClient,
}

impl HttpClient for LimitedClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(LimitedConnector {
            places: Arc::clone(&self.places),
            connector: self.client.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct LimitedConnector {
    places: Arc<Semaphore>,
    connector: SharedHttpConnector,
}

impl HttpConnector for LimitedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let places = Arc::clone(&self.places);
        let connector = self.connector.clone();
        HttpConnectorFuture::new(async move {
            let _place = places
                .acquire_owned()
                .await
                .map_err(|error| ConnectorError::other(error.into(), None))?;
            whole(connector.call(request).await?).await
        })
    }
}

/// The connection is in use until the answer is read to its end, so the place is too.
async fn whole(mut response: HttpResponse) -> Result<HttpResponse, ConnectorError> {
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    let bytes = ByteStream::new(body)
        .collect()
        .await
        .map_err(|error| ConnectorError::io(error.into()))?;
    *response.body_mut() = SdkBody::from(bytes.into_bytes());
    Ok(response)
}
