//! Object stores by URL: `s3://bucket/path` to a client that is ready to use.
//!
//! - [`open`] gives the client of a URL's bucket. There is one client a bucket in a process, so connections and
//!   credentials are shared by all that read and write there.
//! - Credentials come from AWS's own chain (environment, profile, web identity, ECS, IMDS), on each node for itself:
//!   no job, plan or session ever holds one. Region and endpoint come from the same places; `AWS_ENDPOINT_URL_S3` or
//!   `AWS_ENDPOINT_URL` names another server than AWS's, by `http` too, which is then spoken to in path style.
//! - All requests run on threads of this crate ([`runtime`]). Whoever may not await calls [`wait`], from any thread
//!   but those.
//! - [`Uploads`] lists multipart uploads that nobody has completed: they cost money and are no objects.
//!
//! Requests are tried again here, with back-off, for [`RETRY_SECONDS_MAX`]; what is left is an error whose
//! [`Class`] says whether another try can help.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bucket;
mod credentials;
mod error;
pub mod memory;
mod runtime;
mod settings;
mod uploads;
mod url;

pub use bucket::{
    Bucket, CONNECT_SECONDS_MAX, Opened, REQUEST_SECONDS_MAX, RETRIES_MAX, RETRY_SECONDS_MAX, open,
};
pub use error::{Class, StoreError, class_of};
pub use runtime::{runtime, wait};
pub use uploads::{OpenUpload, UPLOADS_LISTED_MAX, Uploads};
pub use url::{SCHEME, is_url, split_url};
