//! What the journal tells: jobs as the wire shows them, their logs, and all
//! that is needed to take one up again.

use std::collections::BTreeMap;

use headworks_engine::api::{CheckFindings, ModelPlan, SettledSource, Wave, WaveResult};
use headworks_proto::v1;
use headworks_sources::InputFile;
use prost::Message;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use super::{Journal, JournalError, instance};
use crate::driver::{INTERRUPTED_TEXT, ModelStatus, state_text};

/// A line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// What.
    pub line: String,
}

/// All that the journal knows of a job: enough to take it up again.
#[derive(Debug)]
pub struct JournaledJob {
    /// Its id.
    pub job_id: String,
    /// Its spec, as it was submitted.
    pub spec_json: String,
    /// Its state in words (`driver::state_text`).
    pub state: String,
    /// The sources that were settled, by name.
    pub sources: BTreeMap<String, SettledSource>,
    /// All models, in order.
    pub models: Vec<JournaledModel>,
    /// Commits that were intended, and those that are done.
    pub commits: Vec<CommitRow>,
}

/// A model in the journal.
#[derive(Debug)]
pub struct JournaledModel {
    /// Its table's name.
    pub name: String,
    /// "waiting", "running", "committed", "failed".
    pub state: String,
    /// The files that it reads, once chosen.
    pub inputs: Option<BTreeMap<String, Vec<InputFile>>>,
    /// How it runs, once planned.
    pub plan: Option<ModelPlan>,
    /// The version that it committed.
    pub version: Option<u64>,
    /// Every attempt at its waves, in order.
    pub waves: Vec<JournaledWave>,
    /// Every attempt at its checks, in order.
    pub checks: Vec<JournaledCheck>,
}

/// An attempt at a check in the journal.
#[derive(Debug)]
pub struct JournaledCheck {
    /// The check's index.
    pub check: usize,
    /// Which attempt.
    pub attempt: u32,
    /// "running", "found", "discarded", "interrupted".
    pub state: String,
    /// What it found, if that is believed.
    pub found: Option<CheckFindings>,
}

/// An attempt at a wave in the journal.
#[derive(Debug)]
pub struct JournaledWave {
    /// The wave as this attempt ran it.
    pub wave: Wave,
    /// Which attempt.
    pub attempt: u32,
    /// "running", "accepted", "discarded", "interrupted".
    pub state: String,
    /// The engine's id of it.
    pub engine_job: Option<String>,
    /// Why it was discarded.
    pub reason: Option<String>,
    /// What it produced, if accepted.
    pub result: Option<WaveResult>,
}

/// A commit in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitRow {
    /// Its id.
    pub commit_id: String,
    /// The model's index.
    pub model: usize,
    /// None: the model's table; else the quarantine of this source.
    pub quarantine_of: Option<String>,
    /// Whether it keeps the quarantine of a job that failed.
    pub job_failed: bool,
    /// The version that it made; none until it is known to be done.
    pub version: Option<u64>,
}

impl Journal {
    /// A job's view.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn view(&self, job_id: &str) -> Result<Option<v1::JobView>, JournalError> {
        let row = self.sql(|connection| {
            connection
                .query_row(&format!("{VIEWS} WHERE id = ?1"), [job_id], view_row)
                .optional()
        })?;
        Ok(row.map(|row| self.show(row)))
    }

    /// The newest jobs first, at most `limit`.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn list(&self, limit: u32) -> Result<Vec<v1::JobView>, JournalError> {
        let rows: Vec<ViewRow> = self.sql(|connection| {
            let mut statement =
                connection.prepare(&format!("{VIEWS} ORDER BY seq DESC LIMIT ?1"))?;
            statement.query_map([limit], view_row)?.collect()
        })?;
        Ok(rows.into_iter().map(|row| self.show(row)).collect())
    }

    /// A job's log, oldest line first. Empty for a job that does not exist.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn log(&self, job_id: &str) -> Result<Vec<LogLine>, JournalError> {
        self.sql(|connection| {
            let mut statement =
                connection.prepare("SELECT at_ms, line FROM log WHERE job_id = ?1 ORDER BY seq")?;
            let lines = statement.query_map([job_id], |row| {
                Ok(LogLine {
                    at_ms: row.get(0)?,
                    line: row.get(1)?,
                })
            })?;
            lines.collect()
        })
    }

    /// Everything that is known of a job.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn load(&self, job_id: &str) -> Result<Option<JournaledJob>, JournalError> {
        let Some(rows) = self.sql(|connection| load_rows(connection, job_id))? else {
            return Ok(None);
        };
        let mut job = JournaledJob {
            job_id: job_id.to_owned(),
            spec_json: rows.spec_json,
            state: rows.state,
            sources: BTreeMap::new(),
            models: Vec::new(),
            commits: rows.commits,
        };
        for (name, settled) in rows.sources {
            job.sources.insert(name, self.decode(job_id, &settled)?);
        }
        for row in rows.models {
            let inputs = row
                .inputs
                .map(|json| self.decode(job_id, &json))
                .transpose()?;
            let plan = row
                .plan
                .map(|json| self.decode(job_id, &json))
                .transpose()?;
            job.models.push(JournaledModel {
                name: row.name,
                state: row.state,
                inputs,
                plan,
                version: row.version,
                waves: Vec::new(),
                checks: Vec::new(),
            });
        }
        for row in rows.waves {
            let wave = JournaledWave {
                wave: self.decode(job_id, &row.wave)?,
                attempt: row.attempt,
                state: row.state,
                engine_job: row.engine_job,
                reason: row.reason,
                result: row
                    .result
                    .map(|json| self.decode(job_id, &json))
                    .transpose()?,
            };
            if let Some(model) = job.models.get_mut(row.model) {
                model.waves.push(wave);
            }
        }
        for row in rows.checks {
            let check = JournaledCheck {
                check: row.check,
                attempt: row.attempt,
                state: row.state,
                found: row
                    .found
                    .map(|json| self.decode(job_id, &json))
                    .transpose()?,
            };
            if let Some(model) = job.models.get_mut(row.model) {
                model.checks.push(check);
            }
        }
        Ok(Some(job))
    }

    fn decode<T: DeserializeOwned>(&self, job_id: &str, json: &str) -> Result<T, JournalError> {
        serde_json::from_str(json).map_err(|source| JournalError::Malformed {
            path: self.path.clone(),
            job_id: job_id.to_owned(),
            source,
        })
    }

    /// The view of a row: the columns know better than the encoded view
    /// whether the job was interrupted.
    fn show(&self, row: ViewRow) -> v1::JobView {
        let mut view = v1::JobView::decode(row.view.as_slice()).unwrap_or_default();
        let interrupted = row.state == state_text(v1::JobState::Interrupted);
        if interrupted || (row.ended_at_ms.is_none() && self.is_orphan(&row.instance)) {
            view.set_state(v1::JobState::Interrupted);
            view.finished_at_ms = row.ended_at_ms.unwrap_or(0);
            view.total_ms = 0;
            // What was in hand has committed nothing.
            let running = ModelStatus::Running.as_str();
            for model in view
                .models
                .iter_mut()
                .filter(|model| model.state == running)
            {
                model.state = ModelStatus::Waiting.as_str().to_owned();
            }
            view.error = INTERRUPTED_TEXT.to_owned();
        }
        view
    }

    fn is_orphan(&self, owner: &str) -> bool {
        let ours = self
            .instance
            .as_ref()
            .is_some_and(|instance| instance.name() == owner);
        let Some(state_dir) = self.path.parent() else {
            return false;
        };
        !ours && !instance::is_alive(state_dir, owner)
    }
}

