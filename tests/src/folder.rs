//! The folder that a generator fills: what an earlier run left there, and the truth beside the data.

use std::io;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

/// The file, beside the data, that holds the truth.
pub const TRUTH_FILE: &str = "truth.json";

/// Why nothing, or not everything, was generated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The options can't be met: correct them.
    #[error("{0}")]
    Options(String),
    /// The disk said no.
    #[error("cannot write {path}: {source}", path = path.display())]
    Io {
        /// What was being written.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: a failure to write `path`.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

/// Deletes the data files that the folder's `truth.json`, if it has one, names under `records_by_file`.
///
/// # Errors
/// [`Error::Io`] for a file that is there and can't be removed.
pub fn remove_earlier_run(folder: &Path) -> Result<(), Error> {
    let truth_path = folder.join(TRUTH_FILE);
    let Ok(text) = std::fs::read(&truth_path) else {
        return Ok(());
    };
    let earlier: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let Some(files) = earlier["records_by_file"].as_object() else {
        return Ok(());
    };
    // A path that leads out of the folder is none that a run wrote.
    let inside = |file: &&String| {
        Path::new(file)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
    };
    for path in files
        .keys()
        .filter(inside)
        .map(|file| folder.join(file))
        .chain([truth_path])
    {
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(Error::Io { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes the truth of a run as [`TRUTH_FILE`].
///
/// # Errors
/// [`Error::Io`] for a folder that can't be written.
pub fn write_truth(truth: &impl Serialize, folder: &Path) -> Result<(), Error> {
    let path = folder.join(TRUTH_FILE);
    std::fs::create_dir_all(folder).map_err(Error::at(&path))?;
    let mut text =
        serde_json::to_vec_pretty(truth).map_err(|error| Error::at(&path)(error.into()))?;
    text.push(b'\n');
    std::fs::write(&path, text).map_err(Error::at(&path))
}
