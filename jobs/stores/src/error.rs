//! What goes wrong with an object store, by what the caller can do about it.

use std::error::Error;

use object_store::client::HttpError;

/// Why a bucket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not a URL of an object store: change the job file or the argument.
    #[error("`{url}` is no place in an object store: {why}; write it as s3://BUCKET/PATH")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A setting that this node lacks: configure the node.
    #[error("bucket `{bucket}` cannot be reached: {why}; {next}")]
    Settings {
        /// The bucket.
        bucket: String,
        /// What is missing.
        why: String,
        /// What to do.
        next: &'static str,
    },
    /// A request that failed, after the client's own tries.
    #[error("cannot {operation} in bucket `{bucket}`: {source}; {}", class.next_step())]
    Request {
        /// The bucket.
        bucket: String,
        /// What was asked: "list uploads below `t/`".
        operation: String,
        /// What the caller can do.
        class: Class,
        /// The client's error.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// A request of [`object_store`]'s client that failed.
    pub fn request(
        bucket: &str,
        operation: impl Into<String>,
        error: object_store::Error,
    ) -> StoreError {
        StoreError::Request {
            bucket: bucket.to_owned(),
            operation: operation.into(),
            class: class_of(&error),
            source: Box::new(error),
        }
    }

    /// What the caller can do.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            StoreError::Url { .. } | StoreError::Settings { .. } => Class::Refused,
            StoreError::Request { class, .. } => *class,
        }
    }
}

/// What the caller of a request that failed can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Try again later: the network, a busy or broken server.
    Transient,
    /// There is no such object, bucket or upload.
    Missing,
    /// The object has changed, or is there already: look at it again.
    Conflict,
    /// Nobody may do that with these credentials: change them or the rights.
    Denied,
    /// The server will not do it, however often it is asked: change the request or the settings.
    Refused,
}

impl Class {
    /// The words that end a message to a person.
    #[must_use]
    pub fn next_step(self) -> &'static str {
        match self {
            Class::Transient => "try again later",
            Class::Missing => "check the bucket's name and the path",
            Class::Conflict => "look at it again: somebody else has changed it",
            Class::Denied => {
                "check the credentials of this node (AWS_PROFILE, AWS_ACCESS_KEY_ID, its role) and their rights"
            }
            Class::Refused => "check the bucket's name, AWS_REGION and AWS_ENDPOINT_URL_S3",
        }
    }
}

/// The class of an error of [`object_store`]'s client.
#[must_use]
pub fn class_of(error: &object_store::Error) -> Class {
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => Class::Missing,
        E::AlreadyExists { .. } | E::Precondition { .. } | E::NotModified { .. } => Class::Conflict,
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => Class::Denied,
        E::Generic { source, .. } => class_of_generic(source.as_ref()),
        _ => Class::Refused,
    }
}

/// The client keeps status codes in a type of its own that it does not show, so they are read in its words.
fn class_of_generic(error: &(dyn Error + 'static)) -> Class {
    let mut source = Some(error);
    while let Some(current) = source {
        if current.is::<HttpError>() || current.is::<std::io::Error>() {
            return Class::Transient;
        }
        source = current.source();
    }
    let text = error.to_string();
    let status = text
        .split("status code: ")
        .nth(1)
        .and_then(|rest| rest.get(..3))
        .and_then(|digits| digits.parse::<u16>().ok());
    match status {
        Some(408 | 429 | 500..) => Class::Transient,
        None if text.contains("Server returned error response") => Class::Transient,
        _ => Class::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> object_store::Error {
        object_store::Error::Generic {
            store: "S3",
            source: text.to_owned().into(),
        }
    }

    #[test]
    fn classes_follow_what_the_server_said() {
        for (text, class) in [
            (
                "Error performing PUT x - Server returned non-2xx status code: 503 Service Unavailable: ",
                Class::Transient,
            ),
            (
                "Server returned non-2xx status code: 429 Too Many Requests: ",
                Class::Transient,
            ),
            (
                "Server returned error response: <Error><Code>SlowDown</Code></Error>",
                Class::Transient,
            ),
            (
                "Server returned non-2xx status code: 400 Bad Request: AuthorizationHeaderMalformed",
                Class::Refused,
            ),
            (
                "Received redirect without LOCATION, this normally indicates an incorrectly configured region",
                Class::Refused,
            ),
        ] {
            assert_eq!(class_of(&generic(text)), class, "{text}");
        }
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let error = object_store::Error::Generic {
            store: "S3",
            source: Box::new(reset),
        };
        assert_eq!(class_of(&error), Class::Transient);
    }

    #[test]
    fn a_message_says_what_where_and_what_next() {
        let denied = object_store::Error::PermissionDenied {
            path: "t/x".into(),
            source: "403".into(),
        };
        let text = StoreError::request("lake", "read `t/x`", denied).to_string();
        assert!(
            text.starts_with("cannot read `t/x` in bucket `lake`: "),
            "{text}"
        );
        assert!(
            text.contains("check the credentials of this node"),
            "{text}"
        );
    }
}
