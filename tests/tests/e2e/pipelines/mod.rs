//! The jobs of `jobs/pipelines` over generated and real data: on this machine's disk, and on two executors with
//! sources and lake in a bucket. What they write is compared, row by row, with what DuckDB makes of the same files.

mod olist;
mod sparkify;
mod stocks;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::compare::assert_same_as_duckdb;
use crate::support::place::model;
use crate::support::{Cluster, Lake, Place};

/// A job of the repository, and the variable that names the folder of its data.
struct Pipeline {
    name: &'static str,
    variable: &'static str,
}

impl Pipeline {
    fn folder(&self) -> PathBuf {
        let pipelines = headworks_tests::crate_folder().join("../jobs/pipelines");
        pipelines.join(self.name).canonicalize().unwrap()
    }

    fn job(&self) -> PathBuf {
        self.folder().join("job.yaml")
    }

    /// The folder of the generated sample, and its truth.
    fn sample(&self) -> (PathBuf, Value) {
        let sample = self.folder().join("sample");
        let truth = std::fs::read(sample.join("truth.json")).unwrap();
        (sample, serde_json::from_slice(&truth).unwrap())
    }

    /// Runs the job in one process over a folder, compares its lake with DuckDB's answer, and gives back its account.
    #[track_caller]
    fn run_and_compare(&self, place: &Place, data: &Path, lake: &Lake) -> Value {
        place.set_variable(self.variable, data.to_str().unwrap());
        let job = place.run(&self.job(), &["--set", &lake.setting()]).done();
        lake.audit();
        let rows = assert_same_as_duckdb(self.name, data, None, lake);
        assert_counts(&job, &rows);
        job
    }

    /// The same on two executors, with the data and the lake in a bucket each. Returns the account, and the lake as it
    /// was downloaded.
    #[track_caller]
    fn run_in_buckets_and_compare(&self, place: &Place, data: &Path) -> (Value, Lake) {
        let s3 = place.s3();
        s3.make_bucket("raw").unwrap();
        s3.make_bucket("lake").unwrap();
        let url = format!("s3://raw/{}", self.name);
        s3.put(data, &url).unwrap();
        place.set_variable(self.variable, &url);

        let cluster = Cluster::start(place, 2);
        let job = cluster
            .run(&self.job(), &["--set", "lake=s3://lake/here"])
            .done();
        assert_eq!(
            s3.uploads("s3://lake/").unwrap(),
            [],
            "an upload is left behind"
        );

        let lake = place.lake("downloaded");
        s3.get("s3://lake/here", lake.folder()).unwrap();
        lake.audit();
        let rows = assert_same_as_duckdb(self.name, data, Some(&url), &lake);
        assert_counts(&job, &rows);
        // Both executors, by their process ids, and both did something.
        let mut pids = Vec::new();
        for executor in job["executors"].as_array().unwrap() {
            assert!(executor["tasks"].as_u64().unwrap() > 0, "{job}");
            pids.push(executor["pid"].as_u64().unwrap());
        }
        pids.sort_unstable();
        assert_eq!(pids, cluster.executor_ids(), "{job}");
        (job, lake)
    }
}

/// That the account tells of the rows which the independent reader counts.
#[track_caller]
fn assert_counts(job: &Value, rows: &Value) {
    for (table, rows) in rows.as_object().unwrap() {
        assert_eq!(&model(job, table)["rows"], rows, "{table}");
    }
}

/// Copies the files below `from` that `wanted` names by their path relative to it. Returns how many.
fn copy_files(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) -> u64 {
    let mut copied = 0;
    let mut folders = vec![from.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let relative = path.strip_prefix(from).unwrap();
            if wanted(relative.to_str().unwrap()) {
                let target = to.join(relative);
                std::fs::create_dir_all(target.parent().unwrap()).unwrap();
                std::fs::copy(&path, target).unwrap();
                copied += 1;
            }
        }
    }
    copied
}
