//! Multipart uploads that were begun and neither completed nor aborted. They are in no listing of objects, and they
//! are paid for, so whoever begins uploads must find what dead processes left.

use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::MultipartUpload;

use crate::bucket::{CONNECT_SECONDS_MAX, REQUEST_SECONDS_MAX, RETRIES_MAX};
use crate::error::{Class, StoreError};
use crate::runtime::runtime;
use crate::settings::Settings;

/// One listing holds at most so many uploads; who aborts them finds the rest by listing again.
pub const UPLOADS_LISTED_MAX: usize = 100_000;

/// An upload that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUpload {
    /// The key that the object would get.
    pub key: String,
    /// The upload's id.
    pub id: String,
    /// When it was begun, if the server says so.
    pub begun: Option<SystemTime>,
}

/// A bucket's open uploads.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Those whose key begins with `prefix` (`""`: all of the bucket), at most [`UPLOADS_LISTED_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Request`].
    async fn list(&self, prefix: &str) -> Result<Vec<OpenUpload>, StoreError>;

    /// The bytes of one's parts; `None` when it is completed, aborted or never was.
    ///
    /// # Errors
    /// [`StoreError::Request`].
    async fn bytes(&self, key: &str, id: &str) -> Result<Option<u64>, StoreError>;

    /// Aborts one and frees its parts. Repeatable: an upload that is gone is aborted.
    ///
    /// # Errors
    /// [`StoreError::Request`].
    async fn abort(&self, key: &str, id: &str) -> Result<(), StoreError>;
}

/// The uploads of a bucket on S3, by AWS's SDK: [`object_store`] does not list them.
pub(crate) struct S3Uploads {
    bucket: String,
    client: Client,
}

impl S3Uploads {
    pub(crate) fn new(bucket: &str, settings: &Settings) -> S3Uploads {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX))
            .operation_attempt_timeout(Duration::from_secs(REQUEST_SECONDS_MAX))
            .build();
        let retries = RetryConfig::standard().with_max_attempts(RETRIES_MAX as u32 + 1);
        let mut config = aws_sdk_s3::config::Builder::from(&settings.sdk)
            .region(aws_sdk_s3::config::Region::new(settings.region.clone()))
            .timeout_config(timeouts)
            .retry_config(retries);
        if let Some(endpoint) = &settings.endpoint {
            config = config.endpoint_url(endpoint).force_path_style(true);
        }
        S3Uploads {
            bucket: bucket.to_owned(),
            client: Client::from_conf(config.build()),
        }
    }

    fn failed<E, R>(&self, operation: String, error: SdkError<E, R>) -> StoreError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
        R: fmt::Debug + Send + Sync + 'static,
    {
        let class = match &error {
            SdkError::ServiceError(answer) => class_of_code(answer.err().code()),
            SdkError::ConstructionFailure(_) => Class::Denied,
            _ => Class::Transient,
        };
        StoreError::Request {
            bucket: self.bucket.clone(),
            operation,
            class,
            source: DisplayErrorContext(&error).to_string().into(),
        }
    }
}

fn class_of_code(code: Option<&str>) -> Class {
    match code {
        Some("NoSuchUpload" | "NoSuchBucket" | "NoSuchKey") => Class::Missing,
        Some("AccessDenied" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken") => {
            Class::Denied
        }
        Some("InternalError" | "SlowDown" | "ServiceUnavailable" | "RequestTimeout") => {
            Class::Transient
        }
        _ => Class::Refused,
    }
}

#[async_trait]
impl Uploads for S3Uploads {
    async fn list(&self, prefix: &str) -> Result<Vec<OpenUpload>, StoreError> {
        let mut found = Vec::new();
        let (mut key, mut id) = (None, None);
        loop {
            let request = self
                .client
                .list_multipart_uploads()
                .bucket(&self.bucket)
                .prefix(prefix)
                .set_key_marker(key.take())
                .set_upload_id_marker(id.take());
            let page = on_own_runtime(request.send()).await;
            let page =
                page.map_err(|error| self.failed(format!("list uploads below `{prefix}`"), error))?;
            found.extend(page.uploads().iter().filter_map(open_upload));
            if !page.is_truncated().unwrap_or(false) || found.len() >= UPLOADS_LISTED_MAX {
                return Ok(found);
            }
            key = page.next_key_marker().map(str::to_owned);
            id = page.next_upload_id_marker().map(str::to_owned);
            if key.is_none() {
                return Ok(found);
            }
        }
    }

    async fn bytes(&self, key: &str, id: &str) -> Result<Option<u64>, StoreError> {
        let (mut bytes, mut marker) = (0, None);
        loop {
            let request = self
                .client
                .list_parts()
                .bucket(&self.bucket)
                .key(key)
                .upload_id(id)
                .set_part_number_marker(marker.take());
            let page = match on_own_runtime(request.send()).await {
                Ok(page) => page,
                Err(error) => {
                    let error = self.failed(format!("list the parts of `{key}`"), error);
                    return match error.class() {
                        Class::Missing => Ok(None),
                        _ => Err(error),
                    };
                }
            };
            let sizes = page.parts().iter().filter_map(|part| part.size());
            bytes += sizes
                .filter_map(|size| u64::try_from(size).ok())
                .sum::<u64>();
            marker = page.next_part_number_marker().map(str::to_owned);
            if !page.is_truncated().unwrap_or(false) || marker.is_none() {
                return Ok(Some(bytes));
            }
        }
    }

    async fn abort(&self, key: &str, id: &str) -> Result<(), StoreError> {
        let request = self
            .client
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(id);
        match on_own_runtime(request.send()).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let error = self.failed(format!("abort the upload of `{key}`"), error);
                match error.class() {
                    Class::Missing => Ok(()),
                    _ => Err(error),
                }
            }
        }
    }
}

fn open_upload(upload: &MultipartUpload) -> Option<OpenUpload> {
    let begun = upload
        .initiated()
        .and_then(|at| SystemTime::try_from(*at).ok());
    Some(OpenUpload {
        key: upload.key()?.to_owned(),
        id: upload.upload_id()?.to_owned(),
        begun,
    })
}

/// The SDK opens its connections where it is polled; they must outlive the caller's runtime.
async fn on_own_runtime<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    match runtime().spawn(future).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_that_is_gone_is_told_from_one_that_is_forbidden() {
        assert_eq!(class_of_code(Some("NoSuchUpload")), Class::Missing);
        assert_eq!(class_of_code(Some("AccessDenied")), Class::Denied);
        assert_eq!(class_of_code(Some("SlowDown")), Class::Transient);
        assert_eq!(class_of_code(None), Class::Refused);
    }
}
