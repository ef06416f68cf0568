//! Searches and comparisons on the hot path.
//!
//! Values and names are mostly shorter than the 32 bytes at which a call of a vector search begins to pay, so they are
//! looked at in place, eight or sixteen bytes at a time. The loops over longer stretches have no early exit inside a
//! block, which is what the compiler needs to make vectors of them.

use wide::u8x16;

use crate::values::is_space;

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
/// Bytes of a vector.
const VECTOR_BYTES: usize = 16;
/// Vectors looked at before the search goes on in blocks.
const VECTORS_MAX: usize = 4;
/// Bytes of a block. Fewer than 256, so that a block's hits can be counted in a byte.
const BLOCK_BYTES: usize = 64;

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let eight: &[u8; 8] = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*eight))
}

/// The first byte at or after `from` that is wanted, if it stands in one of the next vectors; else where the search is to
/// go on. `wanted` sets all bits of each byte that is.
#[inline(always)]
fn find_near(bytes: &[u8], from: usize, wanted: impl Fn(u8x16) -> u8x16) -> Result<usize, usize> {
    let mut at = from;
    for _ in 0..VECTORS_MAX {
        let Some(vector) = bytes.get(at..).and_then(<[u8]>::first_chunk) else {
            break;
        };
        let found = wanted(u8x16::new(*vector)).to_bitmask();
        if found != 0 {
            return Ok(at + found.trailing_zeros() as usize);
        }
        at += VECTOR_BYTES;
    }
    Err(at)
}

/// The first `<` at or after `from`.
#[inline(always)]
pub(crate) fn find_lt(bytes: &[u8], from: usize) -> Option<usize> {
    match find_near(bytes, from, |vector| vector.simd_eq(u8x16::splat(b'<'))) {
        Ok(at) => Some(at),
        Err(at) => find_lt_far(bytes, at),
    }
}

