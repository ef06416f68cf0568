//! The smallest and the largest text of a column chunk.

use std::cmp::Ordering;

use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// The bounds of the texts that were added, by their bytes.
#[derive(Default)]
pub(super) struct TextBounds {
    min: Option<Bound>,
    max: Option<Bound>,
}

struct Bound {
    /// The first eight bytes as a number, so that nearly all comparisons are one of numbers.
    head: u64,
    text: Vec<u8>,
}

impl TextBounds {
    /// Adds a text.
    #[inline]
    pub(super) fn add(&mut self, text: &[u8]) {
        let head = head(text);
        widen(&mut self.min, head, text, Ordering::Less);
        widen(&mut self.max, head, text, Ordering::Greater);
    }

    /// The statistics of a chunk with so many NULLs. Texts of more than `length_max` bytes are cut: then `min` is a
    /// lower and `max` an upper bound.
    pub(super) fn statistics(self, null_count: u64, length_max: Option<usize>) -> Statistics {
        let length_max = length_max.unwrap_or(usize::MAX);
        let [min, max] = [self.min, self.max].map(|bound| bound.map(|bound| bound.text));
        let lower = min.as_deref().and_then(|text| cut(text, length_max));
        let upper = max.as_deref().and_then(|text| raised(text, length_max));
        let (min_is_exact, max_is_exact) = (lower.is_none(), upper.is_none());
        let statistics = ValueStatistics::new(
            lower.or(min).map(ByteArray::from),
            upper.or(max).map(ByteArray::from),
            None,
            Some(null_count),
            false,
        );
        Statistics::ByteArray(
            statistics
                .with_min_is_exact(min_is_exact)
                .with_max_is_exact(max_is_exact),
        )
    }
}

/// Puts a text in a bound's place if it is on this side of it.
#[inline]
fn widen(bound: &mut Option<Bound>, head: u64, text: &[u8], side: Ordering) {
    match bound {
        None => {
            *bound = Some(Bound {
                head,
                text: text.to_vec(),
            });
        }
        Some(bound) => {
            let order = head.cmp(&bound.head);
            if order == side
                || (order == Ordering::Equal && text.cmp(bound.text.as_slice()) == side)
            {
                bound.head = head;
                bound.text.clear();
                bound.text.extend_from_slice(text);
            }
        }
    }
}

/// The first eight bytes, the first of them as the highest. What a shorter text lacks is zero.
#[inline]
fn head(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            bytes[..text.len()].copy_from_slice(text);
            u64::from_be_bytes(bytes)
        }
    }
}

/// The longest beginning of a longer text that has at most so many bytes and no half of a character.
fn cut(text: &[u8], length_max: usize) -> Option<Vec<u8>> {
    if text.len() <= length_max {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let end = text.floor_char_boundary(length_max);
    (end > 0).then(|| text.as_bytes()[..end].to_vec())
}

/// The same, with its last character that has a next one of the same length replaced by that, and cut after it: above
/// all texts that begin as this one does.
fn raised(text: &[u8], length_max: usize) -> Option<Vec<u8>> {
    let beginning = String::from_utf8(cut(text, length_max)?).ok()?;
    beginning.char_indices().rev().find_map(|(at, character)| {
        let next = char::from_u32(u32::from(character) + 1)?;
        (next.len_utf8() == character.len_utf8()).then(|| {
            let mut raised = beginning[..at].to_string();
            raised.push(next);
            raised.into_bytes()
        })
    })
}
