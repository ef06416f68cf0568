//! `headworks jobs list`: the newest jobs first, one line each.

use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::output;
use crate::output::job::{jobs_json, jobs_table};
use crate::records::Records;

/// Lists jobs.
///
/// # Errors
/// When neither scheduler nor journal can be read.
pub(crate) async fn run(context: &Context, limit: u32) -> Result<Exit, Failure> {
    let views = Records::open(context).await?.list(limit).await?;
    if context.json() {
        output::json(&jobs_json(&views))?;
    } else {
        output::data(&jobs_table(&views).render())?;
    }
    Ok(Exit::Done)
}
