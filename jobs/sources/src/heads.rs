//! What files say of all of their bytes at their beginning: the encoding, and
//! entities. The reader of a split in mid-file is told; and a file whose
//! encoding cannot be read from the middle is not cut.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use headworks_formats::xml::{Head, HeadState};

use crate::decompress::Failure;
use crate::error::SourceError;
use crate::plain;
use crate::split::{InputFile, why_one_task};

/// Bytes that are read first: enough for nearly all files.
pub(crate) const HEAD_BYTES: u64 = 4096;
/// The most bytes that are read to know a head.
const HEAD_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What the first bytes of a file say, of which there are no more if `eof`.
///
/// # Errors
/// An encoding that is not read, or signs of it that contradict each other.
pub(crate) fn look(first: &[u8], eof: bool, encoding: Option<&str>) -> Result<HeadState, Failure> {
    let eof = eof || first.len() as u64 >= HEAD_BYTES_MAX;
    Head::look(first, eof, encoding).map_err(|e| Failure::Encoding(e.to_string()))
}

/// The head of a local file that is not compressed.
pub(crate) fn of_file(path: &str, encoding: Option<&str>) -> Result<Head, Failure> {
    let io = |e| Failure::Read(Box::new(e) as _);
    let mut file = File::open(path).map_err(io)?;
    let mut first = Vec::new();
    let mut wanted = HEAD_BYTES;
    loop {
        let missing = wanted.saturating_sub(first.len() as u64);
        let read = (&mut file).take(missing).read_to_end(&mut first);
        let eof = (read.map_err(io)? as u64) < missing;
        match look(&first, eof, encoding)? {
            HeadState::Known(head) => return Ok(head),
            HeadState::NeedMore(at_least) => wanted = at_least as u64,
        }
    }
}

/// Looks at the files of more than `size_min` bytes that could be cut, and
/// marks those that cannot be: no smaller ones may be cut then. `encoding` is
/// the option.
///
/// # Errors
/// [`SourceError::Input`] for a file that cannot be read.
pub fn mark_whole(
    files: &mut [InputFile],
    size_min: u64,
    encoding: Option<&str>,
) -> Result<(), SourceError> {
    let large: Vec<usize> = (0..files.len())
        .filter(|i| files[*i].size > size_min && why_one_task(&files[*i]).is_none())
        .collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let whole = Mutex::new((Vec::new(), None));
    let lock = || whole.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(large.len()) {
            scope.spawn(|| {
                while let Some(at) = large.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let path = &files[*at].path;
                    match of_file(path, encoding) {
                        Ok(head) if head.charset().can_be_split() => {}
                        Ok(_) => lock().0.push(*at),
                        Err(failure) => {
                            lock().1 = Some(plain::source_error(path, failure));
                            next.store(large.len(), Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let (whole, failure) = whole.into_inner().unwrap_or_else(PoisonError::into_inner);
    match failure {
        Some(error) => Err(error),
        None => {
            whole.into_iter().for_each(|at| files[at].whole = true);
            Ok(())
        }
    }
}
