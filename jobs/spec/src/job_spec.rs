//! The resolved job: the one self-contained message that a client submits and a scheduler journals.
//!
//! Nothing in it depends on the client's disk or environment: paths are absolute, the SQL and the schema files are
//! inside, the models are in the order in which they run.

use serde::{Deserialize, Serialize};

use crate::check::CheckSpec;
use crate::job_file::{Model, Source, Tuning};

/// The version of the message that this program writes and reads.
pub const JOB_SPEC_VERSION: u32 = 1;

/// A job, ready to be submitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// [`JOB_SPEC_VERSION`].
    pub v: u32,
    /// The job's name.
    pub job: String,
    /// The lake: an absolute path, or a URL.
    pub lake: String,
    /// The sources in the order of the job file.
    pub sources: Vec<SourceSpec>,
    /// The models in the order in which they run: each after those it reads, else as in the job file.
    pub models: Vec<ModelSpec>,
    /// How the work is cut.
    pub tuning: Tuning,
}

/// A source of a resolved job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Its name in SQL.
    pub name: String,
    /// Its options as in the job file, with every path absolute or a URL.
    pub options: Source,
    /// The schema file, when the schema is not inferred.
    pub schema_file: Option<TextFile>,
}

/// A model of a resolved job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Its table in the lake.
    pub name: String,
    /// Its options as in the job file; the checks stand in `checks`.
    pub options: Model,
    /// The query: exactly one SELECT or WITH, checked to parse, with or without a closing semicolon.
    pub sql: TextFile,
    /// The sources that the query names, in the order in which it first names them.
    pub reads_sources: Vec<String>,
    /// The models that the query names, in the order in which it first names them.
    pub reads_models: Vec<String>,
    /// What must be true of the table before it gets a new version, in the order of the job file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckSpec>,
}

impl ModelSpec {
    /// The tables that its checks read besides its own, each once, in order.
    pub fn check_tables(&self) -> Vec<String> {
        let mut tables: Vec<String> = Vec::new();
        for table in self.checks.iter().flat_map(|check| &check.reads) {
            if !tables.contains(table) {
                tables.push(table.clone());
            }
        }
        tables
    }
}

/// A file that was read into the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextFile {
    /// Its path as messages name it; for a query written into the job file, the job file's.
    pub path: String,
    /// Its whole text.
    pub text: String,
}

/// A message that is no job this program can run.
#[derive(Debug, thiserror::Error)]
pub enum JobSpecError {
    /// Another version wrote it: use the same version of client and scheduler.
    #[error(
        "the job was written as version {found}, this program reads version {JOB_SPEC_VERSION}; use a client and a \
         scheduler of the same version"
    )]
    Version {
        /// The version found.
        found: u32,
    },
    /// It is not such a message at all: submit again, from the job file.
    #[error("not a job message: {0}; submit the job file again")]
    Malformed(#[from] serde_json::Error),
}

impl JobSpec {
    /// The message as one line of JSON.
    ///
    /// # Errors
    /// None that is known: every value has a JSON form.
    pub fn to_json(&self) -> Result<String, JobSpecError> {
        Ok(serde_json::to_string(self)?)
    }

    /// Reads what [`JobSpec::to_json`] wrote.
    ///
    /// # Errors
    /// [`JobSpecError::Version`] for a message of another version, whatever else it holds; else
    /// [`JobSpecError::Malformed`].
    pub fn from_json(json: &str) -> Result<JobSpec, JobSpecError> {
        /// The one field that every version has.
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let found = serde_json::from_str::<Version>(json)?.v;
        if found != JOB_SPEC_VERSION {
            return Err(JobSpecError::Version { found });
        }
        Ok(serde_json::from_str(json)?)
    }

    /// The source of that name, exactly as written.
    pub fn source(&self, name: &str) -> Option<&SourceSpec> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// The model of that name, exactly as written.
    pub fn model(&self, name: &str) -> Option<&ModelSpec> {
        self.models.iter().find(|model| model.name == name)
    }
}
