//! Infers a source's schema from its files, or a stated sample of them, on all
//! cores. The result does not depend on the order of files or threads: types
//! merge commutatively (see `headworks_formats::infer`).

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headworks_formats::{
    Chain, FedState, FormatInferrer, FormatOptions, Split, SplitReport, TypeTree, verify_chain,
};
use tokio::runtime::Handle;

use crate::chunks::{Chunks, fill};
use crate::cut::{CutOptions, cut};
use crate::error::SourceError;
use crate::places;
use crate::split::{InputFile, SplitSpec};
use crate::window::Window;

/// Bytes that one thread takes at a time: a piece of a file, or a pack of small files.
const PIECE_BYTES: u64 = 16 * 1024 * 1024;
/// The types of all records of `files`, or of `sample_files` of them, evenly
/// spread over the list.
///
/// # Errors
/// [`SourceError::Input`] for a file that cannot be read.
pub async fn infer(
    files: &[InputFile],
    options: &FormatOptions,
    sample_files: Option<u32>,
) -> Result<TypeTree, SourceError> {
    let sample: Vec<InputFile> = match sample_files.map(|n| n as usize) {
        Some(n) if n > 0 && n < files.len() => {
            (0..n).map(|i| files[i * files.len() / n].clone()).collect()
        }
        _ => files.to_vec(),
    };
    let (mut tree, parts, work) = learn(pieces(&sample), options).await?;
    tree.merge(&work.verified(parts).await?);
    Ok(tree)
}

/// What the threads take: pieces of files, and packs of small ones.
pub(crate) fn pieces(files: &[InputFile]) -> Vec<SplitSpec> {
    let slots = std::thread::available_parallelism().map_or(1, usize::from);
    let sizes = CutOptions {
        split_bytes: Some(PIECE_BYTES),
        wave_bytes: u64::MAX,
        slots: slots as u64,
    };
    cut(files, sizes).concat()
}

/// Learns from pieces on all cores: the types of whole files, and those of pieces of files by their place in the list.
pub(crate) async fn learn(
    pieces: Vec<SplitSpec>,
    options: &FormatOptions,
) -> Result<(TypeTree, Parts, Arc<Work>), SourceError> {
    let slots = std::thread::available_parallelism().map_or(1, usize::from);
    let mut packs: Vec<Range<usize>> = Vec::new();
    for pack in pieces.chunk_by(|a, b| a.pack == b.pack) {
        let from = packs.last().map_or(0, |before| before.end);
        packs.push(from..from + pack.len());
    }
    let work = Arc::new(Work {
        threads: slots.min(packs.len()),
        pieces,
        packs,
        options: Arc::new(options.clone()),
        next: AtomicUsize::new(0),
        done: Mutex::default(),
    });
    // The threads parse, so they are not the runtime's own; what they wait for is.
    let runtime = Handle::current();
    let threads = (0..work.threads).map(|_| {
        let (work, runtime) = (Arc::clone(&work), runtime.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "this thread is for blocking, and no task of the runtime's"
        )]
        tokio::task::spawn_blocking(move || runtime.block_on(work.take_part()))
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.await.map_err(|e| SourceError::died(&e))?;
    }
    let Done {
        tree,
        parts,
        failure,
    } = std::mem::take(&mut *work.done());
    match failure {
        Some(error) => Err(error),
        None => Ok((tree, parts, work)),
    }
}

/// What was learned of pieces of files, by their place in the list.
pub(crate) type Parts = BTreeMap<usize, (TypeTree, SplitReport)>;

/// What the threads share.
pub(crate) struct Work {
    threads: usize,
    pieces: Vec<SplitSpec>,
    /// Ranges of the pieces, each taken by one thread.
    packs: Vec<Range<usize>>,
    options: Arc<FormatOptions>,
    /// The pack to be taken next.
    next: AtomicUsize,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    /// Of whole files.
    tree: TypeTree,
    parts: Parts,
    failure: Option<SourceError>,
}

