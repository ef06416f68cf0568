//! What the driver's records become in the journal's tables.

use headworks_proto::v1;
use prost::Message;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::Serialize;

use super::describe::describe;
use super::{Journal, JournalError};
use crate::driver::{ModelStatus, Record, state_text};

/// A job to be written down.
#[derive(Debug)]
pub struct NewJob<'a> {
    /// Its id.
    pub job_id: &'a str,
    /// Its spec, as it was submitted.
    pub spec_json: &'a str,
    /// The names of its models, in order.
    pub models: &'a [String],
    /// Chosen by the client; empty for none.
    pub request_id: &'a str,
    /// Its view.
    pub view: &'a v1::JobView,
}

/// What became of a submission.
#[derive(Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It is a new job.
    New,
    /// The same request made this job before.
    Before(String),
}

impl Journal {
    /// Writes a new job down, unless its request has made one before.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn submit(&self, job: &NewJob<'_>) -> Result<Submitted, JournalError> {
        let instance = self
            .instance
            .as_ref()
            .map_or("", |instance| instance.name());
        self.sql(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let request_id = Some(job.request_id).filter(|id| !id.is_empty());
            let before: Option<String> = transaction
                .query_row("SELECT id FROM jobs WHERE request_id = ?1", [request_id], |row| row.get(0))
                .optional()?;
            if let Some(before) = before {
                return Ok(Submitted::Before(before));
            }
            transaction.execute(
                "INSERT INTO jobs (id, name, spec_json, request_id, instance, state, submitted_at_ms, view)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    job.job_id,
                    job.view.name,
                    job.spec_json,
                    request_id,
                    instance,
                    state_text(job.view.state()),
                    job.view.submitted_at_ms,
                    job.view.encode_to_vec(),
                ],
            )?;
            for (index, name) in job.models.iter().enumerate() {
                transaction.execute(
                    "INSERT INTO models (job_id, model, name, state) VALUES (?1, ?2, ?3, ?4)",
                    params![job.job_id, index, name, ModelStatus::Waiting.as_str()],
                )?;
            }
            log_line(&transaction, job.job_id, job.view.submitted_at_ms, "submitted")?;
            transaction.commit()?;
            Ok(Submitted::New)
        })
    }

    /// Writes records down, all or none of them, and the job's view with them.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn append(
        &self,
        job_id: &str,
        records: &[Record],
        view: &v1::JobView,
        now_ms: u64,
    ) -> Result<(), JournalError> {
        // Encoded before the database is locked.
        let mut changes = Vec::with_capacity(records.len());
        for record in records {
            changes.push(
                Change::of(record).map_err(|source| JournalError::Malformed {
                    path: self.path.clone(),
                    job_id: job_id.to_owned(),
                    source,
                })?,
            );
        }
        self.sql(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (record, change) in records.iter().zip(&changes) {
                write(&transaction, job_id, record, change, view, now_ms)?;
                if let Some(line) = describe(record, view) {
                    log_line(&transaction, job_id, now_ms, &line)?;
                }
            }
            transaction.execute(
                "UPDATE jobs SET view = ?2, state = ?3 WHERE id = ?1",
                params![job_id, view.encode_to_vec(), state_text(view.state())],
            )?;
            transaction.commit()
        })
    }
}

/// A commit that was found in a table's log after its scheduler had died.
#[derive(Debug)]
pub struct FoundCommit<'a> {
    /// Its id.
    pub commit_id: &'a str,
    /// The version that it made.
    pub version: u64,
    /// For a model's own table: the model's index, and what the commit added.
    pub model: Option<(usize, v1::ModelView)>,
}

