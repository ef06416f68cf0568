//! One bzip2 file, decompressed by several threads.
//!
//! A bzip2 stream is a header (`BZh` and a digit), blocks of at most 900 kB
//! before compression, and a trailer; a file is one stream or several. Blocks
//! depend on nothing but the header's digit, and each begins with a magic of 48
//! bits and its CRC, though at any bit: so a block can be made a stream of its
//! own by shifting its bits behind a header, and putting a trailer behind it.
//!
//! # Why it is exact
//!
//! The stored bits are cut wherever one of the two magics stands, of a block or
//! of a trailer. A magic can also occur by chance inside a block (once in some
//! 2^48 bits), or be put there on purpose. So a piece that begins with a block's
//! magic is believed to be a block only if the decoder comes to its end exactly
//! where the piece ends, and with the right CRC; nothing of it is handed on
//! before. Otherwise the piece after it is joined to it, and the two are tried
//! as one block, until that is one or has become longer than a block can be.
//! What is handed on is thus what a decoder that begins at the file's start
//! gives: that one, too, takes a block to end where its data says so, and it
//! too compares the CRC. The trailers' CRCs over their streams are compared as
//! well, so that no block is lost or doubled.
//!
//! The format is described in Joe Tsai's "bzip2: Format Specification" (2016).

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bytes::Bytes;

use super::bz2_pieces::{
    BLOCK_STORED_BYTES_MAX, CRC_BITS, Cutter, HEADER_BITS, HEADER_MAGIC, Kind, MAGIC_BITS, Piece,
    level_of,
};
use super::codecs::codec;
use super::{Compression, Failure, Input, PIECE_BYTES};

/// A block's plain bytes are held until it is known to be one, unless they are
/// more than this: then it is decompressed once to know, and once again to hand
/// it on. (A block is 900 kB behind a run-length coding that can shrink its
/// input to a fiftieth.)
const BLOCK_PLAIN_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most threads for one file: each may hold a block, stored and plain.
const THREADS_MAX: usize = 16;
/// Blocks beyond one a thread that are cut, so that no thread waits for another.
/// (More threads than cores would be slower by half: a block's tables fill a
/// core's cache.)
const BLOCKS_WAITING: usize = 2;

/// A bzip2 file's plain bytes.
pub(crate) struct Bz2Blocks<I> {
    cutter: Cutter<I>,
    threads: usize,
    /// Where threads take blocks from; none before the first block.
    pool: Option<Sender<Work>>,
    /// Pieces in their order.
    queue: VecDeque<Job>,
    place: Place,
    streams: u64,
}

/// What the next piece must be.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// A stream's header, or the end of the file.
    Between,
    /// A block or the trailer of a stream, whose blocks so far have this CRC.
    Stream { level: u8, crc: u32 },
}

/// A piece, and what a thread makes of it if it is a block's.
struct Job {
    piece: Piece,
    made: Option<Receiver<Made>>,
}

/// A block for a thread.
struct Work {
    block: Piece,
    made: SyncSender<Made>,
}

/// What a thread says of a block.
enum Made {
    Plain(Bytes),
    /// All of it was handed on.
    Done,
    /// It is no block.
    Bad(String),
}

