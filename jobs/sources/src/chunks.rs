//! A split's bytes, in chunks, from a disk or an object store: the next chunks
//! are fetched while the caller parses the last. What is compressed is decompressed by a
//! thread beside the caller.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::error::{DataFusionError, Result};
use futures::future::BoxFuture;
use headworks_formats::{FormatHead, FormatHeadState, FormatOptions};
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::archive::{self, Member};
use crate::decompress::Failure;
use crate::decompress::pipe::{Fetched, Pipe};
use crate::error::{ErrorClass, TaskError, storage_error};
use crate::heads;
use crate::local::LocalFile;
use crate::places::is_local;
use crate::plain::{self, HeadSlot};
use crate::split::{Content, SplitSpec};
use crate::window::Window;

/// Bytes of one request inside a split.
pub const CHUNK_BYTES: u64 = 1024 * 1024;
/// Bytes of one read of a local file inside a split: two such chunks stay in a core's own cache while they are parsed.
pub const LOCAL_CHUNK_BYTES: u64 = 256 * 1024;
/// Requests of a task for bytes inside its split that are under way at once, the one that is waited for among them: an
/// object store answers late, and each connection gives it a part of its speed alone.
const REQUESTS_AHEAD: usize = 4;
/// Bytes of one request behind a split's end, where only the rest of one
/// record is wanted.
pub const TAIL_CHUNK_BYTES: u64 = 128 * 1024;
/// Bytes of a request that are for the header before a file in an archive; a
/// longer one costs a request more.
const MEMBER_HEADER_BYTES: u64 = 512;
/// Chunks that wait to be decompressed.
const CHUNKS_WAITING: usize = 2;
/// How often a request that failed for a passing reason is tried in all.
const TRIES_MAX: u32 = 4;
/// Wait before the second try, in milliseconds; doubled for each further one.
const BACKOFF_MS: u64 = 50;

/// Yields the bytes of a file from a split's start on, without end at the
/// split's end: the caller stops when its parser is done.
pub struct Chunks {
    split: SplitSpec,
    options: Arc<FormatOptions>,
    source: Source,
    /// Whether nothing was read yet.
    first: bool,
}

enum Source {
    /// The stored bytes are those that the caller reads; the head of the file
    /// is known once they have come.
    Stored(Box<Stored>, Option<FormatHead>),
    /// They are not.
    Piped(Pipe, HeadSlot),
}

impl Chunks {
    /// Begins at byte `from` of the split's file (of the decompressed bytes:
    /// 0 for a file that is compressed). To be called inside a runtime.
    #[must_use]
    pub fn new(
        store: Arc<dyn ObjectStore>,
        location: Path,
        split: &SplitSpec,
        from: u64,
        options: &Arc<FormatOptions>,
    ) -> Self {
        let stored = Stored::new(store, location, split, from);
        Self {
            source: if plain::is_stored_otherwise(split) {
                pipe(stored, split, options)
            } else {
                Source::Stored(Box::new(stored), None)
            },
            split: split.clone(),
            options: Arc::clone(options),
            first: true,
        }
    }

    /// What is known of the file's head, once bytes have come.
    #[must_use]
    pub fn head(&self) -> Option<&FormatHead> {
        match &self.source {
            Source::Stored(_, head) => head.as_ref(),
            Source::Piped(_, head) => head.get(),
        }
    }

