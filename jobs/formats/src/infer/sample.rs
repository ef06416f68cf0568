//! Which records inference looks at.

use serde::{Deserialize, Serialize};

use crate::record::ConfigError;

/// A share of records: more than 0, at most 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct SampleRatio(f64);

// It is never NaN.
impl Eq for SampleRatio {}

impl SampleRatio {
    /// All records.
    pub const ALL: Self = Self(1.0);

    /// This share of them.
    ///
    /// # Errors
    /// [`ConfigError::SampleRatio`] if it is none.
    pub fn new(ratio: f64) -> Result<Self, ConfigError> {
        if ratio > 0.0 && ratio <= 1.0 {
            Ok(Self(ratio))
        } else {
            Err(ConfigError::SampleRatio(ratio.to_string()))
        }
    }

    /// As a number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Default for SampleRatio {
    fn default() -> Self {
        Self::ALL
    }
}

impl TryFrom<f64> for SampleRatio {
    type Error = ConfigError;

    fn try_from(ratio: f64) -> Result<Self, ConfigError> {
        Self::new(ratio)
    }
}

impl From<SampleRatio> for f64 {
    fn from(ratio: SampleRatio) -> Self {
        ratio.0
    }
}

/// The most bytes of a record that its place in the sample depends on.
const SAMPLED_BYTES_MAX: usize = 256;

/// Whether a record is in the sample. That depends on its place in the file and its first bytes alone, so on nothing
/// that a split changes; and not on its place alone, so that the first records of many small files are not all in or
/// all out. (FNV-1a, with the finalizer of SplitMix64, as its high bits are compared.)
pub(crate) fn is_sampled(offset: u64, record: &[u8], ratio: SampleRatio) -> bool {
    const SEED: u64 = 0xCBF2_9CE4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    let head = record.get(..SAMPLED_BYTES_MAX).unwrap_or(record);
    let place = offset.to_le_bytes();
    let mut hash = SEED;
    for byte in place.iter().chain(head) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((hash ^ (hash >> 31)) as f64) < ratio.get() * (u64::MAX as f64)
}
