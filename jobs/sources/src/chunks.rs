//! A split's bytes, in chunks, from an object store: the next chunk is fetched
//! while the caller parses the last; gzip is decompressed on the way.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::error::{DataFusionError, Result};
use flate2::write::MultiGzDecoder;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::error::{ErrorClass, TaskError, storage_error};
use crate::split::{SplitSpec, is_gzip};

/// Bytes of one request inside a split.
pub const CHUNK_BYTES: u64 = 1024 * 1024;
/// Bytes of one request behind a split's end, where only the rest of one
/// record is wanted.
pub const TAIL_CHUNK_BYTES: u64 = 128 * 1024;
/// How often a request that failed for a passing reason is tried in all.
const TRIES_MAX: u32 = 4;
/// Wait before the second try, in milliseconds; doubled for each further one.
const BACKOFF_MS: u64 = 50;

/// Yields the bytes of a file from a split's start on, without end at the
/// split's end: the caller stops when its parser is done.
pub struct Chunks {
    store: Arc<dyn ObjectStore>,
    location: Path,
    path: String,
    next: u64,
    split_end: u64,
    file_size: u64,
    ahead: Option<BoxFuture<'static, Result<Bytes>>>,
    gzip: Option<Box<MultiGzDecoder<Vec<u8>>>>,
    /// Stored bytes handed out so far.
    stored: u64,
}

impl Chunks {
    /// Begins at byte `from` of the split's file (of the decompressed bytes:
    /// 0 for gzip).
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, location: Path, split: &SplitSpec, from: u64) -> Self {
        let gzip = is_gzip(&split.path).then(|| Box::new(MultiGzDecoder::new(Vec::new())));
        Self {
            store,
            location,
            path: split.path.clone(),
            next: if gzip.is_some() { 0 } else { from },
            split_end: split.end,
            file_size: split.file_size,
            ahead: None,
            gzip,
            stored: 0,
        }
    }

    /// The next bytes, or `None` at the file's end.
    ///
    /// # Errors
    /// An input error if the file is gone, shorter than it was, or no gzip; an
    /// `IoError`, which the engine tries again, for what passes.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let Some(stored) = self.next_stored().await? else {
                return self.end_of_gzip();
            };
            self.stored += stored.len() as u64;
            let Some(gzip) = &mut self.gzip else {
                return Ok(Some(stored));
            };
            gzip.write_all(&stored)
                .map_err(|e| gzip_error(&self.path, self.stored, &e))?;
            let plain = std::mem::take(gzip.get_mut());
            if !plain.is_empty() {
                return Ok(Some(plain.into()));
            }
        }
    }

    async fn next_stored(&mut self) -> Result<Option<Bytes>> {
        let current = match self.ahead.take() {
            Some(ahead) => ahead,
            None => match self.request() {
                Some(request) => request,
                None => return Ok(None),
            },
        };
        let bytes = current.await?;
        // Fetch ahead inside the split only: behind it, little is wanted.
        if self.next < self.split_end
            && let Some(request) = self.request()
        {
            self.ahead = Some(Box::pin(async move {
                tokio::spawn(request)
                    .await
                    .map_err(|e| DataFusionError::IoError(std::io::Error::other(e)))?
            }));
        }
        Ok(Some(bytes))
    }

    fn request(&mut self) -> Option<BoxFuture<'static, Result<Bytes>>> {
        if self.next >= self.file_size {
            return None;
        }
        let size = if self.next < self.split_end {
            CHUNK_BYTES
        } else {
            TAIL_CHUNK_BYTES
        };
        let range = self.next..(self.next + size).min(self.file_size);
        self.next = range.end;
        let (store, location, path) = (
            Arc::clone(&self.store),
            self.location.clone(),
            self.path.clone(),
        );
        Some(Box::pin(async move {
            fetch(store.as_ref(), &location, &path, range).await
        }))
    }

    fn end_of_gzip(&mut self) -> Result<Option<Bytes>> {
        let Some(mut gzip) = self.gzip.take() else {
            return Ok(None);
        };
        gzip.try_finish()
            .map_err(|e| gzip_error(&self.path, self.stored, &e))?;
        let plain = std::mem::take(gzip.get_mut());
        Ok((!plain.is_empty()).then(|| plain.into()))
    }
}

async fn fetch(
    store: &dyn ObjectStore,
    location: &Path,
    path: &str,
    range: Range<u64>,
) -> Result<Bytes> {
    let mut tries = 1;
    loop {
        match store.get_range(location, range.clone()).await {
            Ok(bytes) if bytes.len() as u64 == range.end - range.start => return Ok(bytes),
            Ok(bytes) => {
                return Err(TaskError::new(
                    ErrorClass::Input,
                    format!(
                        "{path}: ends at byte {}, before the {} bytes it had when the job listed its files; it was \
                         changed meanwhile: run the job again when it is complete",
                        range.start + bytes.len() as u64,
                        range.end
                    ),
                )
                .into_datafusion());
            }
            Err(error) => {
                let error = storage_error(path, error);
                if tries == TRIES_MAX || !matches!(error, DataFusionError::IoError(_)) {
                    return Err(error);
                }
                tokio::time::sleep(std::time::Duration::from_millis(BACKOFF_MS << (tries - 1)))
                    .await;
                tries += 1;
            }
        }
    }
}

fn gzip_error(path: &str, stored: u64, error: &std::io::Error) -> DataFusionError {
    TaskError::new(
        ErrorClass::Input,
        format!(
            "{path}: not whole gzip data, seen by byte {stored} of the stored file: {error}; fetch the file again, or \
             leave it out of the source's path"
        ),
    )
    .into_datafusion()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use object_store::memory::InMemory;

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut e = GzEncoder::new(Vec::new(), Compression::fast());
        e.write_all(bytes).unwrap();
        e.finish().unwrap()
    }

    async fn read(path: &str, stored: Vec<u8>, from: u64, file_size: u64) -> Result<Vec<u8>> {
        let store = Arc::new(InMemory::new());
        let location = Path::from(path);
        store.put(&location, stored.into()).await.unwrap();
        let split = SplitSpec {
            id: 0,
            path: path.into(),
            file_size,
            start: from,
            end: file_size,
            known_start: None,
            pack: 0,
        };
        let mut chunks = Chunks::new(store, location, &split, from);
        let mut all = Vec::new();
        while let Some(bytes) = chunks.next().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn plain_and_gzip_of_several_members() {
        let data: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
        assert!(read("a.xml", data.clone(), 7, 3_000_000).await.unwrap() == data[7..]);
        let mut two = gz(&data[..1000]);
        two.extend(gz(&data[1000..]));
        let size = two.len() as u64;
        assert!(read("a.xml.gz", two, 0, size).await.unwrap() == data);
    }

    #[tokio::test]
    async fn what_is_cut_short_is_an_input_error() {
        let whole = gz(&[b'x'; 100_000]);
        let cut = whole[..whole.len() - 9].to_vec();
        let size = cut.len() as u64;
        let error = read("cut.xml.gz", cut, 0, size)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            TaskError::find_in(&error)
                .unwrap()
                .message
                .starts_with("cut.xml.gz: not whole gzip data"),
            "{error}"
        );
        let error = read("cut.xml", vec![0; 10], 0, 20)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            TaskError::find_in(&error)
                .unwrap()
                .message
                .contains("ends at byte 10"),
            "{error}"
        );
    }
}