    /// The next bytes, or `None` at the file's end.
    ///
    /// # Errors
    /// An input error if the file is gone, shorter than it was, or not what its
    /// name says; an `IoError`, which the engine tries again, for what passes.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        if std::mem::take(&mut self.first) {
            return self.begin().await;
        }
        match &mut self.source {
            Source::Stored(stored, _) => stored.next_chunk().await,
            Source::Piped(pipe, _) => {
                let piece = pipe.next().await;
                piece.map_err(|e| failed(&self.split.path, e))
            }
        }
    }

    /// A chunk that the caller is done with: its memory is used again, if nobody else holds it.
    pub fn recycle(&mut self, chunk: Bytes) {
        if let Source::Stored(stored, _) = &mut self.source {
            stored.recycle(chunk);
        }
    }

    /// The first bytes, and the file's head.
    async fn begin(&mut self) -> Result<Option<Bytes>> {
        let path = &self.split.path;
        let Source::Stored(stored, head) = &mut self.source else {
            return Box::pin(self.next()).await;
        };
        if stored.next > 0 {
            *head = Some(stored.head(path, &self.options).await?);
            return stored.next_chunk().await;
        }
        let Some(bytes) = stored.next_chunk().await? else {
            return Ok(None);
        };
        let eof = stored.shown >= stored.file_size;
        *head = plain::head_if_read_as_it_is(&bytes, eof, &self.options)
            .map_err(|e| failed(path, e))?;
        if head.is_some() {
            return Ok(Some(bytes));
        }
        // From the start again, this time to be made text.
        let (store, location) = (Arc::clone(&stored.store), stored.location.clone());
        let stored = Stored::new(store, location, &self.split, 0);
        self.source = pipe(stored, &self.split, &self.options);
        Box::pin(self.next()).await
    }
}

/// Puts chunks into the window of a parser until it shows at least `at_least` bytes, unless the file ends.
///
/// # Errors
/// As [`Chunks::next`]; also if the window has shown the file's end before.
pub(crate) async fn fill(chunks: &mut Chunks, window: &mut Window, at_least: usize) -> Result<()> {
    if window.shown().1 {
        return Err(DataFusionError::Internal(format!(
            "{}: the parser wants bytes behind the end",
            chunks.split.path
        )));
    }
    while !window.show(at_least) {
        match chunks.next().await? {
            Some(bytes) => chunks.recycle(window.push(bytes)),
            None => window.end(),
        }
    }
    Ok(())
}

/// Starts what fetches and what makes text of it. Both end when the pipe is
/// dropped.
fn pipe(mut stored: Stored, split: &SplitSpec, options: &Arc<FormatOptions>) -> Source {
    let (sender, fetched) = mpsc::channel(CHUNKS_WAITING);
    tokio::spawn(async move {
        loop {
            let chunk = stored.next_chunk().await;
            let last = !matches!(chunk, Ok(Some(_)));
            let chunk = chunk.map_err(|e| Failure::Read(Box::new(e)));
            if sender.send(chunk).await.is_err() || last {
                return;
            }
        }
    });
    let (text, head) = plain::open(Box::new(Fetched(fetched)), split, options);
    Source::Piped(Pipe::start(text), head)
}

fn failed(path: &str, failure: Failure) -> DataFusionError {
    match failure {
        Failure::Read(error) => match error.downcast::<DataFusionError>() {
            Ok(error) => *error,
            Err(error) => DataFusionError::External(error),
        },
        other => TaskError::new(ErrorClass::Input, format!("{path}: {other}")).into_datafusion(),
    }
}

