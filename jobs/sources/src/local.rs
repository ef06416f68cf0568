//! Reads a local file's bytes in the thread that parses them, into memory that is used again.
//!
//! What the system has in its page cache is copied in less time than it takes to hand the request to another thread,
//! and what it has not it reads ahead by itself. Fresh memory for each chunk, taken in one thread and given back in
//! another, would cost more than the copy: the system clears each page of it.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::time::UNIX_EPOCH;

use bytes::{Bytes, BytesMut};
use datafusion::error::{DataFusionError, Result};
use object_store::Error;

use crate::error::storage_error;

/// An open file that is read from front to back.
pub(crate) struct LocalFile {
    file: File,
    /// Memory of a chunk that was read before.
    spare: Option<BytesMut>,
}

impl LocalFile {
    /// Opens a file to be read from byte `from` on.
    ///
    /// # Errors
    /// An input error if it is not there or may not be read; else an `IoError`.
    pub(crate) fn open(path: &str, from: u64) -> Result<Self> {
        let open = || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(from))?;
            Ok(file)
        };
        let file = open().map_err(|e| failed(path, e))?;
        Ok(Self { file, spare: None })
    }

    /// The next `size` bytes; fewer if the file ends.
    ///
    /// # Errors
    /// As [`LocalFile::open`].
    pub(crate) fn read(&mut self, path: &str, size: usize) -> Result<Bytes> {
        let mut chunk = self.spare.take().unwrap_or_default();
        chunk.resize(size, 0);
        let mut filled = 0;
        while filled < size {
            match self.file.read(&mut chunk[filled..]) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(failed(path, e)),
            }
        }
        chunk.truncate(filled);
        Ok(chunk.freeze())
    }

    /// Whether what was read may be other bytes than those of a file that was listed with this size and time of change (in
    /// milliseconds since 1970). A file that is longer by now has been added to, which changes nothing of what it had.
    ///
    /// # Errors
    /// As [`LocalFile::open`].
    pub(crate) fn was_written_over(&self, path: &str, listed_ms: i64, size: u64) -> Result<bool> {
        let meta = self.file.metadata().map_err(|e| failed(path, e))?;
        Ok(meta.len() <= size && modified_ms(&meta) != listed_ms)
    }

    /// Takes a chunk back that is done with, for its memory, if nobody else holds it.
    pub(crate) fn recycle(&mut self, chunk: Bytes) {
        if let Ok(chunk) = chunk.try_into_mut() {
            self.spare = Some(chunk);
        }
    }
}

/// The time of a file's last change, in milliseconds since 1970; 0 if the system does not tell.
pub(crate) fn modified_ms(meta: &Metadata) -> i64 {
    let modified = meta.modified().ok();
    let since = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

fn failed(path: &str, error: std::io::Error) -> DataFusionError {
    let kind = error.kind();
    let (path, source) = (path.to_owned(), Box::new(error));
    match kind {
        ErrorKind::NotFound => storage_error(&path.clone(), Error::NotFound { path, source }),
        ErrorKind::PermissionDenied => {
            storage_error(&path.clone(), Error::PermissionDenied { path, source })
        }
        _ => DataFusionError::IoError(*source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::TaskError;

    #[test]
    fn bytes_come_in_order_from_memory_that_is_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a").to_string_lossy().into_owned();
        let data: Vec<u8> = (0..10_000u32).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &data).unwrap();
        let mut file = LocalFile::open(&path, 17).unwrap();
        let mut read = Vec::new();
        let mut places = std::collections::BTreeSet::new();
        loop {
            let chunk = file.read(&path, 1000).unwrap();
            if chunk.is_empty() {
                break;
            }
            read.extend_from_slice(&chunk);
            places.insert(chunk.as_ptr() as usize);
            file.recycle(chunk);
        }
        assert!(read == data[17..]);
        assert_eq!(places.len(), 1);
        let held = file.read(&path, 10).unwrap();
        file.recycle(held.clone());
        assert!(file.spare.is_none(), "somebody holds it");
        let error = LocalFile::open("/no/such/file", 0).err().unwrap();
        assert!(TaskError::find_in(&error.to_string()).is_some(), "{error}");
    }
}
