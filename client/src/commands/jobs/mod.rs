//! `headworks jobs`: what runs, what ran, and how it ended.

mod list;
mod logs;
mod show;
mod stop;
mod watch;

use crate::cli::Jobs;
use crate::context::Context;
use crate::errors::{Exit, Failure};

/// Does what the verb says.
///
/// # Errors
/// When there is no such job, or nobody to ask.
pub(crate) async fn run(context: &Context, args: Jobs) -> Result<Exit, Failure> {
    match args {
        Jobs::List { limit } => list::run(context, limit).await,
        Jobs::Show(job) => show::run(context, &job.id).await,
        Jobs::Watch(job) => watch::run(context, &job.id).await,
        Jobs::Stop { job, reason } => stop::run(context, &job.id, &reason).await,
        Jobs::Logs(job) => logs::run(context, &job.id).await,
    }
}
