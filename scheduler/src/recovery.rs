//! What a scheduler does when it starts, for the jobs of one that died: their
//! tables are settled, and the journal learns which of their commits happened.
//!
//! A job's commit is one log entry, so it is in the table or it is not. The bad
//! records of a model that has committed are in quarantine, since that comes
//! first; those of a job that an older version drove, which committed them
//! behind the model's table, are brought there. Running what is left of such a
//! job is not done here.

use std::sync::Arc;

use headworks_lake::{Audit, LogEntry, Table, TableLocation};
use headworks_proto::v1;
use headworks_spec::JobSpec;

use crate::driver::{self, CommitWork, Event, TableLocks};
use crate::journal::{FoundCommit, Journal, JournaledJob};

/// Settles the tables of interrupted jobs. Problems are logged and hinder
/// nobody: the lake finishes an unsettled commit whenever its table is opened,
/// and the next scheduler tries again.
pub(crate) async fn recover(journal: &Arc<Journal>, locks: &TableLocks, job_ids: &[String]) {
    for job_id in job_ids {
        let mut recovered = recover_job(journal, locks, job_id).await;
        if recovered.is_ok() {
            let settled = |journal: &Journal, id: &str| journal.settled(id, driver::now_ms());
            recovered = blocking(journal, job_id, settled).await.map(|_| ());
        }
        if let Err(problem) = recovered {
            tracing::warn!(job = %job_id, "an interrupted job's tables could not be settled: {problem}");
        }
    }
}

async fn recover_job(
    journal: &Arc<Journal>,
    locks: &TableLocks,
    job_id: &str,
) -> Result<(), String> {
    let Some(job) = blocking(journal, job_id, |journal, id| journal.load(id)).await? else {
        return Ok(());
    };
    let spec = JobSpec::from_json(&job.spec_json).map_err(|error| error.to_string())?;
    for (index, model) in job.models.iter().enumerate() {
        let intended = job
            .commits
            .iter()
            .find(|commit| commit.model == index && commit.quarantine_of.is_none());
        let Some(intended) = intended else { break };
        let location =
            TableLocation::new(&spec.lake, &model.name).map_err(|error| error.to_string())?;
        driver::settle(locks, location.clone()).await?;
        let entry = match intended.version {
            Some(_) => true,
            None => match entry_of(location, &intended.commit_id).await? {
                Some(entry) => {
                    note_commit(journal, job_id, index, &model.name, &entry).await?;
                    true
                }
                None => false,
            },
        };
        if !entry {
            break;
        }
        quarantine_model(journal, locks, &spec, &job, index).await?;
    }
    settle_quarantines(journal, locks, &spec, &job).await
}

/// Finishes the commits of quarantine that were under way, if they happened.
async fn settle_quarantines(
    journal: &Arc<Journal>,
    locks: &TableLocks,
    spec: &JobSpec,
    job: &JournaledJob,
) -> Result<(), String> {
    let open = job.commits.iter().filter(|commit| commit.version.is_none());
    for commit in open {
        let Some(source) = &commit.quarantine_of else {
            continue;
        };
        let location =
            TableLocation::quarantine(&spec.lake, source).map_err(|error| error.to_string())?;
        driver::settle(locks, location.clone()).await?;
        if let Some(entry) = entry_of(location, &commit.commit_id).await? {
            note_quarantine(journal, &job.job_id, entry.commit_id, entry.version).await?;
        }
    }
    Ok(())
}

/// The log entry of a commit, if it happened.
async fn entry_of(location: TableLocation, commit_id: &str) -> Result<Option<LogEntry>, String> {
    let commit_id = commit_id.to_owned();
    let read = tokio::task::spawn_blocking(move || Table::open(location).log());
    let log = read
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())?;
    Ok(log.into_iter().find(|entry| entry.commit_id == commit_id))
}

async fn note_commit(
    journal: &Arc<Journal>,
    job_id: &str,
    index: usize,
    table: &str,
    entry: &LogEntry,
) -> Result<(), String> {
    let view = v1::ModelView {
        table: table.to_owned(),
        state: driver::ModelStatus::Committed.as_str().to_owned(),
        version: entry.version,
        rows: entry.add.iter().map(|file| file.rows).sum(),
        files: entry.add.len() as u64,
        bytes: entry.add.iter().map(|file| file.bytes).sum(),
    };
    let (commit_id, version) = (entry.commit_id.clone(), entry.version);
    blocking(journal, job_id, move |journal, id| {
        let found = FoundCommit {
            commit_id: &commit_id,
            version,
            model: Some((index, view)),
        };
        journal.found_commit(id, &found, driver::now_ms())
    })
    .await
}

async fn note_quarantine(
    journal: &Arc<Journal>,
    job_id: &str,
    commit_id: String,
    version: u64,
) -> Result<(), String> {
    blocking(journal, job_id, move |journal, id| {
        let found = FoundCommit {
            commit_id: &commit_id,
            version,
            model: None,
        };
        journal.found_commit(id, &found, driver::now_ms())
    })
    .await
}

/// Commits the quarantine of a model that has committed. What is there
/// already is found by its commit's id, and not done twice.
async fn quarantine_model(
    journal: &Arc<Journal>,
    locks: &TableLocks,
    spec: &JobSpec,
    job: &JournaledJob,
    index: usize,
) -> Result<(), String> {
    let model = &job.models[index];
    let results = model.waves.iter().filter_map(|wave| wave.result.as_ref());
    for (source, files) in driver::kept_files(results) {
        let commit_id = driver::commit_id(&job.job_id, index, Some(&source));
        if job
            .commits
            .iter()
            .any(|commit| commit.commit_id == commit_id && commit.version.is_some())
        {
            continue;
        }
        let work = CommitWork {
            model: index,
            quarantine_of: Some(source.clone()),
            commit_id: commit_id.clone(),
            at_ms: driver::now_ms(),
            files,
            remove: Vec::new(),
            inputs: Vec::new(),
            audit: Audit::Coverage,
            base: Some(0),
            failed: false,
            checked: None,
        };
        let model_spec = spec
            .models
            .get(index)
            .ok_or("the job's spec lacks one of its models")?
            .clone();
        match driver::commit_quarantine(locks.clone(), &spec.lake, &job.job_id, model_spec, work)
            .await
        {
            Event::Committed { version, .. } => {
                note_quarantine(journal, &job.job_id, commit_id, version).await?;
            }
            Event::Failed { error, .. }
            | Event::CommitUnknown(error)
            | Event::Overtaken(error)
            | Event::MovedOn(error) => {
                return Err(format!("quarantine of source `{source}`: {error}"));
            }
            other => {
                return Err(format!(
                    "quarantine of source `{source}`: heard `{}`",
                    other.name()
                ));
            }
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    journal: &Arc<Journal>,
    job_id: &str,
    call: impl FnOnce(&Journal, &str) -> Result<T, E> + Send + 'static,
) -> Result<T, String> {
    let (journal, job_id) = (Arc::clone(journal), job_id.to_owned());
    let done = tokio::task::spawn_blocking(move || call(&journal, &job_id)).await;
    done.map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}
