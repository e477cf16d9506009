//! The one way out of the process: all requests of all services go through it. It sends nothing that could be read on
//! the way, and can be closed for good.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use url::Url;

use crate::endpoint;
use crate::environment::Exceptions;

/// An HTTP client with its connections. All clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    clients: Arc<RwLock<Option<Clients>>>,
    insecure: Arc<AtomicBool>,
}

/// What makes the connections.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    /// By proxy, where the environment names one.
    pub(crate) client: SharedHttpClient,
    /// What goes by no proxy although `client` would let it, and by which client.
    pub(crate) direct: Option<(Exceptions, SharedHttpClient)>,
}

impl Pool {
    /// `insecure`: whether requests may go to endpoints that [`endpoint::check`] refuses.
    pub(crate) fn new(clients: Clients, insecure: Arc<AtomicBool>) -> Self {
        Pool {
            clients: Arc::new(RwLock::new(Some(clients))),
            insecure,
        }
    }

    pub(crate) fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// Closes all connections; a request fails from then on. What was written to a connection last stays in its buffers
    /// for as long as it is open, headers with tokens included.
    pub(crate) fn close(&self) {
        self.clients.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl HttpClient for Pool {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        let direct = clients.as_ref().and_then(|clients| clients.direct.as_ref());
        SharedHttpConnector::new(Guarded {
            connector: clients
                .as_ref()
                .map(|clients| clients.client.http_connector(settings, components)),
            direct: direct.map(|(to, client)| (to.clone(), client.http_connector(settings, components))),
            insecure: Arc::clone(&self.insecure),
        })
    }
}

#[derive(Debug)]
struct Guarded {
    connector: Option<SharedHttpConnector>,
    direct: Option<(Exceptions, SharedHttpConnector)>,
    insecure: Arc<AtomicBool>,
}

impl HttpConnector for Guarded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let refused = |why: String| HttpConnectorFuture::ready(Err(ConnectorError::user(why.into())));
        let Some(connector) = &self.connector else {
            return refused("the run has ended, and its connections are closed".to_owned());
        };
        match endpoint::check_request(request.uri(), self.insecure.load(Ordering::Relaxed)) {
            Err(why) => {
                // Without path and query: they name what is asked for.
                let to = request.uri().splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
                refused(format!("nothing is sent to {to}: {why}"))
            }
            Ok(()) => match &self.direct {
                Some((to, direct)) if Url::parse(request.uri()).is_ok_and(|url| to.have(&url)) => direct.call(request),
                _ => connector.call(request),
            },
        }
    }
}
