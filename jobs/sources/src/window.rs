//! What a parser sees of a stream of chunks: each chunk in place, without a copy; only what spans two of them is put
//! together.

use bytes::Bytes;

/// How many bytes of a chunk are put behind the rest of the one before it at first: room for a record of usual size.
const JOIN_BYTES: usize = 16 * 1024;
/// Memory for joined bytes that is kept when a long record is done with.
const CARRY_BYTES_KEPT: usize = 1024 * 1024;

/// The bytes from the parser's position on, as far as they are there.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// The rest of earlier chunks, followed by the first `joined` bytes of `chunk`; empty if `chunk` is shown itself.
    carry: Vec<u8>,
    joined: usize,
    chunk: Bytes,
    /// Bytes at the start of what is shown that the parser is done with.
    at: usize,
    /// Whether there are no more chunks.
    end: bool,
}

impl Window {
    /// Forgets everything, and gives the last chunk back: another file begins.
    pub(crate) fn clear(&mut self) -> Bytes {
        self.carry.clear();
        self.carry.shrink_to(CARRY_BYTES_KEPT);
        (self.joined, self.at, self.end) = (0, 0, false);
        std::mem::take(&mut self.chunk)
    }

    /// The bytes to present, and whether the file ends with them.
    pub(crate) fn shown(&self) -> (&[u8], bool) {
        if self.carry.is_empty() {
            (&self.chunk[self.at..], self.end)
        } else {
            let all = self.joined == self.chunk.len();
            (&self.carry[self.at..], self.end && all)
        }
    }

    /// The parser is done with `bytes` of what was shown.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.at += bytes;
        let before = self.carry.len() - self.joined;
        if !self.carry.is_empty() && self.at >= before {
            self.at -= before;
            self.joined = 0;
            self.carry.clear();
            self.carry.shrink_to(CARRY_BYTES_KEPT);
        }
    }

    /// Shows at least `at_least` bytes, if they are there. `false`: another chunk is needed.
    pub(crate) fn show(&mut self, at_least: usize) -> bool {
        let missing = at_least.saturating_sub(self.shown().0.len());
        if missing > 0 && !self.carry.is_empty() {
            let rest = &self.chunk[self.joined..];
            let rest = &rest[..missing.max(JOIN_BYTES).min(rest.len())];
            self.carry.extend_from_slice(rest);
            self.joined += rest.len();
        }
        self.end || self.shown().0.len() >= at_least
    }

    /// Takes in the next chunk, and gives the one before it back. What was shown, and not consumed, is shown still.
    pub(crate) fn push(&mut self, chunk: Bytes) -> Bytes {
        if self.carry.is_empty() {
            self.carry.extend_from_slice(&self.chunk[self.at..]);
        } else {
            let rest = &self.chunk[self.joined..];
            self.carry.extend_from_slice(rest);
            self.carry.drain(..self.at);
        }
        (self.at, self.joined) = (0, 0);
        std::mem::replace(&mut self.chunk, chunk)
    }

    /// There are no more chunks.
    pub(crate) fn end(&mut self) {
        self.end = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A parser that takes what it likes, and asks for what it likes, sees the same bytes in the same order.
    #[test]
    fn every_byte_is_shown_once_and_in_order() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..2000 {
            let size = random.usize(..200_000);
            let data: Vec<u8> = (0..size).map(|_| random.u8(..)).collect();
            let largest = 1 << random.usize(1..18);
            let mut window = Window::default();
            let (mut pushed, mut taken) = (0, 0);
            loop {
                let at_least = random.usize(1..=largest);
                while !window.show(at_least) {
                    if pushed == size {
                        window.end();
                    } else {
                        let chunk = random.usize(1..=largest).min(size - pushed);
                        window.push(Bytes::copy_from_slice(&data[pushed..pushed + chunk]));
                        pushed += chunk;
                    }
                }
                let (shown, eof) = window.shown();
                assert!(eof || shown.len() >= at_least);
                assert!(shown == &data[taken..taken + shown.len()]);
                assert!(!eof || taken + shown.len() == size);
                if eof && shown.is_empty() {
                    break;
                }
                let bytes = if eof && random.bool() {
                    shown.len()
                } else {
                    random.usize(..=shown.len())
                };
                window.consume(bytes);
                taken += bytes;
            }
            assert_eq!(taken, size);
        }
    }
}
