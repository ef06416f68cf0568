//! What the user should hear of though nothing failed: elements that the
//! schema lacks, values that were set to NULL, each once, with a count and an
//! example.

use std::collections::BTreeMap;

use headworks_formats::xml::{PathCount, SplitReport};

/// So many different paths are kept for a job.
const PATHS_MAX: usize = 200;
/// So many lines are shown.
const LINES_MAX: usize = 50;
/// So many lines that are no counts are kept.
const NOTES_MAX: usize = 50;

/// What a count is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Unknown,
    BadValue,
}

/// A count, and the file of which its first record and its example are.
#[derive(Debug, Clone)]
struct Met {
    file: String,
    count: PathCount,
}

/// Counts by kind, source and path, bounded.
#[derive(Debug, Clone, Default)]
pub struct Warnings {
    counts: BTreeMap<(Kind, String, String), Met>,
    /// Occurrences on paths beyond the bound, by source.
    more: BTreeMap<String, u64>,
    notes: Vec<String>,
}

impl Warnings {
    /// Adds what the report of a split of `file` says of `source`. Splits come in the order of their files and places.
    pub fn add_report(&mut self, source: &str, file: &str, report: &SplitReport) {
        for (path, count) in &report.unknown {
            self.add((Kind::Unknown, source, path), file, count);
        }
        for (path, count) in &report.bad_values {
            self.add((Kind::BadValue, source, path), file, count);
        }
        if report.unknown_more > 0 {
            *self.more.entry(source.to_owned()).or_default() += report.unknown_more;
        }
    }

    /// Adds a line of its own.
    pub fn note(&mut self, line: String) {
        if self.notes.len() < NOTES_MAX && !self.notes.contains(&line) {
            self.notes.push(line);
        }
    }

    /// Takes over the warnings of a model. Two models that read one source
    /// see the same elements: the larger count stands, not the sum.
    pub fn merge(&mut self, model: Warnings) {
        for (key, met) in model.counts {
            if let Some(mine) = self.counts.get_mut(&key) {
                if met.count.count > mine.count.count {
                    *mine = met;
                }
            } else if self.counts.len() < PATHS_MAX {
                self.counts.insert(key, met);
            }
        }
        for (source, more) in model.more {
            let mine = self.more.entry(source).or_default();
            *mine = (*mine).max(more);
        }
        for line in model.notes {
            self.note(line);
        }
    }

    /// One line each, notes first, then those counted most.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.notes.clone();
        let mut counts: Vec<_> = self.counts.iter().collect();
        counts.sort_by_key(|((kind, source, path), met)| {
            (*kind, std::cmp::Reverse(met.count.count), source, path)
        });
        let hidden = counts.len().saturating_sub(LINES_MAX);
        for ((kind, source, path), Met { file, count }) in counts.into_iter().take(LINES_MAX) {
            let what = match kind {
                Kind::Unknown => "is not in the schema and was not read",
                Kind::BadValue => "does not fit its column and became NULL",
            };
            lines.push(format!(
                "source `{source}`: `{path}` {what}: {} times, first in {file}, in the record at byte {}, for example \
                 `{}`",
                count.count, count.record_offset, count.example
            ));
        }
        if hidden > 0 {
            lines.push(format!("and {hidden} more paths of this kind"));
        }
        for (source, more) in &self.more {
            lines.push(format!(
                "source `{source}`: {more} more elements on paths that are not in the schema"
            ));
        }
        lines
    }

    fn add(&mut self, of: (Kind, &str, &str), file: &str, count: &PathCount) {
        let (kind, source, path) = of;
        let key = (kind, source.to_owned(), path.to_owned());
        if let Some(mine) = self.counts.get_mut(&key) {
            mine.count.count += count.count;
        } else if self.counts.len() < PATHS_MAX {
            let met = Met {
                file: file.to_owned(),
                count: count.clone(),
            };
            self.counts.insert(key, met);
        } else {
            *self.more.entry(source.to_owned()).or_default() += count.count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::reports;

    fn unknown(paths: &[(&str, u64)]) -> SplitReport {
        let mut report = reports::whole_file(100, 1);
        for (path, count) in paths {
            let count = PathCount {
                count: *count,
                record_offset: 7,
                example: "x".into(),
            };
            report.unknown.insert((*path).to_owned(), count);
        }
        report
    }

    #[test]
    fn splits_add_up_and_models_do_not() {
        let mut one = Warnings::default();
        one.add_report("s", "a.xml", &unknown(&[("a/b", 2), ("c", 1)]));
        one.add_report("s", "b.xml", &unknown(&[("a/b", 3)]));
        let mut two = Warnings::default();
        two.add_report("s", "b.xml", &unknown(&[("a/b", 4)]));
        let mut job = Warnings::default();
        job.merge(one);
        job.merge(two);
        assert_eq!(
            job.lines()[0],
            "source `s`: `a/b` is not in the schema and was not read: 5 times, first in a.xml, in the \
             record at byte 7, for example `x`"
        );
        assert_eq!(job.lines().len(), 2);
    }

    #[test]
    fn paths_are_bounded_and_the_rest_is_counted() {
        let mut warnings = Warnings::default();
        for i in 0..1000 {
            warnings.add_report("s", "b.xml", &unknown(&[(&format!("p{i:04}"), 1)]));
        }
        let lines = warnings.lines();
        assert_eq!(lines.len(), LINES_MAX + 2);
        assert!(
            lines[LINES_MAX].contains("150 more paths"),
            "{}",
            lines[LINES_MAX]
        );
        assert!(
            lines[LINES_MAX + 1].contains("800 more elements"),
            "{}",
            lines[LINES_MAX + 1]
        );
    }
}
