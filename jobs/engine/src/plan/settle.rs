//! A source's files and schema, for the whole job.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use headworks_formats::infer::{SchemaError, evolve};
use headworks_formats::{FormatOptions, OnUnknown, Sampled, TypeTree};
use headworks_sources::cut::SPLIT_BYTES_MIN;
use headworks_sources::{InputFile, SourceSchema, discover, heads, infer, parquet, sample};
use headworks_spec::SourceSpec;

use super::options::{format_options, rename};
use super::source_error;
use crate::api::{EngineError, SettledSource};

/// How much of a source is looked at for its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// All of it, or what the job file says.
    All,
    /// A sample, where all records that are read can bear it out.
    Sample,
}

/// Lists a source's files and settles its schema.
///
/// # Errors
/// See [`crate::api::Engine::settle`].
pub async fn settle(spec: SourceSpec, look: Look) -> Result<SettledSource, EngineError> {
    let options = format_options(&spec)?;
    let listed = discover(&spec.name, &spec.options.path).await;
    let mut files = listed.map_err(source_error)?;
    if let Some(options) = &options {
        let marked = heads::look_for_seams(&mut files, SPLIT_BYTES_MIN, options).await;
        marked.map_err(source_error)?;
    }
    with_schema(spec, files, options, look).await
}

/// Settles the schema of a source by all of its records.
///
/// # Errors
/// See [`crate::api::Engine::settle`].
pub async fn settle_again(source: SettledSource) -> Result<SettledSource, EngineError> {
    let options = format_options(&source.spec)?;
    with_schema(source.spec, source.files, options, Look::All).await
}

async fn with_schema(
    spec: SourceSpec,
    files: Vec<InputFile>,
    options: Option<FormatOptions>,
    look: Look,
) -> Result<SettledSource, EngineError> {
    let (schema, sampled) = match &options {
        Some(options) => record_schema(&spec, &files, options, look).await?,
        None => {
            let schema = parquet::schema(&files).await.map_err(source_error)?;
            let schema = SourceSchema::from_arrow(&schema).map_err(source_error)?;
            (schema, None)
        }
    };
    Ok(SettledSource {
        spec,
        files,
        schema,
        sampled,
    })
}

/// The schema of a source with records: given, inferred, or both. If it is a sample's, with what that leaves open.
async fn record_schema(
    spec: &SourceSpec,
    files: &[InputFile],
    options: &FormatOptions,
    look: Look,
) -> Result<(SourceSchema, Option<Sampled>), EngineError> {
    let Some(file) = &spec.schema_file else {
        if look == Look::Sample
            && spec.options.sample_files.is_none()
            && let Some(tree) = sample::sample(files, options).await.map_err(source_error)?
        {
            let schema = named(spec, options, &tree)?;
            let schema = schema.map_err(|e| not_inferred(spec, &e))?;
            let schema = SourceSchema::from_arrow(&Arc::new(schema)).map_err(source_error)?;
            return Ok((schema, Some(options.sampled(&tree))));
        }
        let schema = inferred_schema(spec, files, options).await?;
        let schema = schema.map_err(|e| not_inferred(spec, &e))?;
        let schema = SourceSchema::from_arrow(&Arc::new(schema)).map_err(source_error)?;
        return Ok((schema, None));
    };
    let pinned = SourceSchema::from_yaml(&file.path, file.text.as_str()).map_err(source_error)?;
    let written = pinned.arrow().map_err(source_error)?;
    let checked = rename(spec).check(&spec.name, &written);
    checked.map_err(source_error)?;
    let mut schema = options.complete_schema(&written);
    if options.on_unknown() == OnUnknown::Evolve {
        match inferred_schema(spec, files, options).await? {
            Ok(inferred) => schema = evolve(&schema, &inferred).0,
            // Nothing was found that the schema could lack.
            Err(SchemaError::NoRecords { .. }) => {}
            Err(e) => return Err(not_inferred(spec, &e)),
        }
    }
    let schema = if schema == *written {
        pinned
    } else {
        SourceSchema::from_arrow(&Arc::new(schema)).map_err(source_error)?
    };
    Ok((schema, None))
}

/// The schema that the files, or a sample of them, have, with the columns' names.
async fn inferred_schema(
    spec: &SourceSpec,
    files: &[InputFile],
    options: &FormatOptions,
) -> Result<Result<Schema, SchemaError>, EngineError> {
    let tree = infer::infer(files, options, spec.options.sample_files).await;
    named(spec, options, &tree.map_err(source_error)?)
}

/// The schema of what was learned, with the columns' names.
fn named(
    spec: &SourceSpec,
    options: &FormatOptions,
    tree: &TypeTree,
) -> Result<Result<Schema, SchemaError>, EngineError> {
    match options.schema_of(tree) {
        Ok(schema) => {
            let schema = rename(spec).schema_of_columns(&spec.name, &schema);
            Ok(Ok(schema.map_err(source_error)?))
        }
        Err(error) => Ok(Err(error)),
    }
}

fn not_inferred(spec: &SourceSpec, error: &SchemaError) -> EngineError {
    EngineError::Configuration(format!(
        "source `{}`: no schema can be inferred: {error}",
        spec.name
    ))
}
