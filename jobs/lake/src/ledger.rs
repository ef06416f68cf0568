//! The ledger: what became of each record of each input file, and the audit that refuses numbers which do not add
//! up.
//!
//! Reader, filter and writer each count for themselves; nothing here is computed from the others, so a record that
//! is lost between two of them shows.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The counts of one input, in records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InputCounts {
    /// Records that the reader found, bad ones too.
    pub read: u64,
    /// Records that reached the table.
    pub written: u64,
    /// Records that the SQL's predicate left out.
    pub filtered: u64,
    /// Records that were bad and dropped, since the job says so.
    pub dropped: u64,
    /// Records that were bad and are in quarantine.
    pub quarantined: u64,
}

impl InputCounts {
    /// Adds the counts of another part of the same input.
    pub fn add(&mut self, other: &InputCounts) {
        self.read += other.read;
        self.written += other.written;
        self.filtered += other.filtered;
        self.dropped += other.dropped;
        self.quarantined += other.quarantined;
    }

    /// True when every record that was read has gone somewhere.
    pub fn balanced(&self) -> bool {
        let parts = [self.written, self.filtered, self.dropped, self.quarantined];
        parts
            .iter()
            .try_fold(0_u64, |sum, part| sum.checked_add(*part))
            == Some(self.read)
    }
}

/// An input file in a log entry: what of it was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InputEntry {
    /// The file, as the source lists it.
    pub path: String,
    /// Its length in bytes when it was listed.
    pub size: u64,
    /// What tells this content from another under the same path; absent when the store has none.
    pub etag: Option<String>,
    /// The bytes that splits of this file covered, each once.
    pub bytes_covered: u64,
    /// The records.
    #[serde(flatten)]
    pub counts: InputCounts,
    /// The rows that the writer made of this file; it differs from `written` only where the SQL unnests.
    #[serde(default)]
    pub rows: u64,
}

/// Which rule the inputs of a commit must meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audit {
    /// A row-wise model: bytes are covered, records add up, and the rows of the files are those of the inputs.
    Records,
    /// A model that joins or aggregates, or that has no inputs of its own: bytes are covered.
    Coverage,
}

/// Numbers that do not add up. Nothing may be committed; the job must run again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AuditFailure {
    /// Records are missing or counted twice.
    #[error(
        "`{path}`: {} records read, but {} written + {} filtered + {} dropped + {} quarantined; the table is unchanged; run the job again",
        .counts.read, .counts.written, .counts.filtered, .counts.dropped, .counts.quarantined
    )]
    Records {
        /// The input file.
        path: String,
        /// The numbers.
        counts: InputCounts,
    },
    /// A part of the file was not read, or was read twice.
    #[error(
        "`{path}`: {bytes_covered} of {size} bytes were read; the table is unchanged; run the job again"
    )]
    Bytes {
        /// The input file.
        path: String,
        /// Its length in bytes.
        size: u64,
        /// What the splits covered.
        bytes_covered: u64,
    },
    /// An input is there twice.
    #[error("`{path}` is counted twice; the table is unchanged; run the job again")]
    Twice {
        /// The input file.
        path: String,
    },
    /// The files have other rows than the inputs gave.
    #[error(
        "the inputs gave {from_inputs} rows, the files have {in_files}; the table is unchanged; run the job again"
    )]
    Rows {
        /// Rows by the count of the splits.
        from_inputs: u64,
        /// Rows by the files' footers.
        in_files: u64,
    },
    /// A compaction has lost or doubled rows.
    #[error(
        "partition `{partition}`: the files that a compaction takes out have {before} rows, those that it adds \
         {after}; the table is unchanged; see whether `lake verify` finds the files sound"
    )]
    Compacted {
        /// The partition's folder; empty for a table without partitions.
        partition: String,
        /// Rows of the files that it takes out.
        before: u64,
        /// Rows of those that it adds.
        after: u64,
    },
}

/// Audits the inputs of a row-wise model: each file is covered from its first byte to its last, and
/// `read = written + filtered + dropped + quarantined`.
///
/// # Errors
/// [`AuditFailure`] names the first file that does not add up, with its numbers.
pub fn audit(inputs: &[InputEntry]) -> Result<(), AuditFailure> {
    audit_coverage(inputs)?;
    for input in inputs {
        if !input.counts.balanced() {
            return Err(AuditFailure::Records {
                path: input.path.clone(),
                counts: input.counts,
            });
        }
    }
    Ok(())
}

