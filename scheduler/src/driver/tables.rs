//! What the driver does to the lake. The lake's calls block, so each runs on
//! a thread for blocking work; what comes of it is an [`Event`].
//!
//! Jobs of one scheduler take turns at a table, by a lock held for the length
//! of one call. So an overwrite finds the newest version and puts its own
//! behind it: of two jobs that overwrite one table the later commit stays, and
//! neither fails. Between schedulers there is no lock: the lake's
//! put-if-absent decides, an append is tried again, and an overwrite that lost
//! the race is a clear error.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use headworks_engine::api::WaveDiscard;
use headworks_lake::schema::SchemaEntry;
use headworks_lake::{
    Audit, CommitError, CommitRequest, LakeError, Mode, PendingFile, Snapshot, Table,
    TableLocation, quarantine_schema,
};
use headworks_spec::{ModelSpec, WriteMode};

use super::action::CommitWork;
use super::event::Event;
use super::state::ErrorClass;

/// A commit of which it is not known whether it happened is tried so often.
const COMMIT_TRIES_MAX: u32 = 3;

/// One lock for each table of this process.
#[derive(Debug, Clone, Default)]
pub struct TableLocks {
    locks: Arc<Mutex<HashMap<TableLocation, Arc<tokio::sync::Mutex<()>>>>>,
}

impl TableLocks {
    fn of(&self, location: &TableLocation) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody holds or waits for are not needed.
        locks.retain(|other, lock| other == location || Arc::strong_count(lock) > 1);
        Arc::clone(locks.entry(location.clone()).or_default())
    }

    /// Runs a blocking call with the table to itself.
    async fn with<T: Send + 'static>(
        &self,
        location: TableLocation,
        call: impl FnOnce(&Table) -> T + Send + 'static,
    ) -> Result<T, String> {
        let guard = self.of(&location).lock_owned().await;
        let work = tokio::task::spawn_blocking(move || {
            let result = call(&Table::open(location));
            drop(guard);
            result
        });
        work.await
            .map_err(|error| format!("a call of the lake broke off: {error}"))
    }
}

/// Opens a model's table, which finishes an unsettled commit.
pub(super) async fn open(locks: TableLocks, lake: String, table: String) -> Event {
    match snapshot(&locks, &lake, &table).await {
        Ok(snapshot) => Event::Opened(snapshot.map(Arc::new)),
        Err((class, error)) => Event::Failed { class, error },
    }
}

/// The tables that a model reads.
pub(super) async fn snapshots(
    locks: &TableLocks,
    lake: &str,
    tables: &[String],
) -> Result<BTreeMap<String, Arc<Snapshot>>, (ErrorClass, String)> {
    let mut found = BTreeMap::new();
    for table in tables {
        match snapshot(locks, lake, table).await? {
            Some(snapshot) => found.insert(table.clone(), Arc::new(snapshot)),
            None => {
                let error = format!(
                    "table `{table}` of lake {lake} is gone; somebody has removed it; run the job again"
                );
                return Err((ErrorClass::Lake, error));
            }
        };
    }
    Ok(found)
}

pub(super) async fn snapshot(
    locks: &TableLocks,
    lake: &str,
    table: &str,
) -> Result<Option<Snapshot>, (ErrorClass, String)> {
    let location =
        TableLocation::new(lake, table).map_err(|error| (class_of(&error), error.to_string()))?;
    match locks.with(location, Table::snapshot).await {
        Ok(Ok(snapshot)) => Ok(snapshot),
        Ok(Err(error)) => Err((
            class_of(&error),
            format!("table `{table}` cannot be opened: {error}"),
        )),
        Err(error) => Err((ErrorClass::Lake, error)),
    }
}

