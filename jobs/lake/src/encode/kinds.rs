//! The values that are encoded here, each as PLAIN pages and statistics have it.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use parquet::file::statistics::{Statistics, ValueStatistics};

use super::bounds::TextBounds;

/// The bytes of a length.
pub(super) const LENGTH_BYTES: usize = 4;

/// A physical type of Parquet.
pub(super) trait Kind {
    /// One value.
    type Value<'a>: Copy;
    /// The smallest and the largest of some.
    type Bounds: Default;

    /// Whether each value's length stands before it, in [`LENGTH_BYTES`].
    const HAS_LENGTHS: bool;

    /// The bytes of a value, its length left out.
    fn bytes(value: Self::Value<'_>) -> usize;
    /// A hash of a value.
    fn hash(value: Self::Value<'_>, state: &RandomState) -> u64;
    /// Whether a value has these bytes.
    fn is_same(value: Self::Value<'_>, bytes: &[u8]) -> bool;
    /// Adds a value to a page.
    fn push(value: Self::Value<'_>, page: &mut Vec<u8>);
    /// The value of these bytes, its own that were added.
    fn read(bytes: &[u8]) -> Self::Value<'_>;
    /// Makes room for a value between the bounds.
    fn widen(bounds: &mut Self::Bounds, value: Self::Value<'_>);
    /// The statistics of a chunk with so many NULLs. Texts of more than `length_max` bytes are cut.
    fn statistics(bounds: Self::Bounds, null_count: u64, length_max: Option<usize>) -> Statistics;
}

/// BYTE_ARRAY, in UTF-8.
pub(super) struct Texts;

impl Kind for Texts {
    type Value<'a> = &'a [u8];
    type Bounds = TextBounds;

    const HAS_LENGTHS: bool = true;

    #[inline]
    fn bytes(value: &[u8]) -> usize {
        value.len()
    }

    #[inline]
    fn hash(value: &[u8], state: &RandomState) -> u64 {
        let mut hasher = state.build_hasher();
        hasher.write(value);
        hasher.finish()
    }

    #[inline]
    fn is_same(value: &[u8], bytes: &[u8]) -> bool {
        value == bytes
    }

    #[inline]
    fn push(value: &[u8], page: &mut Vec<u8>) {
        page.extend_from_slice(&(value.len() as u32).to_le_bytes());
        page.extend_from_slice(value);
    }

    #[inline]
    fn read(bytes: &[u8]) -> &[u8] {
        bytes
    }

    #[inline]
    fn widen(bounds: &mut TextBounds, value: &[u8]) {
        bounds.add(value);
    }

    fn statistics(bounds: TextBounds, null_count: u64, length_max: Option<usize>) -> Statistics {
        bounds.statistics(null_count, length_max)
    }
}

/// INT32.
pub(super) struct Int32;
/// INT64.
pub(super) struct Int64;

macro_rules! whole_numbers {
    ($kind:ident, $number:ty) => {
        impl Kind for $kind {
            type Value<'a> = $number;
            type Bounds = Option<($number, $number)>;

            const HAS_LENGTHS: bool = false;

            #[inline]
            fn bytes(_: $number) -> usize {
                size_of::<$number>()
            }

            #[inline]
            fn hash(value: $number, state: &RandomState) -> u64 {
                state.hash_one(value)
            }

            #[inline]
            fn is_same(value: $number, bytes: &[u8]) -> bool {
                value.to_le_bytes() == bytes
            }

            #[inline]
            fn push(value: $number, page: &mut Vec<u8>) {
                page.extend_from_slice(&value.to_le_bytes());
            }

            #[inline]
            fn read(bytes: &[u8]) -> $number {
                bytes
                    .first_chunk()
                    .map_or(0, |bytes| <$number>::from_le_bytes(*bytes))
            }

            #[inline]
            fn widen(bounds: &mut Self::Bounds, value: $number) {
                let (min, max) = bounds.unwrap_or((value, value));
                *bounds = Some((min.min(value), max.max(value)));
            }

            fn statistics(bounds: Self::Bounds, null_count: u64, _: Option<usize>) -> Statistics {
                let (min, max) = bounds.unzip();
                let statistics = ValueStatistics::new(min, max, None, Some(null_count), false);
                // Old readers know the bounds of signed numbers under other names.
                Statistics::$kind(statistics.with_backwards_compatible_min_max(true))
            }
        }
    };
}

whole_numbers!(Int32, i32);
whole_numbers!(Int64, i64);