impl<I: Input> Bz2Blocks<I> {
    pub(crate) fn new(input: I) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self::with_threads(input, threads.min(THREADS_MAX))
    }

    pub(super) fn with_threads(input: I, threads: usize) -> Self {
        Self {
            cutter: Cutter::new(input),
            threads,
            pool: None,
            queue: VecDeque::new(),
            place: Place::Between,
            streams: 0,
        }
    }

    /// Has enough blocks worked on.
    fn top_up(&mut self) -> Result<(), Failure> {
        while self.queue.len() < self.threads + BLOCKS_WAITING {
            let Some(piece) = self.cutter.next_piece()? else {
                break;
            };
            let (job, work) = job(piece);
            if let Some(work) = work {
                let pool = match &self.pool {
                    Some(pool) => pool,
                    None => self.pool.insert(pool(self.threads)?),
                };
                // Threads that died are noticed where their results are missed.
                let _ = pool.send(work);
            }
            self.queue.push_back(job);
        }
        Ok(())
    }

    /// The piece at the queue's front is no block: joins it with the one after it.
    fn join(&mut self, what: String) -> Result<(), Failure> {
        let Some(mut first) = self.queue.pop_front() else {
            return Ok(());
        };
        let at = first.piece.start / 8;
        let second = match self.queue.pop_front() {
            Some(job) => Some(job.piece),
            None => self.cutter.next_piece()?,
        };
        let Some(second) = second else {
            return Err(Failure::data(
                first.piece.end / 8,
                format!("it ends inside the bzip2 block that begins at byte {at} ({what})"),
            ));
        };
        if (second.end - first.piece.start) / 8 > BLOCK_STORED_BYTES_MAX {
            return Err(Failure::data(
                at,
                format!("the bzip2 block that begins there is damaged ({what})"),
            ));
        }
        first.piece.join(&second);
        let (job, work) = job(first.piece);
        // In a thread of its own: all others may be busy with what comes later.
        work.map_or(Ok(()), |work| start(move || work.run()))?;
        self.queue.push_front(job);
        Ok(())
    }

    /// Reads what stands before a block: header, trailer, padding.
    fn pass_frame(&mut self, piece: &Piece) -> Result<(), Failure> {
        let damaged = |what: &str| Failure::data(piece.start / 8, what);
        let mut at = piece.start;
        match (piece.kind, self.place) {
            (Kind::Start, Place::Between) => {}
            (Kind::Trailer, Place::Stream { crc, .. }) => {
                at += MAGIC_BITS;
                let stored = piece.bits(at, CRC_BITS).ok_or_else(|| {
                    damaged("it ends inside its bzip2 data, in the trailer of a stream")
                })?;
                if stored != u64::from(crc) {
                    return Err(damaged(
                        "the CRC of a bzip2 stream is wrong: blocks are missing, or were changed",
                    ));
                }
                at = (at + CRC_BITS).next_multiple_of(8);
            }
            _ => {
                return Err(damaged(
                    "its bzip2 data is damaged: no header stands before a block",
                ));
            }
        }
        self.place = Place::Between;
        if self.streams > 0 {
            while piece.bits(at, 8) == Some(0) {
                at += 8;
            }
        }
        if at >= piece.end {
            return match self.streams {
                0 => Err(damaged("it is empty, and bzip2 data never is")),
                // The end of the file; a magic that follows has no header.
                _ => Ok(()),
            };
        }
        let header = piece.bits(at, HEADER_BITS).and_then(level_of);
        match header {
            Some(level) if at + HEADER_BITS == piece.end => {
                self.place = Place::Stream { level, crc: 0 };
                self.streams += 1;
                Ok(())
            }
            Some(_) => Err(Failure::data(
                at / 8 + HEADER_BITS / 8,
                "its bzip2 data is damaged: no block follows a stream's header",
            )),
            None if (1..4).any(|n| {
                at + 8 * n == piece.end
                    && piece.bits(at, 8 * n) == Some(HEADER_MAGIC >> (24 - 8 * n))
            }) =>
            {
                Err(Failure::data(
                    piece.end / 8,
                    "it ends inside its bzip2 data, in a header",
                ))
            }
            None if self.streams == 0 => Err(Failure::data(at / 8, "it is no bzip2 data")),
            None => Err(Failure::data(
                at / 8,
                "after the end of the bzip2 data follows something else",
            )),
        }
    }
}

