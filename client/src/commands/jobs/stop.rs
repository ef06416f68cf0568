//! `headworks jobs stop ID`: asks a job to stop. Its table stays as it was.

use serde::Serialize;

use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::output;
use crate::output::job::{JSON_VERSION, state_name};
use crate::service::Scheduler;

#[derive(Debug, Serialize)]
struct Stopped<'a> {
    v: u32,
    job_id: &'a str,
    /// Whether it was still running.
    stopped: bool,
}

/// Stops a job. One that has ended already stays as it is.
///
/// # Errors
/// When there is no scheduler, or no such job.
pub(crate) async fn run(context: &Context, id: &str, reason: &str) -> Result<Exit, Failure> {
    let url = context.need_scheduler(
        "jobs stop",
        "a job without one is stopped by Ctrl-C in its `run`",
    )?;
    let scheduler = Scheduler::connect(url).await?;
    let stopped = scheduler.cancel(id, reason).await?;
    if context.json() {
        output::json(&Stopped {
            v: JSON_VERSION,
            job_id: id,
            stopped,
        })?;
    } else if stopped {
        output::line(&format!("job {id} is stopping"))?;
    } else {
        let view = scheduler.get(id).await?;
        output::line(&format!(
            "job {id} had ended already: {}",
            state_name(view.state())
        ))?;
    }
    Ok(Exit::Done)
}