/// Audits the inputs of a model that joins or aggregates: each file is there once and covered whole.
///
/// # Errors
/// As [`audit`].
pub fn audit_coverage(inputs: &[InputEntry]) -> Result<(), AuditFailure> {
    let mut seen = HashSet::new();
    for input in inputs {
        if !seen.insert(input.path.as_str()) {
            return Err(AuditFailure::Twice {
                path: input.path.clone(),
            });
        }
        if input.bytes_covered != input.size {
            return Err(AuditFailure::Bytes {
                path: input.path.clone(),
                size: input.size,
                bytes_covered: input.bytes_covered,
            });
        }
    }
    Ok(())
}

/// Audits inputs by a rule, and the rows of the files (`in_files`) against those of the inputs.
///
/// # Errors
/// As [`audit`], and [`AuditFailure::Rows`].
pub fn audit_commit(rule: Audit, inputs: &[InputEntry], in_files: u64) -> Result<(), AuditFailure> {
    match rule {
        Audit::Coverage => audit_coverage(inputs),
        Audit::Records => {
            audit(inputs)?;
            let from_inputs = inputs.iter().map(|input| input.rows).sum();
            if from_inputs != in_files {
                return Err(AuditFailure::Rows {
                    from_inputs,
                    in_files,
                });
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(path: &str) -> InputEntry {
        let counts = InputCounts {
            read: 10,
            written: 6,
            filtered: 2,
            dropped: 1,
            quarantined: 1,
        };
        let etag = Some("e".to_string());
        InputEntry {
            path: path.into(),
            size: 99,
            etag,
            bytes_covered: 99,
            counts,
            rows: 6,
        }
    }

    #[test]
    fn numbers_that_add_up_pass() {
        audit(&[input("a"), input("b")]).unwrap();
        audit(&[]).unwrap();
        audit_commit(Audit::Records, &[input("a"), input("b")], 12).unwrap();
    }

    #[test]
    fn one_lost_row_is_refused_with_its_file_and_numbers() {
        for change in [
            |c: &mut InputCounts| c.written -= 1,
            |c: &mut InputCounts| c.read += 1,
            |c: &mut InputCounts| c.filtered += 1,
            |c: &mut InputCounts| c.dropped -= 1,
            |c: &mut InputCounts| c.quarantined = u64::MAX,
        ] {
            let mut bad = input("data/b.xml");
            change(&mut bad.counts);
            let failure = audit(&[input("a"), bad.clone()]).unwrap_err();
            assert_eq!(
                failure,
                AuditFailure::Records {
                    path: bad.path,
                    counts: bad.counts
                }
            );
        }
        let mut bad = input("data/b.xml");
        bad.counts.written = 5;
        assert_eq!(
            audit(&[bad]).unwrap_err().to_string(),
            "`data/b.xml`: 10 records read, but 5 written + 2 filtered + 1 dropped + 1 quarantined; \
             the table is unchanged; run the job again"
        );
    }

    #[test]
    fn bytes_missed_or_read_twice_are_refused() {
        for covered in [98, 100, 0] {
            let bad = InputEntry {
                bytes_covered: covered,
                ..input("b")
            };
            let failure = audit(&[input("a"), bad]).unwrap_err();
            let expected = AuditFailure::Bytes {
                path: "b".into(),
                size: 99,
                bytes_covered: covered,
            };
            assert_eq!(failure, expected);
        }
        let twice = audit_coverage(&[input("a"), input("a")]).unwrap_err();
        assert_eq!(twice, AuditFailure::Twice { path: "a".into() });
    }

    #[test]
    fn rows_in_files_are_held_against_rows_of_inputs() {
        let failure = audit_commit(Audit::Records, &[input("a")], 7).unwrap_err();
        assert_eq!(
            failure,
            AuditFailure::Rows {
                from_inputs: 6,
                in_files: 7
            }
        );
        audit_commit(Audit::Coverage, &[input("a")], 7).unwrap();
    }

    #[test]
    fn the_log_has_the_counts_beside_the_path() {
        let json = serde_json::to_string(&input("a")).unwrap();
        assert_eq!(
            json,
            r#"{"path":"a","size":99,"etag":"e","bytes_covered":99,"read":10,"written":6,"filtered":2,"dropped":1,"quarantined":1,"rows":6}"#
        );
        assert_eq!(
            serde_json::from_str::<InputEntry>(&json).unwrap(),
            input("a")
        );
    }
}
