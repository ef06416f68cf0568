//! The search for the next delimiter or line end, eight bytes at a time.
//!
//! Fields are mostly shorter than the 32 bytes at which a vector search begins to pay, so they are looked at in place;
//! a field that goes on longer is left to `memchr`.

use memchr::{memchr, memchr2};

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
/// Words looked at before the search is left to `memchr`.
const WORDS_MAX: usize = 5;

/// One of the two bytes that end a field without quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    bytes: (u8, u8),
    words: (u64, u64),
}

impl Pair {
    pub(super) fn new(one: u8, other: u8) -> Self {
        let spread = |byte| LOW_BITS * u64::from(byte);
        Self {
            bytes: (one, other),
            words: (spread(one), spread(other)),
        }
    }

    /// The first of the two at or after `from`.
    #[inline(always)]
    pub(super) fn find(self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        for _ in 0..WORDS_MAX {
            let Some(word) = word(bytes, at) else {
                break;
            };
            // Of each search the lowest hit is right, and so is the lowest of both.
            let found = zero_bytes(word ^ self.words.0) | zero_bytes(word ^ self.words.1);
            if found != 0 {
                return Some(at + (found.trailing_zeros() / 8) as usize);
            }
            at += 8;
        }
        self.find_far(bytes, at)
    }

    #[inline(never)]
    fn find_far(self, bytes: &[u8], from: usize) -> Option<usize> {
        memchr2(self.bytes.0, self.bytes.1, bytes.get(from..)?).map(|i| from + i)
    }
}

/// The first `byte` at or after `from`.
#[inline(always)]
pub(super) fn find(byte: u8, bytes: &[u8], from: usize) -> Option<usize> {
    let wanted = LOW_BITS * u64::from(byte);
    let mut at = from;
    for _ in 0..WORDS_MAX {
        let Some(word) = word(bytes, at) else {
            break;
        };
        let found = zero_bytes(word ^ wanted);
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    memchr(byte, bytes.get(at..)?).map(|i| at + i)
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let eight: &[u8; 8] = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*eight))
}

/// The high bit of the lowest byte that is zero ("Bit Twiddling Hacks", Sean Eron Anderson, "Determine if a word has a
/// zero byte"); bytes above it may be mistaken.
#[inline(always)]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_agree_with_the_obvious_ways() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..20_000 {
            let letters: &[u8] = b",\n\"\r-\x0B\x00\xAC\x8Aab";
            let common = random.u8(1..40);
            let bytes: Vec<u8> = (0..random.usize(..120))
                .map(|_| match random.u8(0..common) {
                    0 => letters[random.usize(..letters.len())],
                    _ => b'a',
                })
                .collect();
            let from = random.usize(..=bytes.len());
            let rest = bytes[from..].iter();
            let either = rest.clone().position(|b| matches!(b, b',' | b'\n'));
            assert_eq!(
                Pair::new(b',', b'\n').find(&bytes, from),
                either.map(|i| from + i)
            );
            let quote = rest.clone().position(|b| *b == b'"');
            assert_eq!(find(b'"', &bytes, from), quote.map(|i| from + i));
        }
    }
}
