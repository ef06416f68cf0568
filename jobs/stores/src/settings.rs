//! What this node says about AWS: region, endpoint and where credentials come from, found once a process.

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls;
use parking_lot::Mutex;

use crate::error::StoreError;
use crate::runtime::wait;

/// The region that a server other than AWS's is told, when the node names none.
const REGION_OF_OTHERS: &str = "us-east-1";

/// Settings of the node.
#[derive(Debug)]
pub(crate) struct Settings {
    /// As AWS's SDK found them.
    pub(crate) sdk: SdkConfig,
    /// The region that requests are signed for.
    pub(crate) region: String,
    /// The server, if it is not AWS's.
    pub(crate) endpoint: Option<String>,
}

/// The node's settings; the first call reads files, and asks the instance for its region if nothing names one.
///
/// # Errors
/// [`StoreError::Settings`] if there is no region. It is looked for again at the next call.
pub(crate) fn settings(bucket: &str) -> Result<Arc<Settings>, StoreError> {
    static FOUND: Mutex<Option<Arc<Settings>>> = Mutex::new(None);
    let mut found = FOUND.lock();
    if let Some(settings) = found.as_ref() {
        return Ok(Arc::clone(settings));
    }
    let sdk = wait(load());
    let own = std::env::var("AWS_ENDPOINT_URL_S3").ok();
    let settings = Arc::new(choose(bucket, sdk, own)?);
    *found = Some(Arc::clone(&settings));
    Ok(settings)
}

async fn load() -> SdkConfig {
    let client = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ))
        .pool_idle_timeout(Duration::from_secs(90))
        .build_https();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(client)
        .load()
        .await
}

/// `own` is what `AWS_ENDPOINT_URL_S3` says: it goes before the endpoint of all services.
fn choose(bucket: &str, sdk: SdkConfig, own: Option<String>) -> Result<Settings, StoreError> {
    let endpoint = own
        .filter(|url| !url.is_empty())
        .or_else(|| sdk.endpoint_url().map(str::to_owned))
        .map(|url| url.trim_end_matches('/').to_owned());
    let region = match (sdk.region(), &endpoint) {
        (Some(region), _) => region.as_ref().to_owned(),
        (None, Some(_)) => REGION_OF_OTHERS.to_owned(),
        (None, None) => {
            return Err(StoreError::Settings {
                bucket: bucket.to_owned(),
                why: "no region is set".into(),
                next: "set AWS_REGION to the bucket's region, or name a profile that has one (AWS_PROFILE)",
            });
        }
    };
    Ok(Settings {
        sdk,
        region,
        endpoint,
    })
}

#[cfg(test)]
mod tests {
    use aws_config::Region;

    use super::*;

    fn sdk(region: Option<&'static str>, endpoint: Option<&str>) -> SdkConfig {
        let mut builder = SdkConfig::builder();
        builder.set_region(region.map(Region::new));
        builder.set_endpoint_url(endpoint.map(str::to_owned));
        builder.build()
    }

    #[test]
    fn the_endpoint_of_s3_goes_first_and_stands_in_for_a_region() {
        let all = Some("http://127.0.0.1:9000/");
        let found = choose("b", sdk(None, all), Some("https://s3.local".into())).unwrap();
        assert_eq!(found.endpoint.as_deref(), Some("https://s3.local"));
        assert_eq!(found.region, "us-east-1");
        let found = choose("b", sdk(Some("eu-west-1"), all), Some(String::new())).unwrap();
        assert_eq!(found.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(found.region, "eu-west-1");
    }

    #[test]
    fn without_a_region_the_message_says_what_to_set() {
        let error = choose("b", sdk(None, None), None).unwrap_err().to_string();
        assert!(
            error.contains("bucket `b`") && error.contains("set AWS_REGION"),
            "{error}"
        );
    }
}
