//! The bytes of a file as they are stored, from a disk or an object store: of an object the next ones are fetched while
//! the caller parses the last.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::error::{DataFusionError, Result};
use futures::future::BoxFuture;
use headworks_formats::{FormatHead, FormatHeadState, FormatOptions};
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore};
use tokio::task::JoinHandle;

use crate::archive::{self, Member};
use crate::decompress::Failure;
use crate::error::{ErrorClass, TaskError, storage_error};
use crate::heads;
use crate::local::LocalFile;
use crate::places::is_local;
use crate::split::{Content, SplitSpec};

/// Bytes of one request inside a split.
const CHUNK_BYTES: u64 = 1024 * 1024;
/// Bytes of one read of a local file inside a split: two such chunks stay in a core's own cache while they are parsed.
const LOCAL_CHUNK_BYTES: u64 = 256 * 1024;
/// Requests of a task for bytes inside its split that are under way at once, the one that is waited for among them: an
/// object store answers late, and each connection gives it a part of its speed alone.
const REQUESTS_AHEAD: usize = 4;
/// Bytes of one request behind a split's end, where only the rest of one
/// record is wanted.
const TAIL_CHUNK_BYTES: u64 = 128 * 1024;
/// Bytes of a request that are for the header before a file in an archive; a
/// longer one costs a request more.
const MEMBER_HEADER_BYTES: u64 = 512;
/// How often a request that failed for a passing reason is tried in all.
const TRIES_MAX: u32 = 4;
/// Wait before the second try, in milliseconds; doubled for each further one.
const BACKOFF_MS: u64 = 50;

/// The stored bytes of a file, from some place on.
pub(crate) struct Stored {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) location: Path,
    path: String,
    /// Where the next request begins.
    pub(crate) next: u64,
    /// Where the bytes end that the caller has.
    pub(crate) shown: u64,
    split_end: u64,
    pub(crate) file_size: u64,
    /// Bytes of what is stored: of the archive, if the file is in one.
    stored_size: u64,
    /// The place in an archive, and the stored bytes there, until its header is
    /// seen: that says where the data ends.
    member: Option<(Member, u64)>,
    content: Option<Content>,
    /// Requests that are under way, in the order of their bytes.
    ahead: VecDeque<JoinHandle<Result<Bytes>>>,
    /// The file itself, if it is a local one and reading has begun.
    local: Option<LocalFile>,
    /// Memory for its first chunk.
    spare: Bytes,
}

impl Stored {
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        location: Path,
        split: &SplitSpec,
        from: u64,
    ) -> Self {
        let (next, split_end, file_size) = match &split.member {
            None => (from, split.end, split.file_size),
            Some(member) => {
                let end = member.header_at + MEMBER_HEADER_BYTES + split.file_size;
                let end = end.min(member.archive_size);
                (member.header_at, end, end)
            }
        };
        Self {
            store,
            location,
            path: split.stored_path().to_owned(),
            next,
            shown: next,
            split_end,
            file_size,
            stored_size: split
                .member
                .as_ref()
                .map_or(split.file_size, |m| m.archive_size),
            member: split.member.clone().map(|m| (m, split.file_size)),
            content: split.content.clone(),
            ahead: VecDeque::new(),
            local: None,
            spare: Bytes::new(),
        }
    }

    /// What the file's first bytes say, wherever this begins.
    pub(crate) async fn head(&mut self, path: &str, options: &FormatOptions) -> Result<FormatHead> {
        let mut wanted = heads::HEAD_BYTES;
        loop {
            let range = 0..wanted.min(self.file_size);
            // A local file is looked at when it is read.
            let content = self.content.as_ref().filter(|_| !is_local(&self.path));
            let first = fetch(self.store.as_ref(), &self.location, path, range, content).await?;
            let eof = first.len() as u64 >= self.file_size;
            match heads::look(&first, eof, options).map_err(|e| failed(path, e))? {
                FormatHeadState::Known(head) => return Ok(head),
                FormatHeadState::NeedMore(at_least) => wanted = at_least as u64,
            }
        }
    }

    /// The next bytes, or `None` at the file's end.
    pub(crate) async fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        let bytes = if is_local(&self.path) {
            self.next_local()?
        } else {
            self.next_fetched().await?
        };
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        if let Some((member, size)) = self.member.take()
            && let Some(header) = archive::read::header_bytes(&bytes)
        {
            let end = member.header_at + header + size;
            self.file_size = end.min(member.archive_size);
            self.split_end = self.file_size;
        }
        self.shown += bytes.len() as u64;
        self.fetch_ahead();
        Ok(Some(bytes))
    }

    /// A chunk that the caller is done with, be it of another file.
    pub(crate) fn recycle(&mut self, chunk: Bytes) {
        match &mut self.local {
            Some(file) => file.recycle(chunk),
            None => self.spare = chunk,
        }
    }

    fn next_local(&mut self) -> Result<Option<Bytes>> {
        let from = self.next;
        let Some(range) = self.next_range() else {
            return Ok(None);
        };
        let file = match &mut self.local {
            Some(file) => file,
            none => {
                let file = none.insert(LocalFile::open(&self.path, from)?);
                file.recycle(std::mem::take(&mut self.spare));
                file
            }
        };
        let size = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let bytes = file.read(&self.path, size)?;
        if bytes.len() < size {
            return Err(cut_short(&self.path, &range, bytes.len() as u64));
        }
        if let Some(Content::ModifiedMs(listed)) = self.content
            && file.was_written_over(&self.path, listed, self.stored_size)?
        {
            return Err(changed(&self.path));
        }
        Ok(Some(bytes))
    }

    async fn next_fetched(&mut self) -> Result<Option<Bytes>> {
        if self.ahead.is_empty() {
            match self.request() {
                Some(request) => self.ahead.push_back(tokio::spawn(request)),
                None => return Ok(None),
            }
        }
        self.fetch_ahead();
        let Some(current) = self.ahead.front_mut() else {
            return Ok(None);
        };
        let bytes = current.await;
        self.ahead.pop_front();
        bytes
            .map_err(|e| DataFusionError::IoError(std::io::Error::other(e)))?
            .map(Some)
    }

    fn fetch_ahead(&mut self) {
        // Inside the split only: behind it, little is wanted. And where a file in an archive ends, its header says.
        while self.ahead.len() < REQUESTS_AHEAD
            && self.local.is_none()
            && self.member.is_none()
            && self.next < self.split_end
            && let Some(request) = self.request()
        {
            self.ahead.push_back(tokio::spawn(request));
        }
    }

    /// The place of the next chunk; `None` at the file's end.
    fn next_range(&mut self) -> Option<Range<u64>> {
        if self.next >= self.file_size {
            return None;
        }
        let size = if self.next >= self.split_end {
            TAIL_CHUNK_BYTES
        } else {
            let chunk = if is_local(&self.path) {
                LOCAL_CHUNK_BYTES
            } else {
                CHUNK_BYTES
            };
            chunk.min(self.split_end - self.next + TAIL_CHUNK_BYTES)
        };
        let range = self.next..(self.next + size).min(self.file_size);
        self.next = range.end;
        Some(range)
    }

    fn request(&mut self) -> Option<BoxFuture<'static, Result<Bytes>>> {
        let range = self.next_range()?;
        let (store, location, path, content) = (
            Arc::clone(&self.store),
            self.location.clone(),
            self.path.clone(),
            self.content.clone(),
        );
        Some(Box::pin(async move {
            fetch(store.as_ref(), &location, &path, range, content.as_ref()).await
        }))
    }
}

