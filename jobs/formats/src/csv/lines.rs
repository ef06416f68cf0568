//! The lines of bad records.
//!
//! Most records need no line of their own, and to count line ends in much at once is cheap: so they are counted when the
//! caller's buffer is done with, and before that only from one bad record to the next.

use memchr::memchr_iter;

use crate::bytes::count_newlines;

/// The caller's buffer: `bytes` begin at the offset `base`, and the file ends with them if `eof`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buffer<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) base: u64,
    pub(super) eof: bool,
}

impl<'a> Buffer<'a> {
    /// The bytes from an offset on.
    pub(super) fn from(self, at: u64) -> &'a [u8] {
        self.bytes
            .get((at - self.base) as usize..)
            .unwrap_or_default()
    }
}

/// Counts line ends.
#[derive(Debug)]
pub(super) struct Lines {
    /// The last byte of a line end.
    pub(super) line_end: u8,
    /// Up to where they are counted.
    counted: u64,
    /// A place near the one that was asked for last, and the line ends before it in the split.
    near: (u64, u64),
}

impl Lines {
    /// Nothing is counted before `start`.
    pub(super) fn new(start: u64) -> Self {
        Self {
            line_end: b'\n',
            counted: start,
            near: (start, 0),
        }
    }

    /// Counts up to the offset `to`: those before the split's end and those past it, each on its own.
    pub(super) fn count(
        &mut self,
        buffer: Buffer<'_>,
        to: u64,
        end: u64,
        (inside, past_end): (&mut u64, &mut u64),
    ) {
        let middle = to.min(end.max(self.counted));
        *inside += self.between(buffer, self.counted, middle);
        *past_end += self.between(buffer, middle, to);
        self.counted = to;
        self.near = (to, *inside);
    }

    /// How many stand in the split before a place in the buffer.
    pub(super) fn before(&mut self, buffer: Buffer<'_>, offset: u64) -> u64 {
        let (at, line) = self.near;
        let line = if at <= offset {
            line + self.between(buffer, at, offset)
        } else {
            line - self.between(buffer, offset, at)
        };
        self.near = (offset, line);
        line
    }

    fn between(&self, buffer: Buffer<'_>, from: u64, to: u64) -> u64 {
        let bytes = buffer.from(from);
        let bytes = bytes.get(..(to - from) as usize).unwrap_or(bytes);
        match self.line_end {
            b'\n' => count_newlines(bytes),
            other => memchr_iter(other, bytes).count() as u64,
        }
    }
}