/// Makes the staged files of a model readable.
pub(super) async fn stage(
    locks: &TableLocks,
    lake: &str,
    table: &str,
    files: Vec<PendingFile>,
) -> Result<(), (ErrorClass, String)> {
    let location =
        TableLocation::new(lake, table).map_err(|error| (class_of(&error), error.to_string()))?;
    match locks.with(location, move |table| table.stage(&files)).await {
        Ok(done) => done.map_err(|error| {
            let text = format!("table `{table}`: its new rows cannot be staged: {error}");
            (class_of(&error), text)
        }),
        Err(error) => Err((ErrorClass::Lake, error)),
    }
}

/// What a commit needs beside the driver's wishes.
pub(super) struct CommitContext {
    /// The lake.
    pub(super) lake: String,
    /// The job.
    pub(super) job_id: String,
    /// The model.
    pub(super) model: ModelSpec,
    /// The rows' schema, as the plan has it.
    pub(super) schema: serde_json::Value,
}

/// Commits, and says what came of it.
pub(super) async fn commit(locks: TableLocks, context: CommitContext, work: CommitWork) -> Event {
    let (location, request) = match request(&context, &work) {
        Ok(prepared) => prepared,
        Err(error) => return failed(&error),
    };
    let base = work.base;
    let done = locks
        .with(location, move |table| commit_now(table, request, base))
        .await;
    match done {
        Ok(event) => event,
        Err(error) => Event::CommitUnknown(error),
    }
}

/// Commits a source's bad records, for a job that is not driven any more.
pub(crate) async fn commit_quarantine(
    locks: TableLocks,
    lake: &str,
    job_id: &str,
    model: ModelSpec,
    work: CommitWork,
) -> Event {
    let schema = serde_json::Value::Null;
    let context = CommitContext {
        lake: lake.to_owned(),
        job_id: job_id.to_owned(),
        model,
        schema,
    };
    commit(locks, context, work).await
}

fn request(
    context: &CommitContext,
    work: &CommitWork,
) -> Result<(TableLocation, CommitRequest), LakeError> {
    let options = &context.model.options;
    let at_unix_ms = i64::try_from(work.at_ms).unwrap_or(i64::MAX);
    let mut request = CommitRequest {
        commit_id: work.commit_id.clone(),
        job_id: context.job_id.clone(),
        at_unix_ms,
        mode: match options.mode {
            WriteMode::Append => Mode::Append,
            WriteMode::Overwrite => Mode::Overwrite,
            WriteMode::OverwritePartitions => Mode::OverwritePartitions,
            WriteMode::Upsert => Mode::Upsert,
        },
        base: work.base.unwrap_or(0),
        schema: quarantine_schema(),
        partition_by: Vec::new(),
        partition_columns_in_files: false,
        files: work.files.clone(),
        remove: work.remove.clone(),
        inputs: work.inputs.clone(),
        audit: Audit::Coverage,
        job_failed: work.failed,
        checked: work.checked,
    };
    if let Some(source) = &work.quarantine_of {
        request.mode = Mode::Append;
        return Ok((TableLocation::quarantine(&context.lake, source)?, request));
    }
    request.schema = arrow_schema(&context.schema)?;
    request.partition_by.clone_from(&options.partition_by);
    request.partition_columns_in_files = options.partition_columns_in_files;
    request.audit = work.audit;
    Ok((
        TableLocation::new(&context.lake, &context.model.name)?,
        request,
    ))
}

pub(super) fn arrow_schema(
    schema: &serde_json::Value,
) -> Result<arrow::datatypes::SchemaRef, LakeError> {
    let entry: SchemaEntry =
        serde_json::from_value(schema.clone()).map_err(|error| LakeError::Invalid {
            what: format!("the plan's schema cannot be read: {error}"),
            next: "please report it".to_owned(),
        })?;
    entry.to_arrow()
}

