//! Whole job files: what a good one becomes, and the exact message for each way to be wrong.

mod errors;
mod good;

use std::fs;
use std::path::Path;

use crate::{JobSpec, SpecErrors, parse_str};

/// A folder with files in it, and a job file's text loaded as if it stood there as `job.yaml`.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Folder(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn parse(&self, job: &str, overrides: &[&str]) -> Result<JobSpec, SpecErrors> {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        let env = |name: &str| (name == "DATA").then(|| "/data".to_owned());
        parse_str(job, Path::new("job.yaml"), self.path(), &overrides, &env)
    }
}
