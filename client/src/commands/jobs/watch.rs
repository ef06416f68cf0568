//! `headworks jobs watch ID`: follows a job that someone submitted, to its
//! end, and exits as `run` would have. Ctrl-C ends the watching, not the job.

use crate::commands::run::report;
use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::interrupts::Interrupts;
use crate::service::Scheduler;
use crate::watch::{Hold, watch};

/// Watches a job.
///
/// # Errors
/// When there is no scheduler, or no such job.
pub(crate) async fn run(context: &Context, id: &str) -> Result<Exit, Failure> {
    let url = context.need_scheduler(
        "jobs watch",
        "a job without one ends with its `run`; `jobs show` tells how",
    )?;
    let mut interrupts = Interrupts::listen();
    let scheduler = Scheduler::connect(url).await?;
    let mut progress = context.progress();
    let watched = watch(
        &scheduler,
        id,
        Hold::Watching,
        &mut progress,
        &mut interrupts,
    )
    .await?;
    drop(progress);
    report(context, id, Hold::Watching, &watched, 0)?;
    Ok(watched.exit())
}
