//! `headworks lake gc`: removes the hidden temporaries that dead processes
//! left and no commit names. Visible files are never touched.

use std::time::{Duration, SystemTime};

use headworks_lake::{GcReport, Table};
use serde::Serialize;

use super::failure;
use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::output;
use crate::output::table::{Align, Table as Columns};
use crate::output::units::{bytes, count};

const SECONDS_PER_HOUR: u64 = 3600;

#[derive(Debug, Serialize)]
struct CollectedJson<'a> {
    table: &'a str,
    removed: &'a [String],
    removed_bytes: u64,
    kept: &'a [String],
}

/// Collects in all tables.
///
/// # Errors
/// When a table's log cannot be read or a file cannot be removed.
pub(super) fn run(
    context: &Context,
    tables: &[Table],
    older_than_hours: u32,
) -> Result<Exit, Failure> {
    let older_than = Duration::from_secs(u64::from(older_than_hours) * SECONDS_PER_HOUR);
    let now = SystemTime::now();
    let mut reports: Vec<(&str, GcReport)> = Vec::new();
    for table in tables {
        reports.push((
            table.location().table(),
            table.gc(now, older_than).map_err(failure)?,
        ));
    }
    if context.json() {
        let collected: Vec<CollectedJson<'_>> = reports
            .iter()
            .map(|(table, r)| CollectedJson {
                table,
                removed: &r.removed,
                removed_bytes: r.removed_bytes,
                kept: &r.kept,
            })
            .collect();
        output::json(&collected)?;
    } else {
        let mut columns = Columns::new(&[
            ("TABLE", Align::Left),
            ("REMOVED", Align::Right),
            ("SIZE", Align::Right),
            ("KEPT", Align::Right),
        ]);
        for (table, r) in &reports {
            columns.row(vec![
                (*table).to_owned(),
                count(r.removed.len() as u64),
                bytes(r.removed_bytes),
                count(r.kept.len() as u64),
            ]);
        }
        output::data(&columns.render())?;
    }
    Ok(Exit::Done)
}
