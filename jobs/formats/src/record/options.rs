//! What a user may ask of the reader of any format: what becomes of what cannot be read, and the bounds.

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// What to do with a record that cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadRecord {
    /// Keep it, with its place and the reason, as a [`BadRecord`](super::BadRecord).
    #[default]
    Quarantine,
    /// Leave it out and count it.
    Drop,
    /// Stop with an error that names its byte. A split that began with a guess ([`Start::Guess`](super::Start)) cannot
    /// know that the record is one: it quarantines, and whoever audits the file fails it.
    Fail,
    /// It becomes a row that has its raw text in the option `corrupt_record_column`, and NULL in all others.
    /// (What belongs to no record, such as markup that never ends, is quarantined.)
    Keep,
}

/// What to do with a value that does not fit the type of its column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadValue {
    /// The whole record is bad, and [`OnBadRecord`] says what happens to it.
    #[default]
    Quarantine,
    /// The value becomes NULL, and is counted by path with an example.
    Null,
}

/// The bounds of the reader. None of them depends on the size of a file or of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// A record longer than this many bytes is bad, and is passed over without being held whole.
    pub record_bytes_max: usize,
    /// How far from its first byte a broken record, or one that holds an element with a row tag's name, may reach
    /// before it counts as never closed. At most `record_bytes_max`.
    pub recovery_bytes_max: usize,
    /// How many bytes of a bad record are kept in [`BadRecord::raw`](super::BadRecord::raw).
    pub raw_bytes_max: usize,
    /// Rows of a batch.
    pub batch_rows_max: usize,
    /// A batch ends after the record with which its input, or its fixed-width output, reaches this many bytes.
    pub batch_bytes_max: usize,
    /// How far past the end of a split to look for the first record of the next.
    pub sync_bytes_max: u64,
    /// Elements open at once inside a record, itself included.
    pub depth_max: usize,
    /// Paths that are not in the schema and are counted one by one; those beyond are counted together.
    pub unknown_paths_max: usize,
    /// How much an entity that the file declares may expand to: its text and those of the entities in it, each as often
    /// as it is referred to. What those of one record expand to counts towards `record_bytes_max`, too.
    pub entity_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_bytes_max: 64 << 20,
            recovery_bytes_max: 8 << 20,
            raw_bytes_max: 4 << 10,
            batch_rows_max: 8192,
            batch_bytes_max: 4 << 20,
            sync_bytes_max: 4 << 20,
            depth_max: 256,
            unknown_paths_max: 1000,
            entity_bytes_max: 64 << 10,
        }
    }
}

impl Limits {
    /// Whether they can be kept. `keeps_raw`: raw text of bad records is to stand in a column.
    ///
    /// # Errors
    /// The first that cannot.
    pub(crate) fn check(&self, keeps_raw: bool) -> Result<(), ConfigError> {
        let bounds = [
            ("record_bytes_max", self.record_bytes_max),
            ("recovery_bytes_max", self.recovery_bytes_max),
            ("batch_rows_max", self.batch_rows_max),
            ("batch_bytes_max", self.batch_bytes_max),
            ("depth_max", self.depth_max),
        ];
        for (name, value) in bounds {
            if value == 0 {
                return Err(ConfigError::Limit {
                    name,
                    value,
                    allowed: "at least 1",
                });
            }
        }
        if self.record_bytes_max > RECORD_BYTES_LARGEST {
            return Err(ConfigError::Limit {
                name: "record_bytes_max",
                value: self.record_bytes_max,
                allowed: "at most 1 GiB",
            });
        }
        if keeps_raw && self.raw_bytes_max > KEPT_BYTES_LARGEST {
            return Err(ConfigError::Limit {
                name: "raw_bytes_max",
                value: self.raw_bytes_max,
                allowed: "at most 256 MiB where there is a corrupt_record_column",
            });
        }
        Ok(())
    }
}

/// The largest `record_bytes_max`: the text of a batch must fit 32-bit offsets.
pub(crate) const RECORD_BYTES_LARGEST: usize = 1 << 30;
/// The largest `raw_bytes_max` where raw text is kept in a column: escaped, each byte may become four.
const KEPT_BYTES_LARGEST: usize = 1 << 28;
