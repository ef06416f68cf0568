//! The journal's tables. A change is a new entry of [`MIGRATIONS`]: an entry
//! that has been shipped is never edited, since files made by it exist.

use rusqlite::{Connection, TransactionBehavior};

/// Each brings a file from the format of its index to the next.
const MIGRATIONS: [&str; 3] = [
    "
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    spec_json TEXT NOT NULL,
    -- Chosen by the client; NULL if it chose none.
    request_id TEXT UNIQUE,
    -- The scheduler that drives it.
    instance TEXT NOT NULL,
    state TEXT NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    error_class TEXT NOT NULL DEFAULT '',
    submitted_at_ms INTEGER NOT NULL,
    started_at_ms INTEGER,
    ended_at_ms INTEGER,
    -- The last JobView, encoded: counters, models, sources, warnings.
    view BLOB NOT NULL
);
CREATE TABLE sources (
    job_id TEXT NOT NULL REFERENCES jobs(id),
    name TEXT NOT NULL,
    -- SettledSource: files and schema.
    settled_json TEXT NOT NULL,
    PRIMARY KEY (job_id, name)
);
CREATE TABLE models (
    job_id TEXT NOT NULL REFERENCES jobs(id),
    model INTEGER NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    -- The files of each source that it reads.
    inputs_json TEXT,
    -- The sources whose bad records it puts into quarantine.
    quarantines_json TEXT,
    -- ModelPlan.
    plan_json TEXT,
    version INTEGER,
    rows INTEGER,
    files INTEGER,
    bytes INTEGER,
    PRIMARY KEY (job_id, model)
);
CREATE TABLE waves (
    job_id TEXT NOT NULL REFERENCES jobs(id),
    model INTEGER NOT NULL,
    wave INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    -- running, accepted, discarded, interrupted
    state TEXT NOT NULL,
    -- Wave, as this attempt ran it.
    wave_json TEXT NOT NULL,
    engine_job TEXT,
    -- Why it was discarded.
    reason TEXT,
    -- WaveResult, manifest rows included.
    result_json TEXT,
    PRIMARY KEY (job_id, model, wave, attempt)
);
CREATE TABLE commits (
    commit_id TEXT PRIMARY KEY,
    job_id TEXT NOT NULL REFERENCES jobs(id),
    model INTEGER NOT NULL,
    -- NULL: the model's table; else the quarantine of this source.
    quarantine_of TEXT,
    -- Whether it keeps the quarantine of a job that failed.
    job_failed INTEGER NOT NULL,
    -- intended, done
    state TEXT NOT NULL,
    version INTEGER
);
CREATE TABLE log (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL REFERENCES jobs(id),
    at_ms INTEGER NOT NULL,
    line TEXT NOT NULL
);
CREATE INDEX commits_by_job ON commits (job_id);
CREATE INDEX log_by_job ON log (job_id, seq);
",
    "
CREATE TABLE checks (
    job_id TEXT NOT NULL REFERENCES jobs(id),
    model INTEGER NOT NULL,
    check_index INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    -- running, found, discarded, interrupted
    state TEXT NOT NULL,
    -- CheckFindings.
    found_json TEXT,
    -- Why it was discarded.
    reason TEXT,
    PRIMARY KEY (job_id, model, check_index, attempt)
);
",
    // Every model puts bad records into quarantine.
    "ALTER TABLE models DROP COLUMN quarantines_json;",
];

/// The format that this program writes.
pub(super) const LATEST: usize = MIGRATIONS.len();

/// The file's format; 0 for a new one.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Brings the file to [`LATEST`]. Returns the format that it has then, which
/// is a later one if a later program wrote it; nothing is changed in that case.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<usize> {
    if version(connection)? >= LATEST {
        return version(connection);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(found) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", index + 1)?;
    }
    let reached = version(&transaction)?;
    transaction.commit()?;
    Ok(reached)
}