impl Journal {
    /// Writes down that a commit of an interrupted job is done.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn found_commit(
        &self,
        job_id: &str,
        found: &FoundCommit<'_>,
        now_ms: u64,
    ) -> Result<(), JournalError> {
        self.sql(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute(
                "UPDATE commits SET state = 'done', version = ?2 WHERE commit_id = ?1",
                params![found.commit_id, found.version],
            )?;
            if let Some((index, model)) = &found.model {
                commit_model(&transaction, job_id, *index, found.version, model)?;
                let view: Vec<u8> = transaction.query_row(
                    "SELECT view FROM jobs WHERE id = ?1",
                    [job_id],
                    |row| row.get(0),
                )?;
                let mut view = v1::JobView::decode(view.as_slice()).unwrap_or_default();
                if let Some(shown) = view.models.get_mut(*index) {
                    shown.clone_from(model);
                }
                transaction.execute(
                    "UPDATE jobs SET view = ?2 WHERE id = ?1",
                    params![job_id, view.encode_to_vec()],
                )?;
            }
            let line = format!(
                "found after the interruption: commit {} made version {}",
                found.commit_id, found.version
            );
            log_line(&transaction, job_id, now_ms, &line)?;
            transaction.commit()
        })
    }
}

fn commit_model(
    transaction: &Transaction<'_>,
    job_id: &str,
    model: usize,
    version: u64,
    counts: &v1::ModelView,
) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE models SET state = ?3, version = ?4, rows = ?5, files = ?6, bytes = ?7
         WHERE job_id = ?1 AND model = ?2",
        params![
            job_id,
            model,
            ModelStatus::Committed.as_str(),
            version,
            counts.rows,
            counts.files,
            counts.bytes
        ],
    )?;
    Ok(())
}

/// The JSON texts of a record, in the order in which its statement takes them.
struct Change(Vec<String>);

impl Change {
    fn of(record: &Record) -> Result<Self, serde_json::Error> {
        fn json(value: &impl Serialize) -> Result<String, serde_json::Error> {
            serde_json::to_string(value)
        }
        Ok(Self(match record {
            Record::SourceSettled(source) => vec![json(source.as_ref())?],
            Record::ModelPlanned { work, plan } => {
                vec![json(&work.inputs)?, json(plan.as_ref())?]
            }
            Record::WaveStarted { wave, .. } => vec![json(wave)?],
            Record::WaveAccepted { result, .. } => vec![json(result.as_ref())?],
            Record::CheckFound { found, .. } => vec![json(found)?],
            _ => Vec::new(),
        }))
    }

    fn text(&self, index: usize) -> Option<&str> {
        self.0.get(index).map(String::as_str)
    }
}