/// The first byte at or after `from` that ends an attribute's value or calls for a closer look at it: the quote, a
/// `<`, a `&`, or a control character.
#[inline(always)]
pub(crate) fn find_value_end(bytes: &[u8], from: usize, quote: u8) -> Option<usize> {
    let zero_bytes = |word: u64| word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS;
    let quotes = LOW_BITS * u64::from(quote);
    let mut at = from;
    while let Some(word) = word(bytes, at) {
        // The lowest byte that is zero after the exclusive or has its high bit set here ("Bit Twiddling Hacks", Sean
        // Eron Anderson, "Determine if a word has a zero byte"); only bytes above it can be mistaken. Of each search the
        // lowest hit is right, and so is the lowest of all.
        let control = word.wrapping_sub(LOW_BITS * 0x20) & !word & HIGH_BITS;
        let found = zero_bytes(word ^ quotes)
            | zero_bytes(word ^ (LOW_BITS * b'<' as u64))
            | zero_bytes(word ^ (LOW_BITS * b'&' as u64))
            | control;
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    let ends = |byte: &u8| *byte == quote || matches!(*byte, b'<' | b'&' | 0..0x20);
    rest.iter().position(ends).map(|i| at + i)
}

/// The first byte at or after `from` that ends a string of JSON or calls for a closer look at it: a quote, a backslash,
/// or a control character.
#[inline(always)]
pub(crate) fn find_string_end(bytes: &[u8], from: usize) -> Option<usize> {
    let ends = |vector: u8x16| {
        vector.simd_eq(u8x16::splat(b'"'))
            | vector.simd_eq(u8x16::splat(b'\\'))
            | vector.min(u8x16::splat(0x1F)).simd_eq(vector)
    };
    match find_near(bytes, from, ends) {
        Ok(at) => Some(at),
        Err(at) => find_string_end_far(bytes, at),
    }
}

#[inline(never)]
fn find_string_end_far(bytes: &[u8], from: usize) -> Option<usize> {
    let ends = |byte| u8::from(byte == b'"') | u8::from(byte == b'\\') | u8::from(byte < 0x20);
    find_in_blocks(bytes.get(from..)?, ends).map(|i| from + i)
}

#[inline(never)]
fn find_lt_far(bytes: &[u8], from: usize) -> Option<usize> {
    find_in_blocks(bytes.get(from..)?, |byte| u8::from(byte == b'<')).map(|i| from + i)
}

/// The first `&` or carriage return. (A byte for a truth value in the loops of blocks: with `bool` the compiler makes
/// no vectors, and the search runs at a thirtieth of the speed.)
pub(crate) fn find_special(bytes: &[u8]) -> Option<usize> {
    find_in_blocks(bytes, |byte| {
        u8::from(byte == b'&') | u8::from(byte == b'\r')
    })
}

#[inline(always)]
fn find_in_blocks(bytes: &[u8], wanted: impl Fn(u8) -> u8) -> Option<usize> {
    let mut at = 0;
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    for block in blocks {
        if block.iter().fold(0, |found, byte| found | wanted(*byte)) != 0 {
            return block
                .iter()
                .position(|byte| wanted(*byte) != 0)
                .map(|i| at + i);
        }
        at += BLOCK_BYTES;
    }
    rest.iter()
        .position(|byte| wanted(*byte) != 0)
        .map(|i| at + i)
}

/// How many line feeds there are.
pub(crate) fn count_newlines(bytes: &[u8]) -> u64 {
    let count = |block: &[u8]| {
        block
            .iter()
            .fold(0_u8, |count, byte| count + u8::from(*byte == b'\n'))
    };
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    blocks
        .iter()
        .map(|block| u64::from(count(block)))
        .sum::<u64>()
        + u64::from(count(rest))
}

/// The first byte at or after `from` that is not white space.
#[inline(always)]
pub(crate) fn skip_space(bytes: &[u8], from: usize) -> usize {
    const SPACES: u64 = LOW_BITS * b' ' as u64;
    let mut at = from;
    while bytes.get(at).is_some_and(|byte| is_space(*byte)) {
        at += 1;
        while word(bytes, at) == Some(SPACES) {
            at += 8;
        }
    }
    at
}

/// The first byte at or after `from` that is no digit.
#[inline(always)]
pub(crate) fn skip_digits(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(word) = word(bytes, at) {
        // A digit's low seven bits are at most 9 after this, and so are no other byte's without its high bit.
        let value = word ^ (LOW_BITS * b'0' as u64);
        let other = (((value & !HIGH_BITS) + LOW_BITS * 0x76) | value) & HIGH_BITS;
        if other != 0 {
            return at + (other.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// Whether `prefix` stands at `from`.
#[inline(always)]
pub(crate) fn stands_at(bytes: &[u8], from: usize, prefix: &[u8]) -> bool {
    let Some(found) = bytes.get(from..from + prefix.len()) else {
        return false;
    };
    match prefix.len() {
        // The first and the last bytes, which may overlap.
        17..=32 => same_ends::<16>(found, prefix),
        9..=16 => same_ends::<8>(found, prefix),
        4..=8 => same_ends::<4>(found, prefix),
        0..=3 => found.iter().zip(prefix).all(|(a, b)| a == b),
        _ => found.first_chunk::<8>() == prefix.first_chunk() && found == prefix,
    }
}

#[inline(always)]
fn same_ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_agree_with_the_obvious_ways() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..20_000 {
            let letters: &[u8] = b"<;= \n\x00\x80\xBCab&\r\"'\x1F\x9F\xA2\\\xDC/:09\xB0\xB9";
            let length = random.usize(..200);
            let common = random.u8(1..40);
            let mut bytes = vec![b'a'; length];
            for byte in &mut bytes {
                if random.u8(..common) == 0 {
                    *byte = letters[random.usize(..letters.len())];
                }
            }
            let from = random.usize(..=length);
            let rest = &bytes[from..];
            assert_eq!(
                find_lt(&bytes, from),
                rest.iter().position(|b| *b == b'<').map(|i| from + i)
            );
            for quote in [b'"', b'\''] {
                let ends = |b: &u8| *b == quote || matches!(*b, b'<' | b'&') || *b < b' ';
                assert_eq!(
                    find_value_end(&bytes, from, quote),
                    rest.iter().position(ends).map(|i| from + i)
                );
            }
            let ends = |b: &u8| matches!(*b, b'"' | b'\\') || *b < b' ';
            assert_eq!(
                find_string_end(&bytes, from),
                rest.iter().position(ends).map(|i| from + i)
            );
            let special = rest.iter().position(|b| matches!(b, b'&' | b'\r'));
            assert_eq!(find_special(rest), special);
            assert_eq!(
                count_newlines(rest),
                rest.iter().filter(|b| **b == b'\n').count() as u64
            );
            let space = rest.iter().take_while(|b| is_space(**b)).count();
            assert_eq!(skip_space(&bytes, from), from + space);
            let mut digits = bytes.clone();
            for byte in &mut digits {
                if random.u8(..8) > 0 {
                    *byte = b'0' + random.u8(..10);
                }
            }
            let count = digits[from..].iter().take_while(|b| b.is_ascii_digit());
            assert_eq!(skip_digits(&digits, from), from + count.count());
            let mut prefix = rest[..random.usize(..=rest.len())].to_vec();
            assert!(stands_at(&bytes, from, &prefix));
            if !prefix.is_empty() {
                let at = random.usize(..prefix.len());
                prefix[at] ^= 1;
                assert!(!stands_at(&bytes, from, &prefix));
            }
            prefix.extend([0; 70]);
            assert!(!stands_at(&bytes, from, &prefix));
        }
        assert_eq!(skip_space(&[b' '; 100], 3), 100);
    }
}
