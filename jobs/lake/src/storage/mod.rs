//! What a lake asks of the storage beneath it, so that a disk and an object store can both hold one.
//!
//! All paths are relative to the table's folder and use `/`. The calls are those that S3 can answer too: a data
//! file is started, filled, and becomes visible by [`LakeStorage::complete`] (a disk renames a hidden temporary;
//! an object store completes a multipart upload to the final key), and the two kinds of put that a commit needs
//! are *if absent* and *if unchanged* (`If-None-Match`, `If-Match`). There is no rename and no append.
//!
//! Calls block; callers in async code wrap them.

pub mod conformance;
mod local;
mod s3;
mod token;

use std::fmt::Debug;
use std::io::Write;
use std::ops::Range;
use std::panic::resume_unwind;
use std::time::SystemTime;

use crate::error::LakeError;

pub use local::LocalStorage;
pub use s3::{PART_BYTES, PARTS_IN_FLIGHT_MAX, REQUESTS_AT_ONCE_MAX, S3Storage};
pub(crate) use s3::{folders_of, has_log};
pub(crate) use token::UploadToken;

/// The storage of one table.
pub trait LakeStorage: Debug + Send + Sync {
    /// The name of a file that other programs can use: `file:///lake/table/x.parquet`.
    fn url(&self, path: &str) -> String;

    /// Starts a data file that nobody can see before [`LakeStorage::complete`]. `name` is unique within the table.
    fn create(&self, name: &str, path: &str) -> Result<Box<dyn Upload>, LakeError>;

    /// Makes a finished data file visible under `path`. Repeatable: a file that is already there with the right
    /// length is done.
    ///
    /// # Errors
    /// [`LakeError::Corrupt`] when neither the token's nor the final file is there.
    fn complete(&self, token: &str, path: &str, bytes: u64) -> Result<(), LakeError>;

    /// Removes what a token stands for. Repeatable.
    fn abort(&self, token: &str) -> Result<(), LakeError>;

    /// The length in bytes of what a token stands for; `None` when it is gone.
    fn pending_bytes(&self, token: &str) -> Result<Option<u64>, LakeError>;

    /// The data files that were started and neither completed nor aborted, those of running jobs too.
    fn unfinished(&self) -> Result<Vec<Unfinished>, LakeError>;

    /// How many calls at once make sense: one after the other on a disk, many where each waits for a network.
    fn calls_at_once(&self) -> usize {
        1
    }

    /// The path at which the content of what a token stands for can be read before it is completed.
    fn pending_path(&self, token: &str) -> Result<String, LakeError>;

    /// Makes sure that the names of these files survive a power failure.
    fn persist(&self, paths: &[&str]) -> Result<(), LakeError>;

    /// Writes a file whole unless there is one of that name; it is durable when the call returns `true`.
    /// Returns `false` when there was one.
    fn put_if_absent(&self, path: &str, content: &[u8]) -> Result<bool, LakeError>;

    /// Writes a file whole if its content still is `expected` (`None`: no file); durable when the call returns
    /// `true`. Returns `false` when somebody else has changed it.
    fn put_if_unchanged(
        &self,
        path: &str,
        expected: Option<&[u8]>,
        content: &[u8],
    ) -> Result<bool, LakeError>;

    /// A file's whole content; `None` when there is no such file.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, LakeError>;

    /// A part of a file, in bytes.
    fn read_range(&self, path: &str, range: Range<u64>) -> Result<Vec<u8>, LakeError>;

    /// A file's length in bytes; `None` when there is no such file.
    fn bytes(&self, path: &str) -> Result<Option<u64>, LakeError>;

    /// Every file below a folder (`""`: the table's), hidden ones too, sorted by path.
    fn list(&self, folder: &str) -> Result<Vec<StoredFile>, LakeError>;

    /// Removes a file, and the folders that this leaves empty. Repeatable.
    fn delete(&self, path: &str) -> Result<(), LakeError>;
}

/// A data file that is being written. Dropped before it is finished, it removes itself.
pub trait Upload: Write + Send {
    /// Makes the content durable and returns the token that [`LakeStorage::complete`] needs.
    fn finish(self: Box<Self>) -> Result<String, LakeError>;

    /// The bytes that it holds in memory, since they are too few to be sent.
    fn buffered_bytes(&self) -> usize {
        0
    }
}

/// A data file that was started and neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// What [`PendingFile::place`](crate::PendingFile::place) says of the same file: the hidden temporary of a disk,
    /// or the final path of an upload.
    pub place: String,
    /// What [`LakeStorage::abort`] needs.
    pub token: String,
    /// Its bytes so far; 0 where the storage does not say.
    pub bytes: u64,
    /// When it was last written to, or begun where the storage says no more.
    pub modified: SystemTime,
}

/// A file as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Relative to the table's folder.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
    /// When it was last written to.
    pub modified: SystemTime,
}

impl StoredFile {
    /// True when no folder and no name on the path is hidden from readers (`.x`, `_x`).
    pub fn is_visible(&self) -> bool {
        self.path
            .split('/')
            .all(|part| !part.starts_with('.') && !part.starts_with('_'))
    }
}

/// Does `action` with each item, as many at once as the storage likes, and returns the results in the items' order;
/// the first error ends it, after those that were under way.
pub(crate) fn for_each<I: Sync, T: Send>(
    storage: &dyn LakeStorage,
    items: &[I],
    action: impl Fn(&I) -> Result<T, LakeError> + Sync,
) -> Result<Vec<T>, LakeError> {
    let mut done = Vec::with_capacity(items.len());
    for some in items.chunks(storage.calls_at_once().max(1)) {
        if let [item] = some {
            done.push(action(item)?);
            continue;
        }
        let action = &action;
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = some
                .iter()
                .map(|item| scope.spawn(move || action(item)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        for result in results {
            done.push(result?);
        }
    }
    Ok(done)
}