/// The stored bytes of a file, from some place on.
pub(crate) struct Stored {
    store: Arc<dyn ObjectStore>,
    location: Path,
    path: String,
    /// Where the next request begins.
    next: u64,
    /// Where the bytes end that the caller has.
    shown: u64,
    split_end: u64,
    file_size: u64,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::{File, archive};
    use crate::decompress::Compression;
    use crate::decompress::tests::compress;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

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
            member: None,
            content: None,
        };
        read_split(store, location, &split, from).await
    }

    async fn read_split(
        store: Arc<dyn ObjectStore>,
        location: Path,
        split: &SplitSpec,
        from: u64,
    ) -> Result<Vec<u8>> {
        let mut chunks = Chunks::new(store, location, split, from, &options());
        let mut all = Vec::new();
        while let Some(bytes) = chunks.next().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }

    fn options() -> Arc<FormatOptions> {
        let options = headworks_formats::XmlOptions::new(&["r"]).unwrap();
        Arc::new(FormatOptions::Xml(options))
    }

    /// The message of an input error.
    fn message(result: Result<Vec<u8>>) -> String {
        let error = TaskError::find_in(&result.unwrap_err().to_string()).unwrap();
        assert_eq!(error.class, ErrorClass::Input);
        error.message
    }

    fn data() -> Vec<u8> {
        (0..3_000_000u32).map(|i| (i % 251) as u8).collect()
    }

    #[tokio::test]
    async fn plain_and_compressed() {
        let data = data();
        assert!(read("a.xml", data.clone(), 7, 3_000_000).await.unwrap() == data[7..]);
        for (path, compression) in [
            ("a.xml.gz", Compression::Gzip),
            ("a.xml.bz2", Compression::Bzip2),
            ("a.xml.zst", Compression::Zstd),
            ("a.xml.xz", Compression::Xz),
        ] {
            let mut two = compress(compression, &data[..1000]);
            two.extend(compress(compression, &data[1000..]));
            let size = two.len() as u64;
            assert!(read(path, two.clone(), 0, size).await.unwrap() == data);

            two.truncate(two.len() - 9);
            let size = two.len() as u64;
            let message = message(read(path, two.clone(), 0, size).await);
            let expected = format!("{path}: it ends inside ");
            assert!(message.starts_with(&expected), "{message}");
            assert!(message.contains("by byte "), "{message}");
        }
    }

    #[tokio::test]
    async fn what_is_cut_short_is_an_input_error() {
        let message = message(read("cut.xml", vec![b'<'; 10], 0, 20).await);
        assert!(message.contains("ends at byte 10"), "{message}");
    }

    fn split_of(path: &str, size: u64, content: Option<Content>) -> SplitSpec {
        SplitSpec {
            id: 0,
            path: path.into(),
            file_size: size,
            start: 0,
            end: size,
            known_start: None,
            pack: 0,
            member: None,
            content,
        }
    }

    /// Text of one kind or another, and nothing else.
    fn text(kind: u8, size: usize) -> Vec<u8> {
        let mut text = b"<r>".to_vec();
        text.resize(size, kind);
        text
    }

    /// What comes of the chunks after the first one, if the content changes before the second is asked for.
    async fn after_a_change(mut chunks: Chunks, change: impl Future<Output = ()>) -> String {
        assert!(chunks.next().await.unwrap().is_some());
        change.await;
        loop {
            match chunks.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return String::new(),
                Err(error) => return TaskError::find_in(&error.to_string()).unwrap().message,
            }
        }
    }

    const OTHER: &str = "its content is not the one that it had when the job listed its files";

    #[tokio::test]
    async fn an_object_that_is_another_than_was_listed_is_refused() {
        const SIZE: usize = 12 << 20;
        let store = Arc::new(InMemory::new());
        let location = Path::from("a.xml");
        let put = |kind: u8| store.put(&location, text(kind, SIZE).into());
        let etag = put(b'1').await.unwrap().e_tag;
        let split = split_of("s3://b/a.xml", SIZE as u64, etag.map(Content::Etag));
        let open = || Arc::clone(&store) as Arc<dyn ObjectStore>;
        let read = || read_split(open(), location.clone(), &split, 0);
        assert!(read().await.unwrap() == text(b'1', SIZE));
        let chunks = Chunks::new(open(), location.clone(), &split, 0, &options());
        let change = async {
            put(b'2').await.unwrap();
        };
        let told = after_a_change(chunks, change).await;
        assert!(told.contains(OTHER), "{told}");
        let told = message(read().await.map(|_| Vec::new()));
        assert!(told.starts_with("s3://b/a.xml: its content"), "{told}");
    }

    #[tokio::test]
    async fn a_local_file_that_was_written_over_is_refused_and_one_that_was_added_to_is_not() {
        const SIZE: usize = 3_000_000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.xml").to_string_lossy().into_owned();
        let write = |kind: u8, size: usize, seconds: u64| {
            std::fs::write(&path, text(kind, size)).unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            file.set_modified(at).unwrap();
        };
        let split = split_of(&path, SIZE as u64, Some(Content::ModifiedMs(1_000_000)));
        let open = || crate::places::open(&path).unwrap();
        let read = || {
            let (store, location) = open();
            read_split(store, location, &split, 0)
        };
        write(b'1', SIZE, 1000);
        assert!(read().await.unwrap() == text(b'1', SIZE));
        write(b'1', SIZE + 500, 1001);
        assert!(read().await.unwrap() == text(b'1', SIZE));
        write(b'2', SIZE, 1001);
        let told = message(read().await.map(|_| Vec::new()));
        assert!(told.contains(OTHER), "{told}");
        write(b'1', SIZE, 1000);
        let (store, location) = open();
        let chunks = Chunks::new(store, location, &split, 0, &options());
        let told = after_a_change(chunks, async { write(b'2', SIZE, 1002) }).await;
        assert!(told.contains(OTHER), "{told}");
    }

    /// Read as text they would give no record, and no error.
    #[tokio::test]
    async fn what_is_no_text_is_an_input_error() {
        let text = b"<rows><row/></rows>".repeat(30);
        for (compression, word) in [
            (
                Compression::Gzip,
                "gzip data, but its name does not end in .gz",
            ),
            (Compression::Bzip2, "bzip2 data"),
            (Compression::Zstd, "zstd data"),
            (Compression::Xz, "xz data"),
        ] {
            let stored = compress(compression, &text);
            let size = stored.len() as u64;
            let plain = message(read("a.xml", stored.clone(), 0, size).await);
            let twice = compress(Compression::Gzip, &stored);
            let size = twice.len() as u64;
            let twice = message(read("a.xml.gz", twice, 0, size).await);
            for message in [plain, twice] {
                assert!(
                    message.contains(&format!("begins like {word}")),
                    "{message}"
                );
            }
        }
        let zip = archive(&[File::new("a.xml", &text, 0)], false)[10..].to_vec();
        let size = zip.len() as u64;
        let message = message(read("a.xml", zip, 0, size).await);
        assert!(message.contains("a zip archive: name it .zip"), "{message}");
    }

    #[tokio::test]
    async fn files_in_an_archive() {
        let data = data();
        let long = format!("{}/b.xml", "n".repeat(3000));
        let files = [
            File::new("a.xml", &data, 8),
            File::new(&long, &data[..5000], 0),
            File::new("c.xml.gz", &compress(Compression::Gzip, &data), 0),
            File::new("d.xml", b"", 8),
        ];
        let bytes = archive(&files, false);
        let store = Arc::new(InMemory::new());
        let location = Path::from("x.zip");
        store.put(&location, bytes.clone().into()).await.unwrap();
        let listed = archive::tests::listed("x.zip", &bytes).unwrap();
        let wanted = [&data[..], &data[..5000], &data, b""];
        for (found, wanted) in listed.iter().zip(wanted) {
            let mut split = SplitSpec {
                id: 0,
                path: format!("x.zip!/{}", found.name),
                file_size: found.size,
                start: 0,
                end: found.size,
                known_start: None,
                pack: 0,
                member: Some(found.member.clone()),
                content: None,
            };
            let read = |split: SplitSpec| {
                let (store, location) = (Arc::clone(&store), location.clone());
                async move { read_split(store, location, &split, 0).await }
            };
            assert!(
                read(split.clone()).await.unwrap() == wanted,
                "{}",
                found.name
            );
            if let Some(member) = &mut split.member {
                member.crc32 ^= 1;
            }
            let message = message(read(split.clone()).await);
            assert!(
                message.starts_with(&format!("{}: its CRC-32", split.path)),
                "{message}"
            );
        }
    }
}