impl Drop for Stored {
    /// What is under way is not waited for any more.
    fn drop(&mut self) {
        self.ahead.iter().for_each(JoinHandle::abort);
    }
}

fn cut_short(path: &str, range: &Range<u64>, found: u64) -> DataFusionError {
    TaskError::new(
        ErrorClass::Input,
        format!(
            "{path}: ends at byte {}, before the {} bytes it had when the job listed its files; it was changed \
             meanwhile: run the job again when it is complete",
            range.start + found,
            range.end
        ),
    )
    .into_datafusion()
}

/// The bytes are there, but not those that were listed.
fn changed(path: &str) -> DataFusionError {
    TaskError::new(
        ErrorClass::Input,
        format!(
            "{path}: its content is not the one that it had when the job listed its files; it was changed meanwhile: run \
             the job again when it is complete"
        ),
    )
    .into_datafusion()
}

/// Whether an object is the one that was listed, as far as the store tells.
fn is_as_listed(object: &ObjectMeta, content: Option<&Content>) -> bool {
    // Some stores give tags with quotes in an answer, and without in a listing.
    let bare = |etag: &str| etag.trim_matches('"').to_owned();
    match (content, &object.e_tag) {
        (Some(Content::Etag(listed)), Some(etag)) => bare(etag) == bare(listed),
        // An answer to a request tells whole seconds.
        (Some(Content::ModifiedMs(listed)), _) => object.last_modified.timestamp() == listed / 1000,
        _ => true,
    }
}

/// Some bytes of an object, if it still has the content that is asked for.
async fn fetch(
    store: &dyn ObjectStore,
    location: &Path,
    path: &str,
    range: Range<u64>,
    content: Option<&Content>,
) -> Result<Bytes> {
    let mut tries = 1;
    loop {
        let options = GetOptions::new().with_range(Some(range.clone()));
        let got = match store.get_opts(location, options).await {
            Ok(got) if !is_as_listed(&got.meta, content) => return Err(changed(path)),
            Ok(got) => got.bytes().await,
            Err(error) => Err(error),
        };
        match got {
            Ok(bytes) if bytes.len() as u64 == range.end - range.start => return Ok(bytes),
            Ok(bytes) => {
                return Err(cut_short(path, &range, bytes.len() as u64));
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

/// An error of making text of what is stored.
pub(crate) fn failed(path: &str, failure: Failure) -> DataFusionError {
    match failure {
        Failure::Read(error) => match error.downcast::<DataFusionError>() {
            Ok(error) => *error,
            Err(error) => DataFusionError::External(error),
        },
        other => TaskError::new(ErrorClass::Input, format!("{path}: {other}")).into_datafusion(),
    }
}