fn write(
    transaction: &Transaction<'_>,
    job_id: &str,
    record: &Record,
    change: &Change,
    view: &v1::JobView,
    now_ms: u64,
) -> rusqlite::Result<()> {
    match record {
        Record::Started => {
            transaction.execute(
                "UPDATE jobs SET started_at_ms = ?2 WHERE id = ?1",
                params![job_id, now_ms],
            )?;
        }
        Record::SourceSettled(source) => {
            transaction.execute(
                "INSERT OR REPLACE INTO sources (job_id, name, settled_json) VALUES (?1, ?2, ?3)",
                params![job_id, source.spec.name, change.text(0)],
            )?;
        }
        Record::ModelPlanned { work, .. } => {
            transaction.execute(
                "UPDATE models SET state = ?3, inputs_json = ?4, plan_json = ?5
                 WHERE job_id = ?1 AND model = ?2",
                params![
                    job_id,
                    work.model,
                    ModelStatus::Running.as_str(),
                    change.text(0),
                    change.text(1)
                ],
            )?;
        }
        Record::WaveStarted {
            model,
            wave,
            attempt,
        } => {
            transaction.execute(
                "INSERT INTO waves (job_id, model, wave, attempt, state, wave_json)
                 VALUES (?1, ?2, ?3, ?4, 'running', ?5)",
                params![job_id, model, wave.index, attempt, change.text(0)],
            )?;
        }
        Record::WaveSubmitted {
            model,
            wave,
            attempt,
            engine_job,
        } => {
            transaction.execute(
                "UPDATE waves SET engine_job = ?5 WHERE job_id = ?1 AND model = ?2 AND wave = ?3 AND attempt = ?4",
                params![job_id, model, wave, attempt, engine_job],
            )?;
        }
        Record::WaveAccepted {
            model,
            wave,
            attempt,
            ..
        } => {
            transaction.execute(
                "UPDATE waves SET state = 'accepted', result_json = ?5
                 WHERE job_id = ?1 AND model = ?2 AND wave = ?3 AND attempt = ?4",
                params![job_id, model, wave, attempt, change.text(0)],
            )?;
        }
        Record::WaveDiscarded {
            model,
            wave,
            attempt,
            reason,
        } => {
            transaction.execute(
                "UPDATE waves SET state = 'discarded', reason = ?5, result_json = NULL
                 WHERE job_id = ?1 AND model = ?2 AND wave = ?3 AND attempt = ?4",
                params![job_id, model, wave, attempt, reason],
            )?;
        }
        Record::CheckStarted {
            model,
            check,
            attempt,
        } => {
            transaction.execute(
                "INSERT INTO checks (job_id, model, check_index, attempt, state) VALUES (?1, ?2, ?3, ?4, 'running')",
                params![job_id, model, check, attempt],
            )?;
        }
        Record::CheckFound {
            model,
            check,
            attempt,
            ..
        } => {
            transaction.execute(
                "UPDATE checks SET state = 'found', found_json = ?5
                 WHERE job_id = ?1 AND model = ?2 AND check_index = ?3 AND attempt = ?4",
                params![job_id, model, check, attempt, change.text(0)],
            )?;
        }
        Record::CheckDiscarded {
            model,
            check,
            attempt,
            reason,
        } => {
            transaction.execute(
                "UPDATE checks SET state = 'discarded', reason = ?5
                 WHERE job_id = ?1 AND model = ?2 AND check_index = ?3 AND attempt = ?4",
                params![job_id, model, check, attempt, reason],
            )?;
        }
        Record::CommitIntended {
            model,
            quarantine_of,
            commit_id,
            failed,
        } => {
            // A model that began anew intends the same commit again.
            transaction.execute(
                "INSERT OR REPLACE INTO commits (commit_id, job_id, model, quarantine_of, job_failed, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, 'intended')",
                params![commit_id, job_id, model, quarantine_of, failed],
            )?;
        }
        Record::Committed {
            model,
            quarantine_of,
            commit_id,
            version,
        } => {
            transaction.execute(
                "UPDATE commits SET state = 'done', version = ?2 WHERE commit_id = ?1",
                params![commit_id, version],
            )?;
            if quarantine_of.is_none() {
                let counts = view.models.get(*model).cloned().unwrap_or_default();
                commit_model(transaction, job_id, *model, *version, &counts)?;
            }
        }
        Record::ModelUnchanged { model, version } => {
            commit_model(
                transaction,
                job_id,
                *model,
                *version,
                &v1::ModelView::default(),
            )?;
        }
        Record::ModelRestarted { model, .. } => {
            transaction.execute(
                "UPDATE waves SET state = 'discarded', reason = 'the model began anew', result_json = NULL
                 WHERE job_id = ?1 AND model = ?2 AND state = 'accepted'",
                params![job_id, model],
            )?;
            transaction.execute(
                "UPDATE checks SET state = 'discarded', reason = 'the model began anew'
                 WHERE job_id = ?1 AND model = ?2 AND state = 'found'",
                params![job_id, model],
            )?;
            transaction.execute(
                "UPDATE models SET plan_json = NULL, inputs_json = NULL
                 WHERE job_id = ?1 AND model = ?2",
                params![job_id, model],
            )?;
        }
        Record::ModelFailed { model } => {
            transaction.execute(
                "UPDATE models SET state = ?3 WHERE job_id = ?1 AND model = ?2",
                params![job_id, model, ModelStatus::Failed.as_str()],
            )?;
        }
        Record::Note(_) | Record::RowsStaged { .. } => {}
        Record::Ended { failure, .. } => {
            let error = failure.as_ref().map_or("", |f| &f.error);
            let class = failure
                .as_ref()
                .and_then(|f| f.class)
                .map_or("", |class| class.as_str());
            transaction.execute(
                "UPDATE jobs SET ended_at_ms = ?2, error = ?3, error_class = ?4 WHERE id = ?1",
                params![job_id, now_ms, error, class],
            )?;
        }
    }
    Ok(())
}

/// Adds a line to a job's log.
pub(super) fn log_line(
    connection: &Connection,
    job_id: &str,
    at_ms: u64,
    line: &str,
) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO log (job_id, at_ms, line) VALUES (?1, ?2, ?3)",
        params![job_id, at_ms, line],
    )?;
    Ok(())
}
