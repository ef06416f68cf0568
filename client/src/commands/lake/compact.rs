//! `headworks lake compact TABLE`: few large files instead of many small ones.

use headworks_lake::{CommitError, CompactReport, Compaction, Table};
use serde::Serialize;

use super::failure;
use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::output;
use crate::output::job::{JSON_VERSION, counted};
use crate::output::units::bytes;

#[derive(Debug, Serialize)]
struct CompactedJson<'a> {
    v: u32,
    table: &'a str,
    version: Option<u64>,
    rows: u64,
    files_before: u64,
    files_after: u64,
    bytes_before: u64,
    bytes_after: u64,
}

/// Compacts a table.
///
/// # Errors
/// When it cannot be read or written, or somebody else took one of the files out meanwhile.
pub(super) fn run(context: &Context, table: &Table, target_bytes: u64) -> Result<Exit, Failure> {
    let id = format!("compact-{}", uuid::Uuid::new_v4().simple());
    let mut wish = Compaction::new(id, now_unix_ms());
    wish.target_file_bytes = target_bytes;
    let done = table.compact(&wish).map_err(|error| match error {
        CommitError::NotCommitted { source, .. } => failure(source),
        other => Failure::failed(other.to_string()),
    })?;
    let name = table.location().table();
    if context.json() {
        output::json(&CompactedJson {
            v: JSON_VERSION,
            table: name,
            version: done.version,
            rows: done.rows,
            files_before: done.files_before,
            files_after: done.files_after,
            bytes_before: done.bytes_before,
            bytes_after: done.bytes_after,
        })?;
    } else {
        output::line(&text(name, &done))?;
    }
    Ok(Exit::Done)
}

fn now_unix_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

fn text(name: &str, done: &CompactReport) -> String {
    match done.version {
        None => format!("{name}: no small files that would make a larger one"),
        Some(version) => format!(
            "{name}, version {version}: {} of {} became {} of {}, with the same {}",
            counted(done.files_before, "file", "files"),
            bytes(done.bytes_before),
            counted(done.files_after, "file", "files"),
            bytes(done.bytes_after),
            counted(done.rows, "row", "rows"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_what_became_of_what() {
        let done = CompactReport {
            version: Some(4),
            files_before: 30,
            files_after: 2,
            rows: 1,
            bytes_before: 6_000_000,
            bytes_after: 5_000_000,
        };
        assert_eq!(
            text("t", &done),
            "t, version 4: 30 files of 6 MB became 2 files of 5 MB, with the same 1 row"
        );
        assert_eq!(
            text("t", &CompactReport::default()),
            "t: no small files that would make a larger one"
        );
    }
}
