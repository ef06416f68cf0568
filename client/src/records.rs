//! What is known of jobs: asked of the scheduler, or read from the journal
//! that jobs run without one have left on this machine.

use std::path::{Path, PathBuf};

use headworks_proto::v1::JobView;
use headworks_scheduler::journal::{Journal, JournalError, LogLine};
use headworks_scheduler::state_dir::default_state_dir;

use crate::context::Context;
use crate::errors::Failure;
use crate::service::Scheduler;

/// Where accounts of jobs come from.
pub(crate) enum Records {
    /// A scheduler that runs.
    Scheduler(Box<Scheduler>),
    /// The journal in this state folder.
    Journal(PathBuf),
}

impl Records {
    /// The scheduler if one is configured, else the local journal.
    ///
    /// # Errors
    /// When the scheduler does not answer, or no state folder is known.
    pub(crate) async fn open(context: &Context) -> Result<Self, Failure> {
        match &context.scheduler {
            Some(url) => Ok(Self::Scheduler(Box::new(Scheduler::connect(url).await?))),
            None => Ok(Self::Journal(state_dir(context)?)),
        }
    }

    /// The newest jobs first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(crate) async fn list(&self, limit: u32) -> Result<Vec<JobView>, Failure> {
        match self {
            Self::Scheduler(scheduler) => scheduler.list(limit).await,
            Self::Journal(folder) => Ok(read(folder, move |journal| journal.list(limit))
                .await?
                .unwrap_or_default()),
        }
    }

    /// One job.
    ///
    /// # Errors
    /// When there is no such job.
    pub(crate) async fn get(&self, job_id: &str) -> Result<JobView, Failure> {
        match self {
            Self::Scheduler(scheduler) => scheduler.get(job_id).await,
            Self::Journal(folder) => {
                let id = job_id.to_owned();
                let view = read(folder, move |journal| journal.view(&id))
                    .await?
                    .flatten();
                view.ok_or_else(|| unknown_job(job_id, folder))
            }
        }
    }
}

/// What happened in a job, line by line: kept in the journal alone.
///
/// # Errors
/// When there is no such job there, or the journal is a scheduler's and where
/// it lies was not said.
pub(crate) async fn log(context: &Context, job_id: &str) -> Result<Vec<LogLine>, Failure> {
    if let (Some(url), None) = (&context.scheduler, &context.state_dir) {
        return Err(Failure::usage(format!(
            "the log of a job lies in its scheduler's journal, which {url} does not hand out\n  \
             next: on its machine, give --state-dir with the folder that the scheduler was started with"
        )));
    }
    let folder = state_dir(context)?;
    let id = job_id.to_owned();
    let found = read(&folder, move |journal| match journal.view(&id)? {
        Some(_) => journal.log(&id).map(Some),
        None => Ok(None),
    });
    found
        .await?
        .flatten()
        .ok_or_else(|| unknown_job(job_id, &folder))
}

/// The state folder of jobs that run on this machine.
///
/// # Errors
/// When none is named, not even by a home.
pub(crate) fn state_dir(context: &Context) -> Result<PathBuf, Failure> {
    context.state_dir.clone().or_else(default_state_dir).ok_or_else(|| {
        Failure::usage("no state folder is known\n  next: name one with --state-dir, or set HEADWORKS_STATE_DIR")
    })
}

/// Looks into the journal; none if there has never been one.
async fn read<T: Send + 'static>(
    folder: &Path,
    look: impl FnOnce(&Journal) -> Result<T, JournalError> + Send + 'static,
) -> Result<Option<T>, Failure> {
    let folder = folder.to_owned();
    let found = tokio::task::spawn_blocking(move || {
        let Some(journal) = Journal::open_to_read(&folder)? else {
            return Ok(None);
        };
        look(&journal).map(Some)
    });
    match found.await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error @ (JournalError::Folder { .. } | JournalError::Later { .. }))) => {
            Err(Failure::usage(error.to_string()))
        }
        Ok(Err(error)) => Err(Failure::failed(error.to_string())),
        Err(error) => Err(Failure::failed(format!(
            "the journal could not be read: {error}; please report this"
        ))),
    }
}

fn unknown_job(job_id: &str, folder: &Path) -> Failure {
    Failure::usage(format!(
        "there is no job `{job_id}` in the journal under {}\n  next: `headworks jobs list` shows the jobs that there \
         are; those of a scheduler need --scheduler URL",
        folder.display()
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::cli::Output;
    use crate::errors::Exit;

    #[tokio::test]
    async fn without_a_journal_there_are_no_jobs_and_that_is_no_failure() {
        let dir = tempfile::tempdir().unwrap();
        let context = Context {
            started: Instant::now(),
            output: Output::Table,
            quiet: false,
            scheduler: None,
            state_dir: Some(dir.path().to_owned()),
        };
        let records = Records::open(&context).await.unwrap();
        assert_eq!(records.list(10).await.unwrap(), []);
        let failure = records.get("j1").await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(
            failure.to_string().contains("there is no job `j1`"),
            "{failure}"
        );
        assert!(
            failure.to_string().contains("`headworks jobs list`"),
            "{failure}"
        );
        assert_eq!(log(&context, "j1").await.unwrap_err().exit(), Exit::Usage);

        let elsewhere = Context {
            scheduler: Some("http://127.0.0.1:9".into()),
            state_dir: None,
            ..context
        };
        let failure = log(&elsewhere, "j1").await.unwrap_err();
        assert!(failure.to_string().contains("--state-dir"), "{failure}");
    }
}