impl<I: Input> Input for Bz2Blocks<I> {
    fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            self.top_up()?;
            let Some(job) = self.queue.front() else {
                return match self.place {
                    Place::Between => Ok(None),
                    Place::Stream { .. } => Err(Failure::data(
                        self.cutter.stored_bytes(),
                        "it ends inside its bzip2 data",
                    )),
                };
            };
            let Some(made) = &job.made else {
                if let Some(job) = self.queue.pop_front() {
                    self.pass_frame(&job.piece)?;
                }
                continue;
            };
            match made.recv() {
                Ok(Made::Plain(bytes)) => return Ok(Some(bytes)),
                Ok(Made::Done) => {
                    match &mut self.place {
                        Place::Stream { level, crc } if *level == job.piece.level => {
                            *crc = crc.rotate_left(1) ^ job.piece.crc();
                        }
                        _ => {
                            return Err(Failure::data(
                                job.piece.start / 8,
                                "its bzip2 data is damaged: no header stands before a block",
                            ));
                        }
                    }
                    self.queue.pop_front();
                }
                Ok(Made::Bad(what)) => self.join(what)?,
                Err(_) => {
                    return Err(Failure::Read(
                        "a thread that decompresses ended early".into(),
                    ));
                }
            }
        }
    }
}

/// A piece in the queue, and the work on it, if it looks like a block.
fn job(piece: Piece) -> (Job, Option<Work>) {
    if piece.kind != Kind::Block {
        return (Job { piece, made: None }, None);
    }
    // Room for a block of the usual size, so that its thread can go on.
    let (sender, made) = sync_channel(BLOCK_PLAIN_BYTES_MAX / PIECE_BYTES + 2);
    let block = piece.clone();
    let work = Work {
        block,
        made: sender,
    };
    let made = Some(made);
    (Job { piece, made }, Some(work))
}

/// Starts threads that take work, in its order, until there is no more.
fn pool(threads: usize) -> Result<Sender<Work>, Failure> {
    let (sender, works) = channel::<Work>();
    let works = Arc::new(Mutex::new(works));
    for _ in 0..threads.max(1) {
        let works = Arc::clone(&works);
        start(move || {
            loop {
                let work = works.lock().unwrap_or_else(PoisonError::into_inner).recv();
                match work {
                    Ok(work) => work.run(),
                    Err(_) => return,
                }
            }
        })?;
    }
    Ok(sender)
}

fn start(run: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let thread = thread::Builder::new().name("bzip2".into()).spawn(run);
    thread.map(drop).map_err(|e| Failure::Read(Box::new(e)))
}

impl Work {
    /// Sends what the block holds, if it is one. Nobody may listen any more: the
    /// file was given up then, and so is this.
    fn run(self) {
        let stream = self.block.as_stream();
        let mut held = Vec::new();
        let mut held_bytes = 0;
        let checked = decompress(&stream, |bytes| {
            held_bytes += bytes.len();
            if held_bytes <= BLOCK_PLAIN_BYTES_MAX {
                held.push(bytes);
            } else {
                held.clear();
            }
            true
        });
        if let Err(what) = checked {
            let _ = self.made.send(Made::Bad(what));
            return;
        }
        let send = |bytes| self.made.send(Made::Plain(bytes)).is_ok();
        let sent = if held_bytes <= BLOCK_PLAIN_BYTES_MAX {
            held.into_iter().all(send)
        } else {
            decompress(&stream, send).is_ok()
        };
        if sent {
            let _ = self.made.send(Made::Done);
        }
    }
}

/// Decompresses one whole stream, until `pass_on` wants no more.
fn decompress(stream: &[u8], mut pass_on: impl FnMut(Bytes) -> bool) -> Result<(), String> {
    let mut decoder = codec(Compression::Bzip2)?;
    let mut at = 0;
    loop {
        let mut out = vec![0; PIECE_BYTES];
        let mut filled = 0;
        let ended = loop {
            let step = decoder.step(&stream[at..], &mut out[filled..])?;
            at += step.consumed;
            filled += step.produced;
            if step.ended || filled == out.len() {
                break step.ended;
            }
            if step.consumed == 0 && step.produced == 0 {
                return Err("it has no end".into());
            }
        };
        out.truncate(filled);
        if filled > 0 && !pass_on(out.into()) {
            return Ok(());
        }
        if ended && at == stream.len() {
            return Ok(());
        }
        if ended {
            return Err("it ends too early".into());
        }
    }
}
