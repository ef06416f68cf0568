//! Whether the splits of a wave fit each other.
//!
//! A reader that begins in the middle of a file guesses that it stands
//! outside any record. The guess is believed only if the reader before it
//! ended where this one began; otherwise the wave runs again, and the split
//! begins at the place that is now known. After [`WAVE_RESTARTS_MAX`] such
//! runs all later splits of the file become one, which has nothing left to
//! guess: so the number of runs is bounded, and the result exact.

use std::collections::BTreeMap;

use headworks_engine::api::{ScannedSplit, Wave};
use headworks_formats::{Chain, Start, SyncKind, verify_chain};
use headworks_sources::SplitSpec;

use super::audit::{AuditFailure, FileAccount};

/// So many runs of one wave may each mend the first wrong guess of a file;
/// then the rest of the file is read as one split.
pub(super) const WAVE_RESTARTS_MAX: u32 = 3;

/// What the comparison of a wave's splits says.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Every split began where the one before it ended.
    Verified,
    /// Some did not: this is the wave to run next.
    Restart {
        /// With known starts, or merged splits.
        wave: Wave,
        /// Which split, for the log.
        reason: String,
    },
}

/// The first wrong guess of a file.
struct Wrong {
    id: i32,
    known_start: u64,
}

/// Compares each split's start with the end of the one before it: those of
/// earlier waves stand in `accounts`, those of this wave in `scans`, by split
/// id. `restarts` counts the runs of this wave that this function has asked for.
///
/// # Errors
/// If the splits leave a gap or overlap, one of them was not read, or a start
/// that was proven right is now wrong: running again would not help.
pub(super) fn judge(
    wave: &Wave,
    accounts: &BTreeMap<(String, String), FileAccount>,
    scans: &BTreeMap<i32, &ScannedSplit>,
    restarts: u32,
) -> Result<Verdict, AuditFailure> {
    let mut wrong: Vec<(String, String, Wrong)> = Vec::new();
    for (source, splits) in &wave.splits {
        for (path, splits) in by_file(splits) {
            let account = accounts.get(&(source.clone(), path.clone()));
            if let Some(first_wrong) = judge_file(&path, &splits, account, scans)? {
                wrong.push((source.clone(), path, first_wrong));
            }
        }
    }
    let Some((_, path, first)) = wrong.first() else {
        return Ok(Verdict::Verified);
    };
    let merges = restarts >= WAVE_RESTARTS_MAX;
    let reason = format!(
        "{path}: a split began inside a record or other markup; it begins at byte {} in the next run{}",
        first.known_start,
        if merges {
            ", and reads all that the wave has left of the file"
        } else {
            ""
        },
    );
    let mut next = wave.clone();
    for (source, path, wrong) in &wrong {
        if let Some(splits) = next.splits.get_mut(source) {
            mend(splits, path, wrong, merges);
        }
    }
    Ok(Verdict::Restart { wave: next, reason })
}

fn by_file(splits: &[SplitSpec]) -> BTreeMap<String, Vec<&SplitSpec>> {
    let mut files: BTreeMap<String, Vec<&SplitSpec>> = BTreeMap::new();
    for split in splits {
        files.entry(split.path.clone()).or_default().push(split);
    }
    for splits in files.values_mut() {
        splits.sort_by_key(|s| (s.start, s.end));
    }
    files
}

fn judge_file(
    path: &str,
    splits: &[&SplitSpec],
    account: Option<&FileAccount>,
    scans: &BTreeMap<i32, &ScannedSplit>,
) -> Result<Option<Wrong>, AuditFailure> {
    let mut covered = account.map_or(0, |a| a.covered);
    let mut before = account.and_then(|a| a.last.as_deref());
    for split in splits {
        if split.start != covered || split.end < split.start {
            return Err(AuditFailure::Gap {
                path: path.to_owned(),
                covered,
                start: split.start,
            });
        }
        let Some(scan) = scans.get(&split.id) else {
            return Err(AuditFailure::Unread {
                path: path.to_owned(),
                start: split.start,
                end: split.end,
            });
        };
        if !scan.report.done {
            return Err(AuditFailure::Unread {
                path: path.to_owned(),
                start: split.start,
                end: split.end,
            });
        }
        match before {
            None if scan.report.assumed != Start::File => {
                return Err(AuditFailure::NoBeginning {
                    path: path.to_owned(),
                    start: scan.report.assumed.offset(),
                });
            }
            None => {}
            Some(before) => {
                if let Chain::RestartAt(at) = verify_chain(before, &scan.report) {
                    return match split.known_start {
                        Some(known) => Err(AuditFailure::Disagrees {
                            path: path.to_owned(),
                            start: split.start,
                            known,
                            at,
                        }),
                        None => Ok(Some(Wrong {
                            id: split.id,
                            known_start: at,
                        })),
                    };
                }
            }
        }
        if split.is_last() && scan.report.reached.kind != SyncKind::Eof {
            return Err(AuditFailure::NoEnd {
                path: path.to_owned(),
                reached: scan.report.reached.offset,
            });
        }
        covered = split.end;
        before = Some(&scan.report);
    }
    Ok(None)
}

/// Gives the split its known start; with `merges`, and all later bytes of the
/// file in this wave.
fn mend(splits: &mut Vec<SplitSpec>, path: &str, wrong: &Wrong, merges: bool) {
    let Some(from) = splits.iter().find(|s| s.id == wrong.id).map(|s| s.start) else {
        return;
    };
    let end = splits
        .iter()
        .filter(|s| s.path == path)
        .map(|s| s.end)
        .max()
        .unwrap_or(from);
    for split in splits.iter_mut().filter(|s| s.id == wrong.id) {
        split.known_start = Some(wrong.known_start);
        if merges {
            split.end = end;
        }
    }
    if merges {
        splits.retain(|s| s.path != path || s.start <= from || s.id == wrong.id);
    }
}
