//! Infers a source's schema from its files, or a stated sample of them, on all
//! cores. The result does not depend on the order of files or threads: types
//! merge commutatively (see `headworks_formats::infer`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use headworks_formats::infer::{Inferrer, TypeTree};
use headworks_formats::xml::{Chain, FedState, Head, Split, SplitReport, XmlOptions, verify_chain};

use crate::cut::{CutOptions, cut};
use crate::decompress::pipe::Pipe;
use crate::decompress::{Failure, Input};
use crate::error::SourceError;
use crate::heads;
use crate::plain::{self, HeadSlot};
use crate::split::{InputFile, SplitSpec};

/// Bytes of one read.
const READ_BYTES: u64 = 1024 * 1024;
/// Bytes that one thread takes at a time.
const PIECE_BYTES: u64 = 16 * 1024 * 1024;

/// The types of all records of `files`, or of `sample_files` of them, evenly
/// spread over the list.
///
/// # Errors
/// [`SourceError::Input`] for a file that cannot be read.
pub fn infer(
    files: &[InputFile],
    options: &XmlOptions,
    sample_files: Option<u32>,
) -> Result<TypeTree, SourceError> {
    let sample: Vec<InputFile> = match sample_files.map(|n| n as usize) {
        Some(n) if n > 0 && n < files.len() => {
            (0..n).map(|i| files[i * files.len() / n].clone()).collect()
        }
        _ => files.to_vec(),
    };
    let slots = std::thread::available_parallelism().map_or(1, usize::from);
    let sizes = CutOptions {
        split_bytes: Some(PIECE_BYTES),
        wave_bytes: u64::MAX,
        slots: slots as u64,
    };
    let pieces: Vec<SplitSpec> = cut(&sample, sizes).concat();
    let options = Arc::new(options.clone());

    let next = AtomicUsize::new(0);
    let done = Mutex::new((TypeTree::default(), BTreeMap::new(), None));
    std::thread::scope(|scope| {
        for _ in 0..slots.min(pieces.len()) {
            scope.spawn(|| {
                let mut own = TypeTree::default();
                while let Some((at, piece)) = take(&pieces, &next) {
                    let whole_file = piece.start == 0 && piece.is_last();
                    match infer_piece(piece, &options).and_then(|found| {
                        // A guess may come upon a conflict that is none.
                        if whole_file {
                            believed(piece, found)
                        } else {
                            Ok(found)
                        }
                    }) {
                        Ok((tree, _)) if whole_file => own.merge(&tree),
                        Ok(result) => lock(&done).1.insert(at, result).map_or((), drop),
                        Err(e) => {
                            lock(&done).2 = Some(e);
                            next.store(pieces.len(), Ordering::Relaxed);
                        }
                    }
                }
                lock(&done).0.merge(&own);
            });
        }
    });
    let (mut tree, parts, failure) = done.into_inner().unwrap_or_else(|e| e.into_inner());
    match failure {
        Some(error) => Err(error),
        None => {
            tree.merge(&verified(&pieces, parts, &options)?);
            Ok(tree)
        }
    }
}

fn take<'a>(pieces: &'a [SplitSpec], next: &AtomicUsize) -> Option<(usize, &'a SplitSpec)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    Some((at, pieces.get(at)?))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Merges the pieces of split files; a piece that began with a wrong guess is
/// read again from where the one before it ended.
fn verified(
    pieces: &[SplitSpec],
    parts: BTreeMap<usize, (TypeTree, SplitReport)>,
    options: &Arc<XmlOptions>,
) -> Result<TypeTree, SourceError> {
    let mut merged = TypeTree::default();
    let mut before: Option<(&str, SplitReport)> = None;
    for (at, (mut tree, mut report)) in parts {
        let piece = &pieces[at];
        if let Some((path, previous)) = &before
            && *path == piece.path
            && let Chain::RestartAt(offset) = verify_chain(previous, &report)
        {
            (tree, report) = infer_piece(
                &SplitSpec {
                    known_start: Some(offset),
                    ..piece.clone()
                },
                options,
            )?;
        }
        (tree, report) = believed(piece, (tree, report))?;
        merged.merge(&tree);
        before = Some((&piece.path, report));
    }
    Ok(merged)
}

/// Refuses a file whose later parts contradict its head.
fn believed(
    piece: &SplitSpec,
    found: (TypeTree, SplitReport),
) -> Result<(TypeTree, SplitReport), SourceError> {
    match &found.1.conflict {
        Some(conflict) => Err(SourceError::input(&piece.path, conflict)),
        None => Ok(found),
    }
}

fn infer_piece(
    piece: &SplitSpec,
    options: &Arc<XmlOptions>,
) -> Result<(TypeTree, SplitReport), SourceError> {
    let mut inferrer = Inferrer::new(
        Arc::clone(options),
        Split {
            start: piece.reader_start(),
            end: if piece.is_last() { u64::MAX } else { piece.end },
        },
    );
    let encoding = options.encoding.as_deref();
    let mut bytes = PieceBytes::open(piece, inferrer.position(), encoding)?;
    let (mut buffer, mut consumed) = (Vec::new(), 0);
    let mut end = !bytes.read_on(&mut buffer)?;
    if let Some(head) = bytes.head() {
        inferrer.set_head(head);
    }
    loop {
        let fed = inferrer
            .feed(&buffer[consumed..], end)
            .map_err(|e| SourceError::input(&piece.path, &e))?;
        consumed += fed.consumed;
        match fed.state {
            FedState::Done => {
                let report = inferrer.report();
                return Ok((inferrer.finish(), report));
            }
            FedState::BatchReady => {}
            FedState::NeedInput { at_least } => {
                buffer.drain(..consumed);
                consumed = 0;
                while buffer.len() < at_least && !end {
                    end = !bytes.read_on(&mut buffer)?;
                }
            }
        }
    }
}

/// The bytes of a piece, as the parser reads them.
struct PieceBytes<'a> {
    piece: &'a SplitSpec,
    encoding: Option<&'a str>,
    source: Source,
    /// Whether the file's first bytes are to be looked at.
    first: bool,
}

