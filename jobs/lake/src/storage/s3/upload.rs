//! One data file on its way into an object store: what the encoder writes is cut into parts, and the parts are sent
//! while it goes on.
//!
//! The upload begins with its first part, so a file that is given up early costs no request. Memory is bounded by
//! one part that fills up, and [`PARTS_IN_FLIGHT_MAX`] parts of the whole process that are on their way: who has a
//! full part and no room for it waits.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use headworks_stores::{Bucket, runtime, wait};
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{MultipartId, PutPayload};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::{PART_BYTES, PARTS_IN_FLIGHT_MAX, io_error};
use crate::error::LakeError;
use crate::storage::{Upload, UploadToken};

/// S3's bound on the parts of an upload.
const PARTS_MAX: usize = 10_000;

/// A part that has more bytes than this gets all of its memory at once.
const GROWS_FREELY_BYTES: usize = 1 << 20;

type Sent = JoinHandle<Result<PartId, object_store::Error>>;

/// A file that is being uploaded.
pub(super) struct S3Upload {
    target: Arc<Target>,
    /// The final path, relative to the table's folder.
    path: String,
    url: String,
    part: Vec<u8>,
    sent: Vec<Sent>,
    bytes: u64,
    finished: bool,
}

/// Where the parts go.
struct Target {
    bucket: Arc<Bucket>,
    key: Path,
    id: OnceCell<MultipartId>,
}

impl Target {
    /// The upload's id; it begins when somebody asks first.
    async fn id(&self) -> Result<&MultipartId, object_store::Error> {
        let begin = || self.bucket.multipart.create_multipart(&self.key);
        self.id.get_or_try_init(begin).await
    }
}

impl S3Upload {
    pub(super) fn new(bucket: Arc<Bucket>, key: Path, path: String, url: String) -> Self {
        S3Upload {
            target: Arc::new(Target {
                bucket,
                key,
                id: OnceCell::new(),
            }),
            path,
            url,
            part: Vec::new(),
            sent: Vec::new(),
            bytes: 0,
            finished: false,
        }
    }

    /// Sends the part that is full, or the last one.
    fn send(&mut self) -> io::Result<()> {
        if self.sent.len() >= PARTS_MAX {
            let most = (PARTS_MAX * PART_BYTES) >> 30;
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("a file has at most {most} GiB: set a smaller `target_file_size`"),
            ));
        }
        let payload = PutPayload::from(std::mem::take(&mut self.part));
        let (target, index) = (Arc::clone(&self.target), self.sent.len());
        let room = room();
        self.sent.push(runtime().spawn(async move {
            let id = target.id().await?;
            let sent = target
                .bucket
                .multipart
                .put_part(&target.key, id, index, payload)
                .await;
            drop(room);
            sent
        }));
        Ok(())
    }

    /// Waits for the parts, in order.
    fn parts(&mut self) -> Result<Vec<String>, LakeError> {
        let sent = std::mem::take(&mut self.sent);
        let done = wait(async move {
            let mut parts = Vec::with_capacity(sent.len());
            for part in sent {
                parts.push(part.await??.content_id);
            }
            Ok(parts)
        });
        done.map_err(|error| {
            LakeError::storage("upload", &*self.url, io_error(error)).table_unchanged()
        })
    }
}

/// Room for one part; waits until there is some.
fn room() -> OwnedSemaphorePermit {
    static ROOM: OnceLock<Arc<Semaphore>> = OnceLock::new();
    let room = ROOM.get_or_init(|| Arc::new(Semaphore::new(PARTS_IN_FLIGHT_MAX)));
    if let Ok(permit) = Arc::clone(room).try_acquire_owned() {
        return permit;
    }
    match wait(Arc::clone(room).acquire_owned()) {
        Ok(permit) => permit,
        Err(_) => unreachable!("nobody closes the room for parts"),
    }
}

impl Write for S3Upload {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        if self.part.len() >= PART_BYTES {
            self.send()?;
        }
        let taken = content.len().min(PART_BYTES - self.part.len());
        if self.part.len() + taken > GROWS_FREELY_BYTES {
            // A part that grows by doubling could take nearly twice its bytes.
            self.part.reserve_exact(PART_BYTES - self.part.len());
        }
        self.part.extend_from_slice(&content[..taken]);
        self.bytes += taken as u64;
        Ok(taken)
    }

    /// Nothing: a part that is not full cannot be sent before the file ends.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Upload for S3Upload {
    fn finish(mut self: Box<Self>) -> Result<String, LakeError> {
        if !self.part.is_empty() || self.sent.is_empty() {
            self.send().map_err(|error| {
                LakeError::storage("upload", &*self.url, error).table_unchanged()
            })?;
        }
        let parts = self.parts()?;
        let token = UploadToken {
            upload: self.target.id.get().cloned().unwrap_or_default(),
            path: self.path.clone(),
            bytes: self.bytes,
            parts,
        };
        let text = token.text()?;
        self.finished = true;
        Ok(text)
    }

    fn buffered_bytes(&self) -> usize {
        self.part.len()
    }
}

impl Drop for S3Upload {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let (sent, target) = (std::mem::take(&mut self.sent), Arc::clone(&self.target));
        let aborted = wait(async move {
            for part in sent {
                // One that began the upload must have its id before it ends.
                if target.id.initialized() {
                    part.abort();
                }
                let _ = part.await;
            }
            match target.id.get() {
                Some(id) => target.bucket.uploads.abort(target.key.as_ref(), id).await,
                None => Ok(()),
            }
        });
        if let Err(error) = aborted {
            tracing::warn!(%error, url = self.url, "an upload is left for `lake gc`");
        }
    }
}
