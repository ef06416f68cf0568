//! Which commits the rows of each file come from, and which inputs those commits took in: what must go, and what must
//! be taken in again, when an input has changed.
//!
//! A file does not say which of its rows came from which input, only its commit says which inputs went into all of
//! its files. So an input is replaced with all that was taken in beside it: the files of each commit that took it in
//! leave the table, and every input of these commits is read again. A file that was made of others (an upsert, a
//! compaction) holds rows of the commits of all of them, and draws these in too.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use thiserror::Error;

use crate::log::{LogEntry, Mode};
use crate::snapshot::Snapshot;

/// Where the rows of a table's current files come from, since it was last overwritten.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    commits: BTreeMap<u64, Commit>,
    /// The commits whose rows a current file may hold, by its path.
    files: HashMap<String, Arc<BTreeSet<u64>>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Commit {
    mode: Mode,
    inputs: Vec<String>,
    /// The last version that took rows of this one out of the table, with a partition of theirs.
    dropped_by: Option<u64>,
}

/// What it takes to replace inputs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replacement {
    /// The files that leave the table, by path, sorted.
    pub remove: Vec<String>,
    /// The inputs to be taken in (again), those that have changed among them.
    pub retake: BTreeSet<String>,
}

/// Inputs of a table cannot be replaced: their rows are not what was read any more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "version {version} ({mode}) changed rows that came from the same files, and reading these again would undo that"
)]
pub struct NotReplaceable {
    /// The version that changed them.
    pub version: u64,
    /// What its commit did, in the log's word.
    pub mode: &'static str,
}

impl Mode {
    /// Whether the files that such a commit adds hold rows of those that it removes.
    fn keeps_rows_of_removed(self) -> bool {
        matches!(self, Mode::Upsert | Mode::Compact)
    }

    /// Whether its rows are those of its inputs, and no others.
    fn is_of_inputs(self) -> bool {
        matches!(
            self,
            Mode::Append | Mode::Overwrite | Mode::OverwritePartitions | Mode::Compact
        )
    }
}

impl History {
    /// Folds a log, oldest entry first.
    pub(crate) fn of(entries: &[LogEntry]) -> Self {
        let mut history = History::default();
        for entry in entries {
            history.add(entry);
        }
        history
    }

    fn add(&mut self, entry: &LogEntry) {
        if entry.mode == Mode::Overwrite {
            *self = History::default();
        }
        let mut from = BTreeSet::from([entry.version]);
        for path in &entry.remove {
            let Some(earlier) = self.files.remove(path) else {
                continue;
            };
            if entry.mode.keeps_rows_of_removed() {
                from.extend(earlier.iter());
            } else if entry.mode == Mode::OverwritePartitions {
                for version in earlier.iter() {
                    if let Some(commit) = self.commits.get_mut(version) {
                        commit.dropped_by = Some(entry.version);
                    }
                }
            }
        }
        let from = Arc::new(from);
        for file in &entry.add {
            self.files.insert(file.path.clone(), Arc::clone(&from));
        }
        let commit = Commit {
            mode: entry.mode,
            inputs: entry.inputs.iter().map(|i| i.path.clone()).collect(),
            dropped_by: None,
        };
        self.commits.insert(entry.version, commit);
    }
}

impl Snapshot {
    /// What leaves the table, and what is taken in again, so that nothing is left of what it took in of `changed`.
    ///
    /// # Errors
    /// [`NotReplaceable`] when rows would go that did not come from inputs alone.
    pub fn replacing(&self, changed: &BTreeSet<String>) -> Result<Replacement, NotReplaceable> {
        let history = &self.history;
        let mut took: HashMap<&str, Vec<u64>> = HashMap::new();
        for (version, commit) in &history.commits {
            for input in &commit.inputs {
                took.entry(input).or_default().push(*version);
            }
        }
        let mut retake = changed.clone();
        let mut versions: BTreeSet<u64> = BTreeSet::new();
        let mut remove: BTreeSet<&str> = BTreeSet::new();
        // Each round draws in more, or is the last.
        loop {
            let before = (retake.len(), versions.len(), remove.len());
            for input in &retake {
                versions.extend(took.get(input.as_str()).into_iter().flatten());
            }
            for (path, from) in &history.files {
                if !from.is_disjoint(&versions) {
                    remove.insert(path);
                    versions.extend(from.iter());
                }
            }
            for version in &versions {
                let commit = &history.commits[version];
                retake.extend(commit.inputs.iter().cloned());
            }
            if before == (retake.len(), versions.len(), remove.len()) {
                break;
            }
        }
        for version in versions {
            let commit = &history.commits[&version];
            let changed_by = match commit.dropped_by {
                None if commit.mode.is_of_inputs() => continue,
                dropped_by => dropped_by.unwrap_or(version),
            };
            let mode = history.commits.get(&changed_by).map(|commit| commit.mode);
            return Err(NotReplaceable {
                version: changed_by,
                mode: mode.map_or("", Mode::word),
            });
        }
        Ok(Replacement {
            remove: remove.into_iter().map(str::to_owned).collect(),
            retake,
        })
    }
}
