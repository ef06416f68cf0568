//! One file a command; a folder where a command has several verbs.

mod completions;
mod convert;
mod executor;
mod executors;
mod jobs;
mod lake;
mod plan;
mod raw_source;
mod run;
mod schema;
mod sql;
mod submit;

use crate::cli::Command;
use crate::context::Context;
use crate::errors::{Exit, Failure};

/// Does what the command line says.
///
/// # Errors
/// What failed, where, and what to do next.
pub(crate) async fn dispatch(context: Context, command: Command) -> Result<Exit, Failure> {
    if !matches!(command, Command::Sql(_)) {
        context.refuse_csv()?;
    }
    match command {
        Command::Run(args) => run::run(&context, &args).await,
        Command::Submit(args) => submit::run(&context, &args).await,
        Command::Jobs(args) => jobs::run(&context, args).await,
        Command::Executors => executors::run(&context).await,
        Command::Schema(args) => schema::run(&context, args).await,
        Command::Plan(args) => plan::run(&context, &args).await,
        Command::Sql(args) => sql::run(&context, args).await,
        Command::Convert(args) => convert::run(&context, args).await,
        Command::Lake(args) => lake::run(&context, args).await,
        Command::Completions(args) => completions::run(&args),
        Command::Executor(args) => executor::run(args).await,
    }
}
