//! What is wrong with a job file: one message a fault, each with its place, so that an editor can jump to it.
//!
//! There is one kind of error, since there is one thing to do about it: correct the file (or the option) at the place
//! that is named. As many as can be found are collected before anything is returned.

use std::fmt;
use std::sync::Arc;

/// Where a piece of a job file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The file as the user named it, or the `--set` option as the user wrote it.
    pub(crate) origin: Arc<str>,
    /// Line from 1; 0 for a `--set` option or when only the file is known.
    pub(crate) line: u32,
    /// Column from 1, in characters.
    pub(crate) column: u32,
    /// From `--set`: its relative paths are relative to the working folder.
    pub(crate) is_override: bool,
}

impl Mark {
    /// An error at this place.
    pub(crate) fn error(&self, message: impl Into<String>) -> SpecError {
        SpecError {
            file: self.origin.to_string(),
            line: self.line,
            column: self.column,
            message: message.into(),
        }
    }
}

/// One fault of a job file, of a file that it names, or of a `--set` option. Shown as `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SpecError {
    /// The file as the user named it, or `--set key=value`.
    pub file: String,
    /// Line from 1; 0 when there is none to name.
    pub line: u32,
    /// Column from 1, in characters; 0 when there is none to name.
    pub column: u32,
    /// What was found, what is allowed, and the nearest known word.
    pub message: String,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}:{}: {}", self.file, self.column, self.message),
        }
    }
}

/// Every fault that was found, at least one, in the order of the job file, then those of the files it names. Shown as
/// one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SpecErrors {
    /// The faults.
    pub errors: Vec<SpecError>,
}

impl SpecErrors {
    /// Faults sorted by place, those of `first_file` before all others; a fault found twice stands once.
    pub(crate) fn sorted(mut errors: Vec<SpecError>, first_file: &str) -> Self {
        errors.sort_by(|a, b| {
            let key = |e: &SpecError| (e.file != first_file, e.file.clone(), e.line, e.column);
            key(a).cmp(&key(b))
        });
        errors.dedup();
        SpecErrors { errors }
    }
}

impl fmt::Display for SpecErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

/// Of `known`, the word nearest to `word`: at most a third of its letters wrong (at least one may be).
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let wrong_letters_max = (word.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
        if distance <= wrong_letters_max && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `; did you mean `x`?`, or a full stop when nothing is near.
pub(crate) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(word, known) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => ".".to_owned(),
    }
}

/// Words as a message lists them: `` `a`, `b` ``.
pub(crate) fn quoted_list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    if quoted.is_empty() {
        "none".to_owned()
    } else {
        quoted.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        let known = ["row_tag", "path", "partition_by", "format"];
        for (word, near) in [
            ("row_tags", Some("row_tag")),
            ("Row_Tag", Some("row_tag")),
            ("paht", Some("path")),
            ("partition", Some("partition_by")),
            ("x", None),
            ("colour", None),
        ] {
            assert_eq!(nearest(word, known), near, "{word}");
        }
    }

    #[test]
    fn faults_are_sorted_by_place_and_stand_once() {
        let at = |file: &str, line| SpecError {
            file: file.into(),
            line,
            column: 1,
            message: "x".into(),
        };
        let sorted = SpecErrors::sorted(
            vec![
                at("a.sql", 1),
                at("job.yaml", 10),
                at("job.yaml", 2),
                at("a.sql", 1),
            ],
            "job.yaml",
        );
        assert_eq!(
            sorted.to_string(),
            "job.yaml:2:1: x\njob.yaml:10:1: x\na.sql:1:1: x"
        );
    }
}