/// The table as a commit would make it now.
///
/// # Errors
/// What the driver would hear of the commit.
pub(super) async fn candidate(
    locks: TableLocks,
    context: CommitContext,
    work: CommitWork,
) -> Result<Snapshot, Event> {
    let (location, request) = request(&context, &work).map_err(|error| failed(&error))?;
    let base = work.base;
    let look = move |table: &Table| {
        let request = on_base(table, request, base)?;
        let looked = table.candidate(&request);
        looked.map_err(|error| refused(error, base))
    };
    let looked = locks.with(location, look).await;
    looked.unwrap_or_else(|error| {
        let class = ErrorClass::Lake;
        Err(Event::Failed { class, error })
    })
}

/// The request with its base: the newest version, unless the job knows better.
fn on_base(
    table: &Table,
    request: CommitRequest,
    base: Option<u64>,
) -> Result<CommitRequest, Event> {
    let base = match base {
        Some(base) => base,
        None => table.recover().map_err(|error| failed(&error))?,
    };
    Ok(CommitRequest { base, ..request })
}

/// What comes of a commit that was refused; `base` is what the job knew of the table.
fn refused(error: CommitError, base: Option<u64>) -> Event {
    let text = error.to_string();
    match error {
        CommitError::InputTaken { .. } => Event::Overtaken(text),
        CommitError::MovedOn { .. } => Event::MovedOn(text),
        CommitError::Audit(_) => Event::Failed {
            class: ErrorClass::Check,
            error: text,
        },
        CommitError::NotCommitted { source, .. } => Event::Failed {
            class: class_of(&source),
            error: text,
        },
        CommitError::Unknown { .. } => Event::CommitUnknown(text),
        CommitError::Unsettled { version, .. } => Event::Committed {
            version,
            unsettled: Some(text),
        },
        // It was made of a version that is not the newest any more.
        CommitError::Conflict { .. } if base.is_some() => Event::Overtaken(text),
        CommitError::Conflict { .. } => Event::Failed {
            class: ErrorClass::Lake,
            error: text,
        },
    }
}

fn failed(error: &LakeError) -> Event {
    Event::Failed {
        class: class_of(error),
        error: error.to_string(),
    }
}

fn commit_now(table: &Table, request: CommitRequest, base: Option<u64>) -> Event {
    let request = match on_base(table, request, base) {
        Ok(request) => request,
        Err(event) => return event,
    };
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match table.commit(&request) {
            Ok(done) => {
                return Event::Committed {
                    version: done.version,
                    unsettled: None,
                };
            }
            Err(error) => error,
        };
        if !matches!(error, CommitError::Unknown { .. }) || tries == COMMIT_TRIES_MAX {
            return refused(error, base);
        }
    }
}

/// Removes files that no commit will name. Returns what could not be done.
pub(super) async fn discard(
    locks: TableLocks,
    lake: String,
    table: String,
    files: WaveDiscard,
) -> Vec<String> {
    let mut problems = Vec::new();
    let mut locations = vec![(TableLocation::new(&lake, &table), files.files)];
    for (source, files) in files.quarantine {
        locations.push((TableLocation::quarantine(&lake, &source), files));
    }
    for (location, files) in locations {
        if files.is_empty() {
            continue;
        }
        let done = match location {
            Ok(location) => match locks
                .with(location, move |table| table.discard(&files))
                .await
            {
                Ok(done) => done.map_err(|error| error.to_string()),
                Err(error) => Err(error),
            },
            Err(error) => Err(error.to_string()),
        };
        if let Err(problem) = done {
            problems.push(format!(
                "hidden files are left behind, `headworks lake gc` removes them: {problem}"
            ));
        }
    }
    problems
}

/// Finishes an unsettled commit of a table, if it has one.
///
/// # Errors
/// The lake's, in words.
pub(crate) async fn settle(locks: &TableLocks, location: TableLocation) -> Result<(), String> {
    match locks.with(location, |table| table.recover()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error),
    }
}

fn class_of(error: &LakeError) -> ErrorClass {
    match error {
        LakeError::Invalid { .. } => ErrorClass::Configuration,
        _ => ErrorClass::Lake,
    }
}
