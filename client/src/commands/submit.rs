//! `headworks submit JOB.yaml`: gives a job to the scheduler and prints its id.

use serde::Serialize;

use super::run::{load, request_id, spec_json};
use crate::cli::Submit;
use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::output;
use crate::output::job::JSON_VERSION;
use crate::service::Scheduler;

#[derive(Debug, Serialize)]
struct Submitted<'a> {
    v: u32,
    job_id: &'a str,
}

/// Submits a job without waiting for it.
///
/// # Errors
/// When there is no scheduler to take it, or the job file is not right.
pub(crate) async fn run(context: &Context, args: &Submit) -> Result<Exit, Failure> {
    let url = context.need_scheduler(
        "submit",
        "the job is to go on when this command has ended (`run` needs none)",
    )?;
    let spec = load(&args.job)?;
    let job_id = Scheduler::connect(url)
        .await?
        .submit(spec_json(&spec)?, request_id())
        .await?;
    if context.json() {
        output::json(&Submitted {
            v: JSON_VERSION,
            job_id: &job_id,
        })?;
    } else {
        output::line(&job_id)?;
    }
    Ok(Exit::Done)
}
