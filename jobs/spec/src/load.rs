//! The way in: a job file, the `--set` options and the environment become one resolved job, or all that is wrong.

use std::path::Path;
use std::sync::Arc;

use crate::decode::decode;
use crate::error::{SpecError, SpecErrors};
use crate::job_spec::JobSpec;
use crate::json_schema::schema_value;
use crate::overrides::apply;
use crate::paths::{Folders, read_text};
use crate::resolve::resolve;
use crate::yaml::{Input, parse};

/// The largest job file that is read, in bytes.
const JOB_FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads the job file at `path` with the SQL and schema files it names. `overrides` are `key=value` as given to
/// `--set`; `env` looks variables of the environment up. Relative paths in the file start from its folder, those in
/// `overrides` from the working folder.
///
/// # Errors
/// Every fault that can be found, with file, line and column.
pub fn load(
    path: &Path,
    overrides: &[String],
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<JobSpec, SpecErrors> {
    let read = read_text(path, JOB_FILE_BYTES_MAX).map_err(|why| format!("job file: {why}"));
    let working = std::env::current_dir()
        .map_err(|fault| format!("the working folder cannot be told: {fault}; change to another"));
    match (read, working) {
        (Ok(text), Ok(working)) => parse_str(&text, path, &working, overrides, env),
        (Err(message), _) | (_, Err(message)) => {
            let file = path.to_string_lossy().into_owned();
            Err(SpecErrors {
                errors: vec![SpecError {
                    file,
                    line: 0,
                    column: 0,
                    message,
                }],
            })
        }
    }
}

/// [`load`] for a text that is at hand: `path` is where it would be read from (named in messages, and its folder is
/// where relative paths start), `working` the working folder, absolute.
///
/// # Errors
/// As [`load`].
pub fn parse_str(
    text: &str,
    path: &Path,
    working: &Path,
    overrides: &[String],
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<JobSpec, SpecErrors> {
    let origin: Arc<str> = path.to_string_lossy().into();
    let mut errors = Vec::new();
    let input = Input {
        text,
        origin: origin.clone(),
        is_override: false,
        env: Some(env),
    };
    let mut resolved = None;
    if let Some(mut tree) = parse(&input, &mut errors) {
        let schema = schema_value();
        apply(&mut tree, overrides, &schema, &mut errors);
        let decoded = decode(&tree, &schema, &mut errors);
        resolved = resolve(&tree, &decoded, &Folders::of(path, working), &mut errors);
    }
    match resolved {
        Some(job) if errors.is_empty() => Ok(job),
        _ => Err(SpecErrors::sorted(errors, &origin)),
    }
}
