//! `headworks lake log TABLE`: the commits of a table, the newest first.

use std::collections::HashMap;

use headworks_lake::{LogEntry, Table};
use serde::Serialize;

use super::failure;
use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::output;
use crate::output::table::{Align, Table as Columns};
use crate::output::units::{bytes, count};

/// A commit in short; the whole entry is the log's own file.
#[derive(Debug, Serialize)]
struct CommitJson<'a> {
    version: u64,
    commit_id: &'a str,
    job_id: &'a str,
    at: &'a str,
    mode: &'static str,
    files_added: usize,
    files_removed: usize,
    rows: u64,
    rows_removed: u64,
    bytes: u64,
    inputs: usize,
    job_failed: bool,
}

/// Prints a table's commits.
///
/// # Errors
/// When the log cannot be read.
pub(super) fn run(context: &Context, table: &Table) -> Result<Exit, Failure> {
    let log = table.log().map_err(failure)?;
    let newest_first = commits(&log);
    if context.json() {
        output::json(&newest_first)?;
    } else {
        output::data(&columns(&newest_first).render())?;
    }
    Ok(Exit::Done)
}

/// The newest first.
fn commits(log: &[LogEntry]) -> Vec<CommitJson<'_>> {
    let mut rows_of: HashMap<&str, u64> = HashMap::new();
    let mut found = Vec::with_capacity(log.len());
    for entry in log {
        let removed = entry.remove.iter();
        let rows_removed = removed
            .filter_map(|path| rows_of.remove(path.as_str()))
            .sum();
        rows_of.extend(entry.add.iter().map(|file| (file.path.as_str(), file.rows)));
        found.push(CommitJson {
            version: entry.version,
            commit_id: &entry.commit_id,
            job_id: &entry.job_id,
            at: &entry.at,
            mode: entry.mode.word(),
            files_added: entry.add.len(),
            files_removed: entry.remove.len(),
            rows: entry.rows(),
            rows_removed,
            bytes: entry.bytes(),
            inputs: entry.inputs.len(),
            job_failed: entry.job_failed,
        });
    }
    found.reverse();
    found
}

fn columns(commits: &[CommitJson<'_>]) -> Columns {
    let mut columns = Columns::new(&[
        ("VERSION", Align::Right),
        ("AT", Align::Left),
        ("MODE", Align::Left),
        ("JOB", Align::Left),
        ("ROWS", Align::Right),
        ("ROWS OUT", Align::Right),
        ("ADDED", Align::Right),
        ("REMOVED", Align::Right),
        ("SIZE", Align::Right),
        ("INPUTS", Align::Right),
    ]);
    for c in commits {
        columns.row(vec![
            c.version.to_string(),
            c.at.to_owned(),
            c.mode.to_owned(),
            if c.job_failed {
                format!("{} (failed)", c.job_id)
            } else {
                c.job_id.to_owned()
            },
            count(c.rows),
            count(c.rows_removed),
            count(c.files_added as u64),
            count(c.files_removed as u64),
            bytes(c.bytes),
            count(c.inputs as u64),
        ]);
    }
    columns
}
