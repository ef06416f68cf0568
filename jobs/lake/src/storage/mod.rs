//! What a lake asks of the storage beneath it, so that a disk and an object store can both hold one.
//!
//! All paths are relative to the table's folder and use `/`. The calls are those that S3 can answer too: a data
//! file is started, filled, and becomes visible by [`LakeStorage::complete`] (a disk renames a hidden temporary;
//! an object store completes a multipart upload to the final key), and the two kinds of put that a commit needs
//! are *if absent* and *if unchanged* (`If-None-Match`, `If-Match`). There is no rename and no append.
//!
//! Calls block; callers in async code wrap them.

mod local;

use std::fmt::Debug;
use std::io::Write;
use std::ops::Range;
use std::time::SystemTime;

use crate::error::LakeError;

pub use local::LocalStorage;

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

/// A data file that is being written.
pub trait Upload: Write + Send {
    /// What [`LakeStorage::abort`] needs to remove the file as it is now.
    fn token(&self) -> String;

    /// Makes the content durable and returns the token that [`LakeStorage::complete`] needs.
    fn finish(self: Box<Self>) -> Result<String, LakeError>;
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
