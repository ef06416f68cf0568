//! Lists the files of a source: globs and plain paths on a local disk.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use glob::{MatchOptions, glob_with};

use crate::error::SourceError;
use crate::split::InputFile;

/// A `*` does not cross folders, `**` does; hidden files are left out, as are
/// those whose names begin with `_` (other programs' notes beside data).
const MATCH: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The files that match `patterns`, each once, sorted by path.
///
/// A pattern that is a folder stands for all files below it.
///
/// # Errors
/// [`SourceError::Configuration`] for a pattern that is malformed or matches
/// nothing, [`SourceError::Input`] for what cannot be read.
pub fn discover(source: &str, patterns: &[String]) -> Result<Vec<InputFile>, SourceError> {
    let mut found = BTreeMap::new();
    for pattern in patterns {
        let mut matched = false;
        for path in expand(source, pattern)? {
            let path = path.map_err(|e| SourceError::io(&e.path().to_string_lossy(), e.error()))?;
            let text = path.to_string_lossy().into_owned();
            let named_outright = text == *pattern;
            let hidden = path
                .file_name()
                .is_some_and(|n| n.to_string_lossy().starts_with('_'));
            if hidden && !named_outright {
                continue;
            }
            let meta = std::fs::metadata(&path).map_err(|e| SourceError::io(&text, &e))?;
            if !meta.is_file() {
                continue;
            }
            let modified = meta
                .modified()
                .ok()
                .and_then(|t| t.duration_since(UNIX_EPOCH).ok());
            let modified_ms =
                modified.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
            matched = true;
            found.insert(
                text.clone(),
                InputFile {
                    path: text,
                    size: meta.len(),
                    modified_ms,
                    etag: None,
                },
            );
        }
        if !matched {
            return Err(SourceError::Configuration(format!(
                "source `{source}`: no file matches {pattern}; check the path (it is relative to the job file's \
                 folder), and that `**` is used where folders lie between"
            )));
        }
    }
    Ok(found.into_values().collect())
}

fn expand(source: &str, pattern: &str) -> Result<glob::Paths, SourceError> {
    let is_folder = !pattern.contains(['*', '?', '[']) && std::path::Path::new(pattern).is_dir();
    let pattern = if is_folder {
        format!("{}/**/*", pattern.trim_end_matches('/'))
    } else {
        pattern.to_owned()
    };
    glob_with(&pattern, MATCH).map_err(|e| {
        SourceError::Configuration(format!(
            "source `{source}`: the pattern {pattern} is malformed at character {}: {}",
            e.pos, e.msg
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "a.xml",
            "b/c.xml",
            "b/_notes.xml",
            "b/.hidden.xml",
            "b/d/e.xml.gz",
            "b/d/f.txt",
        ] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        dir
    }

    fn names(dir: &tempfile::TempDir, patterns: &[&str]) -> Vec<String> {
        let patterns: Vec<String> = patterns
            .iter()
            .map(|p| format!("{}/{p}", dir.path().display()))
            .collect();
        let root = format!("{}/", dir.path().display());
        discover("s", &patterns)
            .unwrap()
            .into_iter()
            .map(|f| f.path.replace(&root, ""))
            .collect()
    }

    #[test]
    fn patterns_and_folders() {
        let dir = tree();
        assert_eq!(names(&dir, &["**/*.xml"]), ["a.xml", "b/c.xml"]);
        assert_eq!(names(&dir, &["*.xml"]), ["a.xml"]);
        assert_eq!(
            names(&dir, &["b"]),
            ["b/c.xml", "b/d/e.xml.gz", "b/d/f.txt"]
        );
        assert_eq!(names(&dir, &["a.xml", "*.xml"]), ["a.xml"]);
        assert_eq!(
            names(&dir, &["b/_notes.xml"]),
            ["b/_notes.xml"],
            "named outright, it is meant"
        );
    }

    #[test]
    fn no_match_says_so() {
        let dir = tree();
        let error = discover("awards", &[format!("{}/*.csv", dir.path().display())])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("source `awards`: no file matches") && error.contains("*.csv"),
            "{error}"
        );
    }
}