const VIEWS: &str = "SELECT view, state, instance, ended_at_ms FROM jobs";

struct ViewRow {
    view: Vec<u8>,
    state: String,
    instance: String,
    ended_at_ms: Option<u64>,
}

fn view_row(row: &Row<'_>) -> rusqlite::Result<ViewRow> {
    Ok(ViewRow {
        view: row.get(0)?,
        state: row.get(1)?,
        instance: row.get(2)?,
        ended_at_ms: row.get(3)?,
    })
}

struct JobRows {
    spec_json: String,
    state: String,
    sources: Vec<(String, String)>,
    models: Vec<ModelRow>,
    waves: Vec<WaveRow>,
    checks: Vec<CheckRow>,
    commits: Vec<CommitRow>,
}

struct ModelRow {
    name: String,
    state: String,
    inputs: Option<String>,
    plan: Option<String>,
    version: Option<u64>,
}

struct WaveRow {
    model: usize,
    attempt: u32,
    state: String,
    wave: String,
    engine_job: Option<String>,
    reason: Option<String>,
    result: Option<String>,
}

struct CheckRow {
    model: usize,
    check: usize,
    attempt: u32,
    state: String,
    found: Option<String>,
}

fn load_rows(connection: &mut Connection, job_id: &str) -> rusqlite::Result<Option<JobRows>> {
    let transaction = connection.transaction()?;
    let job = transaction
        .query_row(
            "SELECT spec_json, state FROM jobs WHERE id = ?1",
            [job_id],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((spec_json, state)) = job else {
        return Ok(None);
    };
    let sources = transaction
        .prepare("SELECT name, settled_json FROM sources WHERE job_id = ?1")?
        .query_map([job_id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let models = transaction
        .prepare(
            "SELECT name, state, inputs_json, plan_json, version FROM models
             WHERE job_id = ?1 ORDER BY model",
        )?
        .query_map([job_id], |row| {
            Ok(ModelRow {
                name: row.get(0)?,
                state: row.get(1)?,
                inputs: row.get(2)?,
                plan: row.get(3)?,
                version: row.get(4)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let waves = transaction
        .prepare(
            "SELECT model, attempt, state, wave_json, engine_job, reason, result_json FROM waves
             WHERE job_id = ?1 ORDER BY model, wave, attempt",
        )?
        .query_map([job_id], |row| {
            Ok(WaveRow {
                model: row.get(0)?,
                attempt: row.get(1)?,
                state: row.get(2)?,
                wave: row.get(3)?,
                engine_job: row.get(4)?,
                reason: row.get(5)?,
                result: row.get(6)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let checks = transaction
        .prepare(
            "SELECT model, check_index, attempt, state, found_json FROM checks
             WHERE job_id = ?1 ORDER BY model, check_index, attempt",
        )?
        .query_map([job_id], |row| {
            Ok(CheckRow {
                model: row.get(0)?,
                check: row.get(1)?,
                attempt: row.get(2)?,
                state: row.get(3)?,
                found: row.get(4)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let commits = transaction
        .prepare(
            "SELECT commit_id, model, quarantine_of, job_failed, version FROM commits
             WHERE job_id = ?1 ORDER BY model, quarantine_of IS NOT NULL, quarantine_of",
        )?
        .query_map(params![job_id], |row| {
            Ok(CommitRow {
                commit_id: row.get(0)?,
                model: row.get(1)?,
                quarantine_of: row.get(2)?,
                job_failed: row.get(3)?,
                version: row.get(4)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(JobRows {
        spec_json,
        state,
        sources,
        models,
        waves,
        checks,
        commits,
    }))
}
