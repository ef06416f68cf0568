//! One client a bucket in the process, found by URL.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::client::SpawnedReqwestConnector;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use parking_lot::Mutex;

use crate::credentials::Chain;
use crate::error::StoreError;
use crate::runtime::runtime;
use crate::settings::{Settings, settings};
use crate::uploads::{S3Uploads, Uploads};
use crate::url::{SCHEME, split_url};

/// A request is tried again at most so many times.
pub const RETRIES_MAX: usize = 8;

/// And not later than so many seconds after its first try: its signature and credentials age.
pub const RETRY_SECONDS_MAX: u64 = 90;

/// Seconds until one try of a request, its body with it, has failed.
pub const REQUEST_SECONDS_MAX: u64 = 120;

/// Seconds until a connection has failed.
pub const CONNECT_SECONDS_MAX: u64 = 5;

/// The wait before the first further try; it doubles on the average, up to [`BACKOFF_MAX`].
const BACKOFF_FIRST: Duration = Duration::from_millis(100);

/// The longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// Each wait is one between the first and so many times the one before, by chance.
const BACKOFF_BASE: f64 = 4.0;

/// A bucket and its clients.
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Objects.
    pub store: Arc<dyn ObjectStore>,
    /// Multipart uploads, step by step.
    pub multipart: Arc<dyn MultipartStore>,
    /// Multipart uploads that nobody has completed.
    pub uploads: Arc<dyn Uploads>,
}

impl Bucket {
    /// `s3://name`.
    #[must_use]
    pub fn base(&self) -> String {
        format!("{SCHEME}{}", self.name)
    }

    /// The URL of an object: `s3://name/path`.
    #[must_use]
    pub fn url(&self, path: &Path) -> String {
        format!("{}/{path}", self.base())
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.name)
    }
}

/// A URL that is open.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The bucket's client. A body is received whole, whatever its reader does: ask for ranges of bounded size.
    pub store: Arc<dyn ObjectStore>,
    /// The URL's path in the bucket; empty for the bucket itself.
    pub path: Path,
    /// `s3://bucket`: what the URLs of all its objects begin with.
    pub base: String,
    /// The bucket, with what [`ObjectStore`] does not offer.
    pub bucket: Arc<Bucket>,
}

/// The client of a URL's bucket. No request is made; but the first call of a process looks for the node's settings,
/// which reads files, and takes seconds where nothing names a region.
///
/// # Errors
/// [`StoreError::Url`] for what is no `s3://` URL, [`StoreError::Settings`] for a node that lacks a setting. Missing
/// buckets and credentials show at the first request.
pub fn open(url: &str) -> Result<Opened, StoreError> {
    let (name, path) = split_url(url)?;
    let bucket = bucket(name)?;
    Ok(Opened {
        store: Arc::clone(&bucket.store),
        path,
        base: bucket.base(),
        bucket,
    })
}

type Buckets = HashMap<String, Arc<Bucket>>;

static BUCKETS: Mutex<Option<Buckets>> = Mutex::new(None);

fn bucket(name: &str) -> Result<Arc<Bucket>, StoreError> {
    if let Some(known) = BUCKETS.lock().get_or_insert_default().get(name) {
        return Ok(Arc::clone(known));
    }
    let settings = settings(name)?;
    let made = Arc::new(connect(name, &settings)?);
    // Of two that made one at once, the first counts.
    let mut buckets = BUCKETS.lock();
    let kept = buckets
        .get_or_insert_default()
        .entry(name.to_owned())
        .or_insert(made);
    Ok(Arc::clone(kept))
}

/// Puts a bucket in the process's list: [`crate::memory`].
pub(crate) fn mount(bucket: Arc<Bucket>) {
    BUCKETS
        .lock()
        .get_or_insert_default()
        .insert(bucket.name.clone(), bucket);
}

fn connect(name: &str, settings: &Settings) -> Result<Bucket, StoreError> {
    let options = ClientOptions::new()
        .with_timeout(Duration::from_secs(REQUEST_SECONDS_MAX))
        .with_connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX));
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: BACKOFF_FIRST,
            max_backoff: BACKOFF_MAX,
            base: BACKOFF_BASE,
        },
        max_retries: RETRIES_MAX,
        retry_timeout: Duration::from_secs(RETRY_SECONDS_MAX),
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(name)
        .with_region(&settings.region)
        .with_credentials(Arc::new(Chain::new(settings.sdk.credentials_provider())))
        .with_client_options(options)
        .with_retry(retry)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_http_connector(SpawnedReqwestConnector::new(runtime().clone()));
    if let Some(endpoint) = &settings.endpoint {
        builder = builder
            .with_endpoint(endpoint)
            .with_virtual_hosted_style_request(false)
            .with_allow_http(endpoint.starts_with("http://"));
    }
    let store = builder.build().map_err(|error| StoreError::Settings {
        bucket: name.to_owned(),
        why: error.to_string(),
        next: "check AWS_REGION and AWS_ENDPOINT_URL_S3",
    })?;
    let store = Arc::new(store);
    Ok(Bucket {
        name: name.to_owned(),
        multipart: Arc::clone(&store) as Arc<dyn MultipartStore>,
        uploads: Arc::new(S3Uploads::new(name, settings)),
        store,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings_of(endpoint: Option<&str>) -> Settings {
        Settings {
            sdk: aws_config::SdkConfig::builder().build(),
            region: "eu-west-1".into(),
            endpoint: endpoint.map(str::to_owned),
        }
    }

    #[tokio::test]
    async fn a_node_without_credentials_is_told_at_the_first_request() {
        for endpoint in [None, Some("http://127.0.0.1:1")] {
            let bucket = connect("b", &settings_of(endpoint)).unwrap();
            let failed = bucket
                .store
                .get_opts(&Path::from("x"), Default::default())
                .await;
            let error = StoreError::request("b", "read `x`", failed.unwrap_err());
            assert_eq!(error.class(), crate::Class::Denied, "{error}");
        }
    }

    #[test]
    fn a_bucket_has_one_client_in_the_process() {
        crate::memory::mount("one-client");
        let (a, b) = (
            open("s3://one-client/a").unwrap(),
            open("s3://one-client").unwrap(),
        );
        assert!(Arc::ptr_eq(&a.bucket, &b.bucket));
        assert_eq!((a.base.as_str(), a.path.as_ref()), ("s3://one-client", "a"));
        assert_eq!(a.bucket.url(&a.path), "s3://one-client/a");
    }
}