impl Work {
    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes packs until none is left.
    async fn take_part(&self) {
        let mut own = TypeTree::default();
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(pack) = self.packs.get(at) else {
                break;
            };
            match self.learn(pack.clone()).await {
                Ok(Some(tree)) => own.merge(&tree),
                Ok(None) => {}
                Err(error) => {
                    self.done().failure = Some(error);
                    self.next.store(self.packs.len(), Ordering::Relaxed);
                }
            }
        }
        self.done().tree.merge(&own);
    }

    /// Learns the types of a pack. Whole files go through one inferrer, which is returned as a tree; a piece of a file
    /// has one of its own, for it may have to be thrown away.
    async fn learn(&self, pack: Range<usize>) -> Result<Option<TypeTree>, SourceError> {
        let mut whole: Option<FormatInferrer> = None;
        let mut bad_records = 0;
        for at in pack {
            let piece = &self.pieces[at];
            if piece.start > 0 || !piece.is_last() {
                let learned = self.piece(piece).await?;
                self.done().parts.insert(at, learned);
                continue;
            }
            let inferrer = match &mut whole {
                Some(inferrer) => {
                    inferrer.next_file();
                    inferrer
                }
                none => none.insert(FormatInferrer::new(&self.options, Split::whole())),
            };
            let report = self.feed(piece, inferrer).await?;
            // Of a piece it is not known yet: a guess may come upon a conflict that is none.
            believed(piece, &report)?;
            bad_records += report.quarantined;
        }
        Ok(whole.map(|inferrer| TypeTree {
            bad_records,
            ..inferrer.finish()
        }))
    }

    /// Merges the pieces of split files; a piece that began with a wrong guess is
    /// read again from where the one before it ended.
    async fn verified(&self, parts: Parts) -> Result<TypeTree, SourceError> {
        let mut merged = TypeTree::default();
        let mut before: Option<(&str, SplitReport)> = None;
        for (at, (mut tree, mut report)) in parts {
            let piece = &self.pieces[at];
            if let Some((path, previous)) = &before
                && *path == piece.path
                && let Chain::RestartAt(offset) = verify_chain(previous, &report)
            {
                let again = SplitSpec {
                    known_start: Some(offset),
                    ..piece.clone()
                };
                (tree, report) = self.piece(&again).await?;
            }
            believed(piece, &report)?;
            merged.merge(&tree);
            before = Some((&piece.path, report));
        }
        Ok(merged)
    }

    async fn piece(&self, piece: &SplitSpec) -> Result<(TypeTree, SplitReport), SourceError> {
        let split = Split {
            start: piece.reader_start(),
            end: if piece.is_last() { u64::MAX } else { piece.end },
        };
        let mut inferrer = FormatInferrer::new(&self.options, split);
        let report = self.feed(piece, &mut inferrer).await?;
        let tree = TypeTree {
            bad_records: report.quarantined,
            ..inferrer.finish()
        };
        Ok((tree, report))
    }

    /// Shows an inferrer that stands at a piece's start its bytes.
    async fn feed(
        &self,
        piece: &SplitSpec,
        inferrer: &mut FormatInferrer,
    ) -> Result<SplitReport, SourceError> {
        let failed = |e| SourceError::of_task(&piece.path, &e);
        let (store, location) = places::open(piece.stored_path())?;
        let from = inferrer.position();
        let mut chunks = Chunks::new(store, location, piece, from, &self.options);
        let mut window = Window::default();
        fill(&mut chunks, &mut window, 1).await.map_err(failed)?;
        if let Some(head) = chunks.head() {
            inferrer.set_head(head);
        }
        loop {
            let (bytes, eof) = window.shown();
            let fed = inferrer.feed(bytes, eof);
            let fed = fed.map_err(|e| SourceError::input(&piece.path, &e))?;
            window.consume(fed.consumed);
            match fed.state {
                FedState::Done => return Ok(inferrer.report()),
                FedState::BatchReady => {}
                FedState::NeedInput { at_least } => {
                    let filled = fill(&mut chunks, &mut window, at_least).await;
                    filled.map_err(failed)?;
                }
            }
        }
    }
}

/// Refuses a file whose later parts contradict its head.
fn believed(piece: &SplitSpec, report: &SplitReport) -> Result<(), SourceError> {
    match &report.conflict {
        Some(conflict) => Err(SourceError::input(&piece.path, conflict)),
        None => Ok(()),
    }
}
