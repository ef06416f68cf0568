//! `headworks run JOB.yaml`: submits a job, shows its progress, waits for its
//! end and says what became of it.

use headworks_proto::v1::{JobState, JobView};
use headworks_spec::JobSpec;

use crate::cli::{JobFile, Run};
use crate::connect::{Cluster, Wish};
use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::interrupts::Interrupts;
use crate::output;
use crate::output::job::{job_json, summary};
use crate::watch::{Hold, Watched, watch};

/// Runs a job to its end.
///
/// # Errors
/// When the job file is not right, or the scheduler cannot be used.
pub(crate) async fn run(context: &Context, args: &Run) -> Result<Exit, Failure> {
    let spec = load(&args.job)?;
    let mut interrupts = Interrupts::listen();
    let wish = Wish {
        executors: args.executors,
        cores: args.cores,
        ..Wish::default()
    };
    let cluster = Cluster::open(context, wish).await?;
    let outcome = run_on(context, &cluster, &spec, &mut interrupts).await;
    cluster.close().await;
    outcome
}

async fn run_on(
    context: &Context,
    cluster: &Cluster,
    spec: &JobSpec,
    interrupts: &mut Interrupts,
) -> Result<Exit, Failure> {
    let before_ms = context.elapsed_ms();
    let job_id = cluster
        .scheduler()
        .submit(spec_json(spec)?, request_id())
        .await?;
    let mut progress = context.progress();
    let watched = watch(
        cluster.scheduler(),
        &job_id,
        cluster.hold(),
        &mut progress,
        interrupts,
    )
    .await?;
    drop(progress);
    report(context, &job_id, cluster.hold(), &watched, before_ms)?;
    Ok(watched.exit())
}

/// Reads a job file with all that it names.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn load(job: &JobFile) -> Result<JobSpec, Failure> {
    let env = |name: &str| std::env::var(name).ok();
    headworks_spec::load(&job.file, &job.set, &env)
        .map_err(|e| Failure::usage(format!("the job is not right\n{e}")))
}

/// A job as the message that is submitted.
///
/// # Errors
/// None that is known.
pub(crate) fn spec_json(spec: &JobSpec) -> Result<String, Failure> {
    spec.to_json().map_err(|e| Failure::usage(e.to_string()))
}

/// A new id of a request, so that one sent twice is one job.
pub(crate) fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Says how watching a job ended: the outcome on stdout, the rest on stderr.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn report(
    context: &Context,
    job_id: &str,
    hold: Hold,
    watched: &Watched,
    before_ms: u64,
) -> Result<(), Failure> {
    match watched {
        Watched::Ended(view) | Watched::Stopped(Some(view)) => {
            if !context.quiet {
                view.warnings
                    .iter()
                    .for_each(|warning| output::warning(warning));
            }
            if context.json() {
                output::json(&job_json(view, before_ms))?;
            } else {
                output::data(&summary(view, before_ms))?;
            }
            if let Some(message) = ending(view) {
                output::error(&message);
            }
        }
        Watched::Stopped(None) if hold == Hold::Own => {
            output::note("stopped; the tables are as they were")
        }
        Watched::Stopped(None) => output::note(&format!(
            "job {job_id} was asked to stop; `headworks jobs show {job_id}` tells when it has"
        )),
        Watched::Left => {
            output::note(&format!(
                "job {job_id} goes on; `headworks jobs watch {job_id}` follows it"
            ));
        }
    }
    Ok(())
}

/// What there is to say of a job that did not get done.
fn ending(view: &JobView) -> Option<String> {
    let (how, why) = match view.state() {
        JobState::Done => return None,
        JobState::Cancelled => ("was stopped", ""),
        JobState::Interrupted => ("was interrupted", "its scheduler ended"),
        _ => ("failed", ""),
    };
    let why = if view.error.is_empty() {
        why
    } else {
        &view.error
    };
    let colon = if why.is_empty() { "" } else { ": " };
    Some(format!(
        "job {} ({}) {how}{colon}{why}",
        view.name, view.job_id
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_did_not_get_done_says_how_it_ended_and_why() {
        let view = |state: JobState, error: &str| JobView {
            job_id: "j1".into(),
            name: "fpds".into(),
            state: state.into(),
            error: error.into(),
            ..JobView::default()
        };
        for (state, error, said) in [
            (JobState::Done, "", None),
            (
                JobState::Failed,
                "a.xml: byte 7: bad",
                Some("job fpds (j1) failed: a.xml: byte 7: bad"),
            ),
            (
                JobState::Cancelled,
                "by Ann",
                Some("job fpds (j1) was stopped: by Ann"),
            ),
            (
                JobState::Interrupted,
                "",
                Some("job fpds (j1) was interrupted: its scheduler ended"),
            ),
        ] {
            assert_eq!(ending(&view(state, error)).as_deref(), said);
        }
    }
}
