//! `headworks jobs logs ID`: what happened in a job, line by line.

use serde::Serialize;

use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::output;
use crate::output::table::one_line;
use crate::output::units::instant_ms;
use crate::records;

#[derive(Debug, Serialize)]
struct LineJson<'a> {
    at_ms: u64,
    line: &'a str,
}

/// Prints a job's log.
///
/// # Errors
/// When there is no such job.
pub(crate) async fn run(context: &Context, id: &str) -> Result<Exit, Failure> {
    let lines = records::log(context, id).await?;
    if context.json() {
        let lines: Vec<LineJson<'_>> = lines
            .iter()
            .map(|l| LineJson {
                at_ms: l.at_ms,
                line: &l.line,
            })
            .collect();
        output::json(&lines)?;
    } else {
        for line in &lines {
            output::line(&format!(
                "{}  {}",
                instant_ms(line.at_ms),
                one_line(&line.line)
            ))?;
        }
    }
    Ok(Exit::Done)
}
