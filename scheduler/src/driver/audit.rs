//! Whether the numbers add up: for every input file, each byte read once, and
//! each record written, filtered, dropped or in quarantine.
//!
//! Reader, filter, unnest and writer each count for themselves; nothing here
//! computes one count from the others and then calls the sum right.

use std::collections::{BTreeMap, BTreeSet};

use headworks_engine::api::{ScannedSplit, Wave, WaveResult};
use headworks_formats::{SplitReport, SyncKind};
use headworks_lake::{InputCounts, InputEntry};
use headworks_sources::InputFile;
use thiserror::Error;

/// What the waves so far said of one input file. Counts are in records,
/// except behind an unnest.
#[derive(Debug, Clone, Default)]
pub struct FileAccount {
    /// Bytes from the file's first that have been read, without a gap.
    pub covered: u64,
    /// The report of the last split, until the file's end is reached.
    pub last: Option<Box<SplitReport>>,
    /// Whether the file's end was reached.
    pub ended: bool,
    /// Records that the reader met.
    pub read: u64,
    /// Of these those that it passed on.
    pub emitted: u64,
    /// Of these those that it left out.
    pub dropped: u64,
    /// Of these those that it put into quarantine.
    pub quarantined: u64,
    /// Of those left out, the ones that the schema's contract does not allow.
    pub discarded: u64,
    /// The first record that could not be read: where, and what is wrong.
    pub first_bad: Option<String>,
    /// The first thing that the schema lacks: where, and an example.
    pub first_unknown: Option<String>,
    /// What a later part of the file says against its beginning, if anything.
    pub conflict: Option<String>,
    /// Rows that filters removed.
    pub filtered: u64,
    /// Records that the reader itself removed, by a filter that it was given.
    pub filtered_by_reader: u64,
    /// Rows that the writer wrote.
    pub written: u64,
    /// Records that went into an unnest.
    pub unnest_in: u64,
    /// Rows that came out of it.
    pub unnest_out: u64,
}

impl FileAccount {
    /// Records that reached the lake, and those that filters removed. With an
    /// unnest, a record has reached the lake when it went into it; the rows
    /// are counted apart.
    pub(super) fn records_written_and_filtered(&self, unnests: bool) -> (u64, u64) {
        if unnests {
            let before = self.emitted.saturating_sub(self.unnest_in);
            (self.unnest_in, before + self.filtered_by_reader)
        } else {
            (self.written, self.filtered + self.filtered_by_reader)
        }
    }
}

/// The numbers do not add up. The table is as it was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AuditFailure {
    /// The splits of a file leave a gap, or overlap.
    #[error("{path}: bytes 0 to {covered} are covered, but the next split begins at byte {start}")]
    Gap {
        /// The file.
        path: String,
        /// Covered up to here.
        covered: u64,
        /// The next split's start.
        start: u64,
    },
    /// A split was not read to its end.
    #[error(
        "{path}: bytes {start} to {end} were not read to their end (does the query stop early, with LIMIT?)"
    )]
    Unread {
        /// The file.
        path: String,
        /// The split's start.
        start: u64,
        /// The split's end.
        end: u64,
    },
    /// The first split did not begin at the file's beginning.
    #[error("{path}: its first split began at byte {start}, not at the file's beginning")]
    NoBeginning {
        /// The file.
        path: String,
        /// Where it began.
        start: u64,
    },
    /// The last split did not reach the file's end.
    #[error("{path}: its last split ended at byte {reached}, which is not the file's end")]
    NoEnd {
        /// The file.
        path: String,
        /// Where it ended.
        reached: u64,
    },
    /// Two runs over the same bytes said different things.
    #[error(
        "{path}: the split at byte {start} was proven to begin at byte {known}, now at byte {at}: did the file change?"
    )]
    Disagrees {
        /// The file.
        path: String,
        /// The split's start.
        start: u64,
        /// What the earlier run proved.
        known: u64,
        /// What this run says.
        at: u64,
    },
    /// A file of the source was not covered from its first byte to its last.
    #[error("{path}: {covered} of {size} bytes were read")]
    Uncovered {
        /// The file.
        path: String,
        /// Bytes covered.
        covered: u64,
        /// Its size.
        size: u64,
    },
    /// A file was read that is no input of the model.
    #[error("{path}: was read, but is no input of the model")]
    Unasked {
        /// The file.
        path: String,
    },
    /// A count came for a split that the wave does not have.
    #[error("{count} rows were {what} for split {split}, which the wave does not have")]
    UnknownSplit {
        /// The split's id.
        split: i32,
        /// "filtered", "written", ...
        what: &'static str,
        /// How many rows.
        count: u64,
    },
    /// The reader's own counts do not add up.
    #[error(
        "{path}: {read} records read, but {emitted} passed on + {filtered} filtered + {dropped} dropped + \
         {quarantined} quarantined = {}",
        emitted + filtered + dropped + quarantined
    )]
    Reader {
        /// The file.
        path: String,
        /// Records read.
        read: u64,
        /// Passed on.
        emitted: u64,
        /// Removed by a filter of the reader's.
        filtered: u64,
        /// Dropped.
        dropped: u64,
        /// In quarantine.
        quarantined: u64,
    },
    /// The counts of reader, filter and writer do not add up.
    #[error(
        "{path}: {read} records read, but {written} written + {filtered} filtered + {dropped} dropped + \
         {quarantined} quarantined = {}",
        written + filtered + dropped + quarantined
    )]
    Records {
        /// The file.
        path: String,
        /// Records read.
        read: u64,
        /// Written.
        written: u64,
        /// Filtered.
        filtered: u64,
        /// Dropped.
        dropped: u64,
        /// In quarantine.
        quarantined: u64,
    },
    /// The same, with an unnest between.
    #[error(
        "{path}: {emitted} records passed on, {unnest_in} into the unnest; {unnest_out} rows out of it, {written} \
         written; these leave {} to filters, which counted {filtered}",
        (i128::from(*emitted) - i128::from(*unnest_in)) + (i128::from(*unnest_out) - i128::from(*written))
    )]
    Unnest {
        /// The file.
        path: String,
        /// Records that the reader passed on.
        emitted: u64,
        /// Records into the unnest.
        unnest_in: u64,
        /// Rows out of it.
        unnest_out: u64,
        /// Rows written.
        written: u64,
        /// Rows that filters removed, before and behind it.
        filtered: u64,
    },
    /// A merge took in or gave other rows than there are.
    #[error("{expected} {what}, but {counted} were counted")]
    Merge {
        /// Which rows.
        what: &'static str,
        /// How many there are.
        expected: u64,
        /// How many were counted.
        counted: u64,
    },
    /// A merge named a file that the table does not have.
    #[error("a merge touches file {place} of the table, which has {files}")]
    NoSuchFile {
        /// Its place.
        place: u32,
        /// How many the table has.
        files: usize,
    },
    /// The data files hold another number of rows than the writers counted.
    #[error("the data files hold {in_files} rows, but {counted} were counted by {by}")]
    Rows {
        /// Rows of the files.
        in_files: u64,
        /// Rows counted.
        counted: u64,
        /// By whom.
        by: &'static str,
    },
}

