//! Errors of sources, by what the caller can do, and a form of them that
//! survives Ballista: it flattens a task's error into one escaped string, so
//! the typed error travels inside that string, in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use datafusion::error::DataFusionError;
use headworks_stores::{Class, class_of, is_url};
use serde::{Deserialize, Serialize};

/// What is at fault, and so what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The input: mend the file, or set an option.
    Input,
    /// The job file: change it.
    Configuration,
    /// The lake: space, permissions.
    Lake,
    /// The engine: run again.
    Engine,
    /// Nothing but a guess at a source's schema, from a sample: look at all of it, and run again.
    Sample,
}

impl ErrorClass {
    /// The word on the wire and in outputs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Configuration => "configuration",
            Self::Lake => "lake",
            Self::Engine => "engine",
            Self::Sample => "sample",
        }
    }
}

/// An error on the planning side.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The job file asks for what is not there.
    #[error("{0}")]
    Configuration(String),
    /// A file cannot be read.
    #[error("{path}: {message}")]
    Input {
        /// The file.
        path: String,
        /// What is wrong with it and what to do.
        message: String,
    },
    /// Our own failure: try again.
    #[error("{0}")]
    Engine(String),
}

impl SourceError {
    /// An error in the content of the file at `path`.
    #[must_use]
    pub fn input(path: &str, message: &dyn std::fmt::Display) -> Self {
        Self::Input {
            path: path.to_owned(),
            message: message.to_string(),
        }
    }

    /// A failure of reading `path` as tasks read it, in planning.
    #[must_use]
    pub fn of_task(path: &str, error: &DataFusionError) -> Self {
        let text = error.strip_backtrace();
        let message = TaskError::find_in(&text).map_or(text, |found| found.message);
        let prefix = format!("{path}: ");
        Self::Input {
            path: path.to_owned(),
            message: message.strip_prefix(&prefix).unwrap_or(&message).to_owned(),
        }
    }

    /// A thread of planning died.
    #[must_use]
    pub(crate) fn died(error: &tokio::task::JoinError) -> Self {
        Self::Engine(format!("looking at files ended early: {error}; try again"))
    }

    /// An error for an I/O failure on `path`.
    #[must_use]
    pub fn io(path: &str, error: &std::io::Error) -> Self {
        let next = match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                "; give the user that runs the job the right to read it"
            }
            std::io::ErrorKind::NotFound => {
                "; it was there when the job listed its files: run the job again"
            }
            _ => "",
        };
        Self::Input {
            path: path.to_owned(),
            message: format!("cannot be read: {error}{next}"),
        }
    }
}

/// An error inside a task, with its class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct TaskError {
    /// What is at fault.
    pub class: ErrorClass,
    /// What, where, what next.
    pub message: String,
}

/// Opens the encoded form inside a longer string.
const MAGIC: &str = "hw-error:";

impl TaskError {
    /// An error of the given class.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
        }
    }

    /// As a DataFusion error that fails the job at once and keeps the type.
    #[must_use]
    pub fn into_datafusion(self) -> DataFusionError {
        let json = serde_json::to_vec(&self).unwrap_or_default();
        DataFusionError::Execution(format!(
            "{}{MAGIC}{};",
            self.message,
            STANDARD_NO_PAD.encode(json)
        ))
    }

    /// Finds the typed error in what is left of it after the engine.
    #[must_use]
    pub fn find_in(text: &str) -> Option<Self> {
        let from = text.find(MAGIC)? + MAGIC.len();
        let end =
            text[from..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '+' || c == '/'))?;
        let json = STANDARD_NO_PAD.decode(&text[from..from + end]).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

/// A failure of storage inside a task: what can pass is left to the engine's
/// retries (`IoError`), what cannot is an input error.
#[must_use]
pub fn storage_error(path: &str, error: object_store::Error) -> DataFusionError {
    use object_store::Error as E;
    let input =
        |what: &str| TaskError::new(ErrorClass::Input, format!("{path}: {what}")).into_datafusion();
    let is_object = is_url(path);
    match (&error, class_of(&error)) {
        (E::NotFound { .. }, _) => {
            input("is gone; it was there when the job listed its files: run the job again")
        }
        (_, class @ (Class::Denied | Class::Refused)) if is_object => {
            input(&format!("cannot be read: {error}; {}", class.next_step()))
        }
        (E::PermissionDenied { .. } | E::Unauthenticated { .. }, _) => input(NOT_ALLOWED),
        _ if !is_object && is_not_allowed(&error) => input(NOT_ALLOWED),
        _ => DataFusionError::IoError(std::io::Error::other(format!("{path}: {error}"))),
    }
}

const NOT_ALLOWED: &str =
    "may not be read; give the user that runs the executor the right to read it";

/// The local store wraps `std::io::Error`s of every kind in `Generic`.
fn is_not_allowed(error: &object_store::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::PermissionDenied) {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_error_survives_escaping_and_wrapping() {
        let error = TaskError::new(
            ErrorClass::Input,
            "a \"quoted\" file.xml: byte 7: bad\nnext: mend it",
        );
        let flattened = format!(
            "Job failed due to stage 1 failed: {:?}",
            error.clone().into_datafusion().to_string()
        );
        assert_eq!(TaskError::find_in(&flattened), Some(error));
        assert_eq!(TaskError::find_in("no such thing"), None);
        assert_eq!(TaskError::find_in("hw-error:%%%"), None);
    }

    #[test]
    fn what_passes_is_tried_again_and_what_does_not_says_what_to_do() {
        use object_store::Error as E;
        let denied = || E::PermissionDenied {
            path: "x".into(),
            source: "403".into(),
        };
        let busy = || E::Generic {
            store: "S3",
            source: Box::new(std::io::Error::other("reset")),
        };
        let input = |path: &str, error: E| {
            let text = storage_error(path, error).to_string();
            TaskError::find_in(&text).map(|found| found.message)
        };
        let message = input("s3://b/x", denied()).unwrap();
        assert!(message.contains("credentials of this node"), "{message}");
        let message = input("/data/x", denied()).unwrap();
        assert!(
            message.contains("the user that runs the executor"),
            "{message}"
        );
        for path in ["s3://b/x", "/data/x"] {
            let error = storage_error(path, busy());
            assert!(matches!(error, DataFusionError::IoError(_)), "{error}");
        }
    }
}
