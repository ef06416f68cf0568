//! The job file: parse, validate, explain.
//!
//! A job is a YAML file with SQL files beside it. [`load`] turns them, the `--set` options and the environment into one
//! [`JobSpec`], the self-contained message that is submitted, or into [`SpecErrors`]: everything that is wrong, each
//! fault with file, line, column, what was found, what is allowed, and the nearest known word.
//!
//! The way through the files: `yaml` makes a tree of nodes with places and `variables` puts the environment in;
//! `overrides` applies `--set`; `decode` checks the tree against the schema that is generated from the types in
//! `job_file`; `resolve` reads the files beside it, with `sql` for what a query reads and `order` for the order of the
//! models. Nothing here looks at the data, and nothing but the job's own small files is read.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod byte_size;
mod check;
mod check_model;
mod check_source;
mod decode;
mod error;
mod explain;
mod file_names;
mod job_file;
mod job_spec;
mod json_schema;
mod load;
mod names;
mod order;
mod overrides;
mod paths;
mod resolve;
mod resolve_checks;
mod sql;
mod variables;
mod yaml;

#[cfg(test)]
mod tests;

pub use byte_size::{ByteSize, NotAByteSize};
pub use check::{
    AcceptedValues, Check, CheckRule, CheckSpec, PlainValue, Relationships, RowCount, Severity,
};
pub use error::{SpecError, SpecErrors, nearest};
pub use explain::explain;
pub use file_names::{TAB_EXTENSION, format_extension};
pub use job_file::{
    ChangedFiles, Compression, Distribute, Format, JobFile, Layout, Model, OnBadRecord, OnBadValue,
    OnUnknown, SortColumn, Source, Tuning, WriteMode,
};
pub use job_spec::{JOB_SPEC_VERSION, JobSpec, JobSpecError, ModelSpec, SourceSpec, TextFile};
pub use json_schema::json_schema;
pub use load::{load, parse_str};
pub use names::{NameMatch, match_name};
