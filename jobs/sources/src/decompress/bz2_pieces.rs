//! A bzip2 file as bits: where a magic stands in it, what lies between two of
//! them, and that as a stream of its own. See `bz2_blocks` for what it is for.

use super::{Failure, Input};

/// Opens a block.
pub(super) const BLOCK_MAGIC: u64 = 0x3141_5926_5359;
/// Opens a stream's trailer.
pub(super) const TRAILER_MAGIC: u64 = 0x1772_4538_5090;
/// Opens a stream: `BZh`; a digit follows.
pub(super) const HEADER_MAGIC: u64 = 0x0042_5A68;
/// Bits of a block's or trailer's magic.
pub(super) const MAGIC_BITS: u64 = 48;
/// Bits of a CRC.
pub(super) const CRC_BITS: u64 = 32;
/// Bits of a stream's header.
pub(super) const HEADER_BITS: u64 = 32;
/// No block is longer, in stored bytes: 900,000 symbols of 20 bits at most, and
/// tables.
pub(super) const BLOCK_STORED_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The digit of a stream's header.
pub(super) fn level_of(header: u64) -> Option<u8> {
    let level = (header & 0xFF) as u8;
    (header >> 8 == HEADER_MAGIC && (b'1'..=b'9').contains(&level)).then_some(level)
}

/// What a piece begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The file's start.
    Start,
    Block,
    Trailer,
}

/// The stored bits from one magic to the next. Offsets count bits of the file.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) start: u64,
    pub(super) end: u64,
    /// For a block: the digit of its stream's header.
    pub(super) level: u8,
    /// The bytes that hold these bits.
    bytes: Vec<u8>,
}

impl Piece {
    /// `count` bits, 64 at most, from a bit of the file on.
    pub(super) fn bits(&self, from: u64, count: u64) -> Option<u64> {
        if from < self.start || from + count > self.end {
            return None;
        }
        let skipped = self.start / 8 * 8;
        let bit = |at: u64| {
            let at = at - skipped;
            let byte = self.bytes.get((at / 8) as usize).copied().unwrap_or(0);
            u64::from(byte >> (7 - at % 8) & 1)
        };
        Some((from..from + count).fold(0, |bits, at| bits << 1 | bit(at)))
    }

    /// The CRC in a block's header.
    pub(super) fn crc(&self) -> u32 {
        self.bits(self.start + MAGIC_BITS, CRC_BITS).unwrap_or(0) as u32
    }

    /// A block as a stream of its own.
    pub(super) fn as_stream(&self) -> Vec<u8> {
        let shift = (self.start % 8) as u32;
        let count = self.end - self.start;
        let mut out = Vec::with_capacity(self.bytes.len() + 16);
        out.extend_from_slice(&[b'B', b'Z', b'h', self.level]);
        let whole = (count / 8) as usize;
        if shift == 0 {
            out.extend_from_slice(&self.bytes[..whole]);
        } else {
            out.extend(
                self.bytes
                    .windows(2)
                    .take(whole)
                    .map(|w| w[0] << shift | w[1] >> (8 - shift)),
            );
        }
        // The bits that are left, then the trailer, then zeros to a whole byte.
        let left = count % 8;
        let tail = self.bits(self.end - left, left).unwrap_or(0);
        let trailer = u128::from(TRAILER_MAGIC) << CRC_BITS | u128::from(self.crc());
        let bits = left + MAGIC_BITS + CRC_BITS;
        let all = (u128::from(tail) << (MAGIC_BITS + CRC_BITS) | trailer) << (128 - bits);
        out.extend_from_slice(&all.to_be_bytes()[..bits.div_ceil(8) as usize]);
        out
    }

    /// Takes in the piece that follows.
    pub(super) fn join(&mut self, next: &Piece) {
        // A byte that holds bits of both stands in both.
        if !self.end.is_multiple_of(8) {
            self.bytes.pop();
        }
        self.bytes.extend_from_slice(&next.bytes);
        self.end = next.end;
    }
}

