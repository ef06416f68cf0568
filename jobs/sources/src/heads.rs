//! What files say of all of their bytes at their beginning: the encoding, and
//! what else a format has there (entities, a layout, names of columns). The
//! reader of a split in mid-file is told; and a file that cannot be read from
//! the middle is not cut.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use headworks_formats::{FormatHead, FormatHeadState, FormatOptions};

use crate::decompress::Failure;
use crate::error::SourceError;
use crate::places::{self, is_local};
use crate::split::{InputFile, SplitSpec, why_one_task};
use crate::stored::Stored;

/// Bytes that are read first: enough for nearly all files.
pub(crate) const HEAD_BYTES: u64 = 4096;
/// The most bytes that are read to know a head.
const HEAD_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Heads of objects that are asked for at the same time.
const REQUESTS_MAX: usize = 64;

/// What the first bytes of a file say, of which there are no more if `eof`.
///
/// # Errors
/// An encoding that is not read, or signs of it that contradict each other.
pub(crate) fn look(
    first: &[u8],
    eof: bool,
    options: &FormatOptions,
) -> Result<FormatHeadState, Failure> {
    let eof = eof || first.len() as u64 >= HEAD_BYTES_MAX;
    let state = options.look(first, eof);
    state.map_err(|e| Failure::Encoding(e.to_string()))
}

/// The head of a local file that is not compressed.
fn of_file(path: &str, options: &FormatOptions) -> Result<FormatHead, Failure> {
    let io = |e| Failure::Read(Box::new(e) as _);
    let mut file = File::open(path).map_err(io)?;
    let mut first = Vec::new();
    let mut wanted = HEAD_BYTES;
    loop {
        let missing = wanted.saturating_sub(first.len() as u64);
        let read = (&mut file).take(missing).read_to_end(&mut first);
        let eof = (read.map_err(io)? as u64) < missing;
        match look(&first, eof, options)? {
            FormatHeadState::Known(head) => return Ok(head),
            FormatHeadState::NeedMore(at_least) => wanted = at_least as u64,
        }
    }
}

/// Looks at the files of more than `size_min` bytes that could be cut, and
/// notes what their beginnings say of that: no smaller ones may be cut then.
///
/// # Errors
/// [`SourceError::Input`] for a file that cannot be read.
pub async fn look_for_seams(
    files: &mut [InputFile],
    size_min: u64,
    options: &FormatOptions,
) -> Result<(), SourceError> {
    let large = (0..files.len())
        .filter(|i| files[*i].size > size_min && why_one_task(&files[*i]).is_none());
    let (local, remote): (Vec<usize>, Vec<usize>) = large.partition(|i| is_local(&files[*i].path));
    let paths = local.iter().map(|i| files[*i].path.clone()).collect();
    let shared = options.clone();
    let looked = tokio::task::spawn_blocking(move || local_heads(paths, &shared));
    let looked = looked.await.map_err(|e| SourceError::died(&e))??;
    for (at, head) in looked {
        note(&mut files[local[at]], &head);
    }

    let options = Arc::new(options.clone());
    let heads: Vec<(usize, FormatHead)> = stream::iter(remote)
        .map(|at| {
            let (file, options) = (files[at].clone(), Arc::clone(&options));
            async move {
                let (store, location) = places::open(&file.path)?;
                let split = SplitSpec::whole(&file);
                let mut stored = Stored::new(store, location, &split, 0);
                let head = stored.head(&file.path, &options).await;
                let head = head.map_err(|e| SourceError::of_task(&file.path, &e))?;
                Ok::<_, SourceError>((at, head))
            }
        })
        .buffer_unordered(REQUESTS_MAX)
        .try_collect()
        .await?;
    for (at, head) in heads {
        note(&mut files[at], &head);
    }
    Ok(())
}

fn note(file: &mut InputFile, head: &FormatHead) {
    file.whole = !head.can_be_split();
    file.guessed = head.can_be_split() && head.guesses();
}

/// The heads of local files, by their place in the list.
fn local_heads(
    paths: Vec<String>,
    options: &FormatOptions,
) -> Result<Vec<(usize, FormatHead)>, SourceError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let looked = Mutex::new((Vec::new(), None));
    let lock = || looked.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(paths.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = paths.get(at) else {
                        return;
                    };
                    match of_file(path, options) {
                        Ok(head) => lock().0.push((at, head)),
                        Err(failure) => {
                            lock().1 = Some(source_error(path, failure));
                            next.store(paths.len(), Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let (heads, failure) = looked.into_inner().unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(heads), Err)
}

/// As an error of planning.
fn source_error(path: &str, failure: Failure) -> SourceError {
    match failure {
        Failure::Read(error) => match error.downcast::<std::io::Error>() {
            Ok(error) => SourceError::io(path, &error),
            Err(error) => SourceError::input(path, &error),
        },
        other => SourceError::input(path, &other),
    }
}
