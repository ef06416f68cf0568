//! Whether bytes are UTF-8, looked at in stretches longer than a record.

/// How far ahead to look at once.
const LOOK_AHEAD_BYTES: usize = 32 << 10;

/// Remembers up to where a file is UTF-8, so that most records need no look at all.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// `[from, to)`, in offsets of the file, is UTF-8, and a character ends with it.
    from: u64,
    to: u64,
}

impl Checked {
    /// The first byte of `buf[..length]` that is no UTF-8. `buf` begins at the offset `base`, with a character.
    #[inline(always)]
    pub(super) fn invalid(&mut self, buf: &[u8], base: u64, length: usize) -> Option<usize> {
        if base >= self.from && base + length as u64 <= self.to {
            return None;
        }
        self.look(buf, base, length)
    }

    #[inline(never)]
    fn look(&mut self, buf: &[u8], base: u64, length: usize) -> Option<usize> {
        if base < self.from || base > self.to {
            (self.from, self.to) = (base, base);
        }
        let start = (self.to - base) as usize;
        let end = character_end(buf, length.max(start + LOOK_AHEAD_BYTES).min(buf.len()));
        let stretch = buf.get(start..end.max(length)).unwrap_or_default();
        if simdutf8::basic::from_utf8(stretch).is_ok() {
            self.to = base + (start + stretch.len()) as u64;
            return None;
        }
        let valid =
            start + simdutf8::compat::from_utf8(stretch).map_or_else(|e| e.valid_up_to(), str::len);
        self.to = base + valid as u64;
        (valid < length).then_some(valid)
    }
}

/// The last place at or before `end` at which a character ends, if the bytes are UTF-8.
fn character_end(bytes: &[u8], end: usize) -> usize {
    let mut at = end;
    // Back to the first byte of the last character, which may be cut off.
    while at > end.saturating_sub(4) {
        at -= 1;
        match bytes.get(at) {
            Some(0x80..0xC0) => {}
            Some(0xC0..) => return at,
            _ => return end,
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_what_a_look_at_each_record_finds() {
        let mut random = fastrand::Rng::with_seed(3);
        let pieces: &[&[u8]] = &[
            b"a",
            b" ",
            "é".as_bytes(),
            "\u{1D11E}".as_bytes(),
            "界".as_bytes(),
        ];
        let wrong: &[&[u8]] = &[b"\xFF", b"\xC3", b"\x80", b"\xED\xA0\x80", b"\xF0\x9D"];
        for round in 0..200 {
            let mut bytes = Vec::new();
            let mut records = Vec::new();
            while bytes.len() < 3 * LOOK_AHEAD_BYTES {
                let from = bytes.len();
                bytes.push(b'{');
                for _ in 0..random.usize(..3000) {
                    bytes.extend_from_slice(pieces[random.usize(..pieces.len())]);
                }
                if round % 2 == 0 && random.u8(..8) == 0 {
                    bytes.extend_from_slice(wrong[random.usize(..wrong.len())]);
                }
                bytes.push(b'}');
                records.push((from, bytes.len()));
            }
            let mut checked = Checked::default();
            for (from, to) in records {
                let record = &bytes[from..to];
                let expected = std::str::from_utf8(record).err().map(|e| e.valid_up_to());
                // Buffers end anywhere after the record.
                let until = random.usize(to..=bytes.len());
                let found = checked.invalid(&bytes[from..until], from as u64, to - from);
                assert_eq!(found, expected, "record at {from}");
            }
        }
    }
}