/// Cuts stored bytes at every magic.
pub(super) struct Cutter<I> {
    input: I,
    input_ended: bool,
    /// Bytes from the one on in which the next piece starts.
    buffer: Vec<u8>,
    /// The file's offset of the buffer's first byte.
    base: u64,
    /// Bytes of the buffer that were searched.
    searched: usize,
    /// The piece that was begun: what opens it, and its first bit.
    open: Option<(Kind, u64)>,
    level: u8,
}

impl<I: Input> Cutter<I> {
    pub(super) fn new(input: I) -> Self {
        Self {
            input,
            input_ended: false,
            buffer: Vec::new(),
            base: 0,
            searched: 0,
            open: Some((Kind::Start, 0)),
            level: b'9',
        }
    }

    /// Bytes read so far.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.base + self.buffer.len() as u64
    }

    pub(super) fn next_piece(&mut self) -> Result<Option<Piece>, Failure> {
        let Some((kind, start)) = self.open else {
            return Ok(None);
        };
        loop {
            if let Some((next, at)) = self.search() {
                self.open = Some((next, at));
                return Ok(Some(self.cut(kind, start, at)));
            }
            if self.input_ended {
                self.open = None;
                return Ok(Some(self.cut(kind, start, self.stored_bytes() * 8)));
            }
            if self.stored_bytes() - start / 8 > BLOCK_STORED_BYTES_MAX {
                return Err(Failure::data(
                    start / 8,
                    match kind {
                        Kind::Start => "it is no bzip2 data",
                        Kind::Block => {
                            "the bzip2 block that begins there is damaged (it has no end)"
                        }
                        Kind::Trailer => "after the end of the bzip2 data follows something else",
                    },
                ));
            }
            match self.input.next()? {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None => self.input_ended = true,
            }
        }
    }

    /// The next magic in the buffer: what it opens, and its first bit.
    fn search(&mut self) -> Option<(Kind, u64)> {
        // `last` is the byte in which a magic ends; the one three before it is
        // wholly the magic's, wherever in `last` that ends.
        for last in self.searched.max(5)..self.buffer.len() {
            let shifts = SHIFTS[usize::from(self.buffer[last - 3])];
            if shifts == 0 {
                continue;
            }
            let bytes = &self.buffer[last.saturating_sub(6)..=last];
            let window = bytes.iter().fold(0, |w, b| w << 8 | u64::from(*b));
            for shift in (0..8).rev() {
                let end = 8 * (last as u64 + 1) - shift;
                let found = window >> shift & ((1 << MAGIC_BITS) - 1);
                let kind = match found {
                    BLOCK_MAGIC => Kind::Block,
                    TRAILER_MAGIC => Kind::Trailer,
                    _ => continue,
                };
                if let Some(start) = end.checked_sub(MAGIC_BITS) {
                    self.searched = last + 1;
                    return Some((kind, self.base * 8 + start));
                }
            }
        }
        self.searched = self.buffer.len();
        None
    }

    /// Takes the piece from the buffer.
    fn cut(&mut self, kind: Kind, start: u64, end: u64) -> Piece {
        let index = |byte: u64| (byte - self.base) as usize;
        let bytes = self.buffer[index(start / 8)..index(end.div_ceil(8))].to_vec();
        let drained = index(end / 8);
        self.buffer.drain(..drained);
        self.base += drained as u64;
        self.searched -= drained;
        let piece = Piece {
            kind,
            start,
            end,
            level: self.level,
            bytes,
        };
        if kind != Kind::Block
            && let Some(from) = end.checked_sub(HEADER_BITS)
            && let Some(level) = piece.bits(from, HEADER_BITS).and_then(level_of)
        {
            self.level = level;
        }
        piece
    }
}

/// For a byte that lies three before the one in which a magic ends: by how many
/// bits before that one's end this can be, a bit each.
const SHIFTS: [u8; 256] = {
    let mut shifts = [0; 256];
    let mut shift = 0;
    while shift < 8 {
        shifts[(BLOCK_MAGIC << shift >> 24 & 0xFF) as usize] |= 1 << shift;
        shifts[(TRAILER_MAGIC << shift >> 24 & 0xFF) as usize] |= 1 << shift;
        shift += 1;
    }
    shifts
};
