//! `headworks executor`, hidden: an executor process of a cluster that `run
//! --executors N` started. The program `headworks-executor` is the same code.

use headworks_executor::ExecutorArgs;

use crate::errors::{Exit, Failure};

/// Serves as an executor until it is told to stop or its parent has gone.
///
/// # Errors
/// When its folder or address cannot be used, or no scheduler answers.
pub(crate) async fn run(args: ExecutorArgs) -> Result<Exit, Failure> {
    headworks_executor::run(args)
        .await
        .map_err(|e| Failure::usage(format!("executor: {e:#}")))?;
    Ok(Exit::Done)
}
