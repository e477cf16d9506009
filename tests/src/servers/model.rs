//! An EC2 whose instances have every member that AWS's own service model knows of.

use std::sync::OnceLock;

use super::Served;

/// A running `tests/python/model_server.py`.
pub struct Model {
    served: Served,
}

impl Model {
    /// The one that all cases share.
    pub fn shared() -> &'static Model {
        static MODEL: OnceLock<Result<Model, String>> = OnceLock::new();
        let start = || {
            Ok(Model {
                served: Served::start(&["model"], &[], "/")?,
            })
        };
        MODEL
            .get_or_init(start)
            .as_ref()
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The endpoint of every service.
    pub fn url(&self) -> String {
        self.served.url()
    }
}
