//! Which store a scan reads from: a session knows the local disk, and every bucket that its node can open.
//!
//! DataFusion asks by the URL in the plan, `s3://bucket/`. The client is the process's own ([`headworks_stores`]), with
//! the credentials of the node that runs the task: nothing of them is in a plan or a session, and a task makes no
//! client of its own.

use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use object_store::ObjectStore;
use url::Url;

/// The disk, and buckets by name.
#[derive(Debug, Default)]
pub(crate) struct Stores {
    others: DefaultObjectStoreRegistry,
}

impl ObjectStoreRegistry for Stores {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        self.others.register_store(url, store)
    }

    fn deregister_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        self.others.deregister_store(url)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        if !headworks_stores::is_url(url.as_str()) {
            return self.others.get_store(url);
        }
        match headworks_stores::open(url.as_str()) {
            Ok(opened) => Ok(opened.store),
            Err(error) => Err(DataFusionError::External(Box::new(error))),
        }
    }
}
