//! The samples of the pipelines are what their READMEs' commands make: generated data alone, and not too much of it.

use std::path::{Path, PathBuf};

use crate::folder::{Error, TRUTH_FILE};
use crate::{olist, songs, stocks};

/// A sample must be quick to clone.
const SAMPLE_BYTES_MAX: u64 = 200_000;

/// Every file below a folder, relative to it.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(folder).unwrap().to_path_buf());
            }
        }
    }
    files.sort();
    files
}

#[track_caller]
fn assert_sample<T>(pipeline: &str, generate: impl FnOnce(&Path) -> Result<T, Error>) {
    let pipelines = crate::crate_folder().join("../jobs/pipelines");
    let sample = pipelines.join(pipeline).join("sample");
    let fresh = tempfile::tempdir().unwrap();
    generate(fresh.path()).unwrap();
    let hint = format!("run the command in jobs/pipelines/{pipeline}/README.md");
    assert!(sample.join(TRUTH_FILE).is_file(), "no sample: {hint}");
    let files = files_below(&sample);
    assert_eq!(files, files_below(fresh.path()), "{hint}");
    let mut bytes = 0;
    for file in files {
        let kept = std::fs::read(sample.join(&file)).unwrap();
        bytes += kept.len() as u64;
        assert!(
            kept == std::fs::read(fresh.path().join(&file)).unwrap(),
            "{} differs: {hint}",
            file.display()
        );
    }
    assert!(bytes <= SAMPLE_BYTES_MAX, "{pipeline}: {bytes} bytes");
}

#[test]
fn the_sparkify_sample_is_what_its_readme_says() {
    assert_sample("sparkify", |folder| {
        let options = songs::Options {
            songs: 40,
            days: 8,
            events_a_day: 30,
            pretty_one_in: 8,
            seed: 2026,
        };
        songs::generate(&options, folder)
    });
}

#[test]
fn the_stocks_sample_is_what_its_readme_says() {
    assert_sample("stocks", |folder| {
        let options = stocks::Options {
            symbols: 3,
            days: 16,
            window: 5,
            seed: 2026,
        };
        stocks::generate(&options, folder)
    });
}

#[test]
fn the_olist_sample_is_what_its_readme_says() {
    assert_sample("olist", |folder| {
        let options = olist::Options {
            orders: 150,
            seed: 2026,
        };
        olist::generate(&options, folder)
    });
}
