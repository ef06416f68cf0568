//! A thread that makes plain bytes while somebody else reads them.

use std::thread;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Failure, Input, PIECE_BYTES};

/// The most bytes that wait to be read.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The reading end of a thread that drains an [`Input`]. Dropping it ends the
/// thread at its next piece.
pub(crate) struct Pipe {
    pieces: mpsc::Receiver<Result<Option<Bytes>, Failure>>,
}

impl Pipe {
    /// Starts the thread.
    pub(crate) fn start(mut input: Box<dyn Input>) -> Self {
        let (sender, pieces) = mpsc::channel(WAITING_BYTES_MAX / PIECE_BYTES);
        let run = move || {
            loop {
                let piece = input.next();
                let last = !matches!(piece, Ok(Some(_)));
                if sender.blocking_send(piece).is_err() || last {
                    return;
                }
            }
        };
        // A thread that cannot be started closes the channel, as one that dies.
        let _ = thread::Builder::new().name("decompress".into()).spawn(run);
        Self { pieces }
    }

    /// The next bytes, or `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        self.pieces.recv().await.unwrap_or_else(|| Err(died()))
    }
}

/// The end comes as a message: a channel that merely closes is a thread that
/// panicked, and no end of the file.
fn died() -> Failure {
    Failure::Read("the thread that decompresses could not be started, or ended early".into())
}

/// Chunks that an async task fetches, as an [`Input`] for a thread.
pub(crate) struct Fetched {
    chunks: mpsc::Receiver<Result<Option<Bytes>, Failure>>,
    ended: bool,
}

impl Fetched {
    /// The chunks of a channel, whose end comes as a message.
    pub(crate) fn new(chunks: mpsc::Receiver<Result<Option<Bytes>, Failure>>) -> Self {
        Self {
            chunks,
            ended: false,
        }
    }
}

impl Input for Fetched {
    fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.ended {
            return Ok(None);
        }
        let next = self.chunks.blocking_recv().unwrap_or_else(|| {
            Err(Failure::Read(
                "the task that fetches the file ended early".into(),
            ))
        });
        self.ended = matches!(next, Ok(None));
        next
    }
}
