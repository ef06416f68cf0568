//! What can go wrong in a lake, named by what the caller can do about it.
//!
//! Every message says what failed, the file, whether the table is as it was, and the next step, so that a
//! program can print it as it is.

use std::io;

use headworks_stores::{StoreError, class_of};
use parquet::errors::ParquetError;
use thiserror::Error;

use crate::crash::CrashPoint;

/// An error of the lake.
#[derive(Debug, Error)]
pub enum LakeError {
    /// The disk refused an action: mend the disk, then repeat.
    #[error("cannot {action} `{path}`: {source}; {}{}", unchanged_text(*.unchanged), next_step(source))]
    Storage {
        /// What was tried, as a verb: `create`, `write`, `rename`.
        action: &'static str,
        /// The file or folder.
        path: String,
        /// What the operating system said.
        source: io::Error,
        /// True when the table is known to be as it was before the call.
        unchanged: bool,
    },
    /// The job or the call asks for what a lake cannot do: change the job.
    #[error("{what}; {next}")]
    Invalid {
        /// What is wrong.
        what: String,
        /// What to do.
        next: String,
    },
    /// A file of the lake is not what the log says: give up, and look at the file.
    #[error("`{path}`: {what}; {next}")]
    Corrupt {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: String,
        /// What to do.
        next: String,
    },
    /// A batch could not be encoded as Parquet: a column's type or content is at fault.
    #[error("cannot encode `{path}` as Parquet: {source}; the table is unchanged")]
    Encode {
        /// The file that was being written.
        path: String,
        /// What the encoder said.
        source: ParquetError,
    },
    /// A test stopped the commit here, as a crash would.
    #[doc(hidden)]
    #[error("stopped by a test at {0:?}")]
    Stopped(CrashPoint),
}

impl LakeError {
    /// True when the same call may succeed a moment later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            LakeError::Storage { source, .. } if matches!(
                source.kind(),
                io::ErrorKind::Interrupted
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::WouldBlock
                    | io::ErrorKind::ResourceBusy
                    | io::ErrorKind::StaleNetworkFileHandle
            )
        )
    }

    /// A refusal of the disk.
    pub(crate) fn storage(
        action: &'static str,
        path: impl Into<String>,
        source: io::Error,
    ) -> Self {
        LakeError::Storage {
            action,
            path: path.into(),
            source,
            unchanged: false,
        }
    }

    /// A request that cannot be met.
    pub(crate) fn invalid(what: impl Into<String>, next: impl Into<String>) -> Self {
        LakeError::Invalid {
            what: what.into(),
            next: next.into(),
        }
    }

    /// A file that is not what it should be.
    pub(crate) fn corrupt(
        path: impl Into<String>,
        what: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        LakeError::Corrupt {
            path: path.into(),
            what: what.into(),
            next: next.into(),
        }
    }

    /// Adds to the message that the table is as it was.
    pub(crate) fn table_unchanged(mut self) -> Self {
        if let LakeError::Storage { unchanged, .. } = &mut self {
            *unchanged = true;
        }
        self
    }

    /// Turns an encoder's error into a disk's refusal when that is what lies beneath.
    pub(crate) fn encode(path: &str, source: ParquetError) -> Self {
        match source {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(io) => LakeError::storage("write", path, *io).table_unchanged(),
                Err(other) => LakeError::Encode {
                    path: path.into(),
                    source: ParquetError::External(other),
                },
            },
            source => LakeError::Encode {
                path: path.into(),
                source,
            },
        }
    }
}

fn unchanged_text(unchanged: bool) -> &'static str {
    if unchanged {
        "the table is unchanged; "
    } else {
        ""
    }
}

fn next_step(source: &io::Error) -> &'static str {
    let inner = source.get_ref();
    if let Some(remote) = inner.and_then(|inner| inner.downcast_ref::<object_store::Error>()) {
        return class_of(remote).next_step();
    }
    if inner.is_some_and(|inner| inner.is::<StoreError>()) {
        return "then run again";
    }
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free space on the disk or name another lake, then run again"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "make the lake writable for this user or name another lake, then run again"
        }
        io::ErrorKind::NotADirectory => {
            "a part of the path is a file: name a folder as the lake, then run again"
        }
        io::ErrorKind::AlreadyExists => "give each attempt a name of its own, then run again",
        io::ErrorKind::NotFound => "see whether somebody else removes files of the lake",
        _ => "see whether the disk is healthy and mounted, then run again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_file_the_cause_and_the_next_step() {
        let full = LakeError::storage("write", "/lake/t/x", io::ErrorKind::StorageFull.into());
        let text = full.table_unchanged().to_string();
        assert!(text.starts_with("cannot write `/lake/t/x`: "), "{text}");
        assert!(
            text.contains("; the table is unchanged; free space on the disk"),
            "{text}"
        );
        let readonly = LakeError::storage("create", "/x", io::ErrorKind::ReadOnlyFilesystem.into());
        assert!(
            readonly.to_string().contains("make the lake writable"),
            "{readonly}"
        );
    }

    #[test]
    fn a_refusal_of_a_bucket_says_what_to_check() {
        let denied = object_store::Error::PermissionDenied {
            path: "t/x".into(),
            source: "403".into(),
        };
        let denied = io::Error::new(io::ErrorKind::PermissionDenied, denied);
        let text = LakeError::storage("write", "s3://b/t/x", denied).to_string();
        assert!(text.starts_with("cannot write `s3://b/t/x`: "), "{text}");
        assert!(
            text.contains("check the credentials of this node"),
            "{text}"
        );
    }

    #[test]
    fn a_full_disk_is_seen_through_the_encoder() {
        let io = io::Error::from(io::ErrorKind::StorageFull);
        let error = LakeError::encode("/x", ParquetError::External(Box::new(io)));
        assert!(
            matches!(
                error,
                LakeError::Storage {
                    unchanged: true,
                    ..
                }
            ),
            "{error}"
        );
        assert!(!error.is_transient());
    }
}