enum Source {
    /// The bytes of the file, whose head was looked at if they begin inside it.
    Stored(File, Option<Head>),
    Piped(Pipe, HeadSlot),
}

impl<'a> PieceBytes<'a> {
    /// Begins at byte `from` of the file (of the decompressed bytes: 0).
    fn open(
        piece: &'a SplitSpec,
        from: u64,
        encoding: Option<&'a str>,
    ) -> Result<Self, SourceError> {
        let mut bytes = Self {
            piece,
            encoding,
            source: Source::Stored(open_at(piece, from)?, None),
            first: from == 0,
        };
        if plain::is_stored_otherwise(piece) {
            bytes.pipe()?;
        } else if from > 0 {
            let head = heads::of_file(&piece.path, encoding);
            let head = head.map_err(|e| plain::source_error(&piece.path, e))?;
            bytes.source = Source::Stored(open_at(piece, from)?, Some(head));
        }
        Ok(bytes)
    }

    /// Reads the file from its start, through a thread that makes text of it.
    fn pipe(&mut self) -> Result<(), SourceError> {
        let from = self.piece.member.as_ref().map_or(0, |m| m.header_at);
        let stored = Stored(open_at(self.piece, from)?);
        let (text, head) = plain::open(Box::new(stored), self.piece, self.encoding);
        self.source = Source::Piped(Pipe::start(text), head);
        self.first = false;
        Ok(())
    }

    /// What is known of the file's head once bytes have come.
    fn head(&self) -> Option<Head> {
        match &self.source {
            Source::Stored(_, head) => head.clone(),
            Source::Piped(_, head) => head.get().cloned(),
        }
    }

    /// Puts more bytes behind those in the buffer; `false` at the end.
    fn read_on(&mut self, buffer: &mut Vec<u8>) -> Result<bool, SourceError> {
        let path = &self.piece.path;
        let before = buffer.len();
        let failed = |e| plain::source_error(path, e);
        match &mut self.source {
            Source::Stored(file, _) => {
                let read = file.take(READ_BYTES).read_to_end(buffer);
                read.map_err(|e| SourceError::io(path, &e))?;
            }
            Source::Piped(pipe, _) => {
                if let Some(bytes) = pipe.next_blocking().map_err(failed)? {
                    buffer.extend_from_slice(&bytes);
                }
            }
        }
        if std::mem::take(&mut self.first) {
            let eof = (buffer.len() as u64) < READ_BYTES;
            if !plain::is_read_as_it_is(buffer, eof, self.encoding).map_err(failed)? {
                buffer.clear();
                self.pipe()?;
                return self.read_on(buffer);
            }
        }
        Ok(buffer.len() > before)
    }
}

fn open_at(piece: &SplitSpec, from: u64) -> Result<File, SourceError> {
    let open = || {
        let mut file = File::open(piece.stored_path())?;
        file.seek(SeekFrom::Start(from))?;
        Ok(file)
    };
    open().map_err(|e| SourceError::io(&piece.path, &e))
}

/// A file, from where it stands on.
struct Stored(File);

impl Input for Stored {
    fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut bytes = Vec::new();
        let read = (&mut self.0).take(READ_BYTES).read_to_end(&mut bytes);
        read.map_err(|e| Failure::Read(Box::new(e)))?;
        Ok((!bytes.is_empty()).then(|| bytes.into()))
    }
}
