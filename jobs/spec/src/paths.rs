//! Paths of a job: what they are relative to, how they are shown, and the reading of the small files beside a job file.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use crate::error::{Mark, hint};

/// The folders that relative paths start from.
pub(crate) struct Folders {
    /// The job file's folder as the user named it; empty for a bare file name.
    pub(crate) job_shown: PathBuf,
    /// The job file's folder, absolute.
    pub(crate) job: PathBuf,
    /// The working folder, absolute: for what comes from `--set`.
    pub(crate) working: PathBuf,
}

impl Folders {
    /// The folders of a job file, named relative to the working folder or absolutely.
    pub(crate) fn of(job_file: &Path, working: &Path) -> Self {
        let job_shown = job_file.parent().unwrap_or(Path::new("")).to_owned();
        Folders {
            job: working.join(&job_shown),
            job_shown,
            working: working.to_owned(),
        }
    }

    /// A path absolute and without `.` and `..`; a URL as it is. `at` is where the path was written.
    pub(crate) fn absolute(&self, at: &Mark, path: &str) -> String {
        if is_url(path) {
            return path.to_owned();
        }
        let base = if at.is_override {
            &self.working
        } else {
            &self.job
        };
        let mut absolute = PathBuf::new();
        for part in base.join(path).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    absolute.pop();
                }
                part => absolute.push(part),
            }
        }
        absolute.to_string_lossy().into_owned()
    }

    /// A path as messages show it: as the user would name it from the working folder.
    pub(crate) fn shown(&self, at: &Mark, path: &str) -> String {
        let base = if at.is_override {
            Path::new("")
        } else {
            &self.job_shown
        };
        base.join(path).to_string_lossy().into_owned()
    }
}

/// Whether a path is a URL: a scheme and `://`.
pub(crate) fn is_url(path: &str) -> bool {
    path.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

/// The text of a file of at most `bytes_max` bytes, or why there is none: the rest of a sentence about the file.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> Result<String, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!("there is no such file{}", similar_files(path)));
        }
        Err(fault) => return Err(format!("it cannot be opened: {fault}.")),
    };
    let mut bytes = Vec::new();
    let read = file.take(bytes_max + 1).read_to_end(&mut bytes);
    read.map_err(|fault| format!("it cannot be read: {fault}."))?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("it is larger than {bytes_max} bytes."));
    }
    let text = String::from_utf8(bytes).map_err(|fault| {
        format!(
            "it is not UTF-8 at byte {}.",
            fault.utf8_error().valid_up_to()
        )
    })?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}

/// Points to a file of nearly that name and the same extension in the same folder.
fn similar_files(path: &Path) -> String {
    let entries = path.parent().and_then(|folder| folder.read_dir().ok());
    let mut names: Vec<String> = Vec::new();
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name();
        if Path::new(&name).extension() == path.extension() {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    hint(
        &path.file_name().unwrap_or_default().to_string_lossy(),
        names.iter().map(String::as_str),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_where_they_were_written() {
        let folders = Folders::of(Path::new("jobs/fpds/job.yaml"), Path::new("/home/me"));
        let mark = |is_override| Mark {
            origin: "x".into(),
            line: 1,
            column: 1,
            is_override,
        };
        for (path, in_file, in_set) in [
            ("./lake", "/home/me/jobs/fpds/lake", "/home/me/lake"),
            (
                "../data/**/*.xml",
                "/home/me/jobs/data/**/*.xml",
                "/home/data/**/*.xml",
            ),
            ("/abs/x", "/abs/x", "/abs/x"),
            (
                "s3://bucket/a/../b",
                "s3://bucket/a/../b",
                "s3://bucket/a/../b",
            ),
            ("file:///x", "file:///x", "file:///x"),
            ("a:b", "/home/me/jobs/fpds/a:b", "/home/me/a:b"),
        ] {
            assert_eq!(folders.absolute(&mark(false), path), in_file);
            assert_eq!(folders.absolute(&mark(true), path), in_set);
        }
        assert_eq!(folders.shown(&mark(false), "q.sql"), "jobs/fpds/q.sql");
        assert_eq!(folders.shown(&mark(true), "q.sql"), "q.sql");
        assert_eq!(
            Folders::of(Path::new("job.yaml"), Path::new("/w")).job,
            Path::new("/w")
        );
    }
}
