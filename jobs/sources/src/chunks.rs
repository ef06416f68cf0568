//! A split's bytes, in chunks: as they are stored (`stored.rs`), or, where they are not what the parser reads, made
//! text by a thread beside the caller.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::error::{DataFusionError, Result};
use headworks_formats::{FormatHead, FormatOptions};
use object_store::ObjectStore;
use object_store::path::Path;
use tokio::sync::mpsc;

use crate::decompress::Failure;
use crate::decompress::pipe::{Fetched, Pipe};
use crate::plain::{self, HeadSlot};
use crate::split::SplitSpec;
use crate::stored::{Stored, failed};
use crate::window::Window;

/// Chunks that wait to be decompressed.
const CHUNKS_WAITING: usize = 2;

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
    let (text, head) = plain::open(Box::new(Fetched::new(fetched)), split, options);
    Source::Piped(Pipe::start(text), head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive;
    use crate::archive::tests::{File, archive};
    use crate::decompress::Compression;
    use crate::decompress::tests::compress;
    use crate::error::{ErrorClass, TaskError};
    use crate::split::Content;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    async fn read(path: &str, stored: Vec<u8>, from: u64, file_size: u64) -> Result<Vec<u8>> {
        let store = Arc::new(InMemory::new());
        let location = Path::from(path);
        store.put(&location, stored.into()).await.unwrap();
        let split = SplitSpec {
            start: from,
            ..split_of(path, file_size, None)
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
