//! `headworks jobs show ID`: all that is known of one job.

use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::output;
use crate::output::job::{details, job_json};
use crate::records::Records;

/// Shows a job.
///
/// # Errors
/// When there is no such job.
pub(crate) async fn run(context: &Context, id: &str) -> Result<Exit, Failure> {
    let view = Records::open(context).await?.get(id).await?;
    if context.json() {
        output::json(&job_json(&view, 0))?;
    } else {
        output::data(&details(&view))?;
    }
    Ok(Exit::Done)
}