/// The tag by which the ledger knows a file's content: the store's own if it
/// has one, else the time of its last change.
#[must_use]
pub(super) fn content_tag(file: &InputFile) -> Option<String> {
    Some(
        file.etag
            .clone()
            .unwrap_or_else(|| format!("mtime:{}", file.modified_ms)),
    )
}

/// The scans of a wave, one for each split. A source that a query names twice
/// is scanned twice; the scans of one split read the same bytes, so the first
/// stands for all. What the others wrote into quarantine comes back apart.
pub(super) fn one_scan_a_split(
    result: &WaveResult,
) -> (BTreeMap<i32, &ScannedSplit>, Vec<&ScannedSplit>) {
    let mut first = BTreeMap::new();
    let mut others = Vec::new();
    for scan in &result.scans {
        match first.entry(scan.split.id) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(scan);
            }
            std::collections::btree_map::Entry::Occupied(_) => others.push(scan),
        }
    }
    (first, others)
}

/// Adds a wave to the accounts of its files. `scans` holds one scan a split,
/// and the chain of the splits has been verified.
///
/// # Errors
/// If a count belongs to no split, or the rows of files and of writers differ.
pub(super) fn add_wave(
    accounts: &mut BTreeMap<(String, String), FileAccount>,
    wave: &Wave,
    result: &WaveResult,
    scans: &BTreeMap<i32, &ScannedSplit>,
    row_wise: bool,
) -> Result<(), AuditFailure> {
    let mut keys: BTreeMap<i32, (String, String)> = BTreeMap::new();
    for (source, splits) in &wave.splits {
        let mut splits: Vec<_> = splits.iter().collect();
        splits.sort_by_key(|s| (&s.path, s.start, s.end));
        for split in splits {
            let key = (source.clone(), split.path.clone());
            let account = accounts.entry(key.clone()).or_default();
            if let Some(scan) = scans.get(&split.id) {
                add_scan(account, split.end, scan);
            }
            keys.insert(split.id, key);
        }
    }
    let in_files: u64 = result.files.iter().map(|f| f.rows).sum();
    if in_files != result.rows {
        return Err(AuditFailure::Rows {
            in_files,
            counted: result.rows,
            by: "the writers",
        });
    }
    if !row_wise {
        return Ok(());
    }
    let by_split: u64 = result.written.values().sum();
    if by_split != in_files {
        return Err(AuditFailure::Rows {
            in_files,
            counted: by_split,
            by: "split",
        });
    }
    type Field = fn(&mut FileAccount) -> &mut u64;
    let counts: [(&BTreeMap<i32, u64>, &'static str, Field); 4] = [
        (&result.filtered, "filtered", |a| &mut a.filtered),
        (&result.written, "written", |a| &mut a.written),
        (&result.unnest_in, "put into an unnest", |a| {
            &mut a.unnest_in
        }),
        (&result.unnest_out, "made by an unnest", |a| {
            &mut a.unnest_out
        }),
    ];
    for (counts, what, field) in counts {
        for (&split, &count) in counts {
            match keys.get(&split).and_then(|key| accounts.get_mut(key)) {
                Some(account) => *field(account) += count,
                None if count == 0 => {}
                None => return Err(AuditFailure::UnknownSplit { split, what, count }),
            }
        }
    }
    Ok(())
}

fn add_scan(account: &mut FileAccount, end: u64, scan: &ScannedSplit) {
    let report = &scan.report;
    if account.first_bad.is_none() {
        account.first_bad.clone_from(&scan.first_bad);
    }
    if account.first_unknown.is_none() {
        account.first_unknown = first_unknown(report);
    }
    if account.conflict.is_none() {
        account.conflict = report.conflict.as_ref().map(ToString::to_string);
    }
    account.covered = end;
    account.ended = report.reached.kind == SyncKind::Eof;
    account.last = Some(Box::new(report.clone()));
    account.read += report.read;
    account.emitted += report.emitted;
    account.dropped += report.dropped;
    account.discarded += report.discarded_rows;
    account.quarantined += report.quarantined;
    account.filtered_by_reader += report.filtered;
}

/// Where a split first met something that the schema lacks.
fn first_unknown(report: &SplitReport) -> Option<String> {
    match report.first_unknown() {
        Some((path, count)) => Some(format!(
            "byte {}: the record holds `{path}`, which the schema lacks (`{}`)",
            count.record_offset, count.example
        )),
        None if report.unknown_more > 0 => Some(format!(
            "{} elements or attributes that the schema lacks",
            report.unknown_more
        )),
        None => None,
    }
}

/// The audit of a model: each input file covered to its last byte, and, for a
/// row-wise model, each of its records accounted for. Returns the entries of
/// the commit's log, sorted by path.
///
/// `inputs` are the files of those sources whose coverage is to be proven.
///
/// # Errors
/// The first file whose numbers do not add up.
pub(super) fn audit(
    inputs: &BTreeMap<String, Vec<InputFile>>,
    accounts: &BTreeMap<(String, String), FileAccount>,
    row_wise: bool,
    unnests: bool,
) -> Result<Vec<InputEntry>, AuditFailure> {
    let mut entries: BTreeMap<String, InputEntry> = BTreeMap::new();
    let nothing = FileAccount::default();
    for (source, files) in inputs {
        let mut listed = BTreeSet::new();
        for file in files {
            let account = accounts
                .get(&(source.clone(), file.path.clone()))
                .unwrap_or(&nothing);
            let entry = audit_file(file, account, row_wise, unnests)?;
            listed.insert(file.path.as_str());
            // A file that two sources name stands once in the ledger; the
            // counts are those of the first.
            entries.entry(file.path.clone()).or_insert(entry);
        }
        if let Some((_, path)) = accounts
            .keys()
            .find(|(s, path)| s == source && !listed.contains(path.as_str()))
        {
            return Err(AuditFailure::Unasked { path: path.clone() });
        }
    }
    Ok(entries.into_values().collect())
}

fn audit_file(
    file: &InputFile,
    account: &FileAccount,
    row_wise: bool,
    unnests: bool,
) -> Result<InputEntry, AuditFailure> {
    let path = file.path.clone();
    let FileAccount {
        covered,
        read,
        emitted,
        dropped,
        quarantined,
        filtered,
        filtered_by_reader,
        written,
        ..
    } = *account;
    if covered != file.size || !account.ended {
        return Err(AuditFailure::Uncovered {
            path,
            covered,
            size: file.size,
        });
    }
    if read != emitted + filtered_by_reader + dropped + quarantined {
        return Err(AuditFailure::Reader {
            path,
            read,
            emitted,
            filtered: filtered_by_reader,
            dropped,
            quarantined,
        });
    }
    if row_wise && unnests {
        let FileAccount {
            unnest_in,
            unnest_out,
            ..
        } = *account;
        // Filters before the unnest remove records, those behind it rows.
        let before = emitted.checked_sub(unnest_in);
        let behind = unnest_out.checked_sub(written);
        if before
            .zip(behind)
            .is_none_or(|(before, behind)| before + behind != filtered)
        {
            return Err(AuditFailure::Unnest {
                path,
                emitted,
                unnest_in,
                unnest_out,
                written,
                filtered,
            });
        }
    } else if row_wise && read != written + filtered + filtered_by_reader + dropped + quarantined {
        return Err(AuditFailure::Records {
            path,
            read,
            written,
            filtered: filtered + filtered_by_reader,
            dropped,
            quarantined,
        });
    }
    let mut counts = InputCounts {
        read,
        dropped,
        quarantined,
        ..InputCounts::default()
    };
    let mut rows = 0;
    if row_wise {
        (counts.written, counts.filtered) = account.records_written_and_filtered(unnests);
        rows = written;
    }
    Ok(InputEntry {
        path,
        size: file.size,
        etag: content_tag(file),
        bytes_covered: covered,
        counts,
        rows,
    })
}
