//! A source's files and schema, for the whole job.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use headworks_formats::infer::{SchemaError, evolve};
use headworks_formats::{FormatOptions, OnUnknown};
use headworks_sources::cut::SPLIT_BYTES_MIN;
use headworks_sources::{InputFile, SourceSchema, discover, heads, infer, parquet};
use headworks_spec::SourceSpec;

use super::options::{format_options, rename};
use super::source_error;
use crate::api::{EngineError, SettledSource};

/// Lists a source's files and settles its schema.
///
/// # Errors
/// See [`crate::api::Engine::settle`].
pub async fn settle(spec: SourceSpec) -> Result<SettledSource, EngineError> {
    let options = format_options(&spec)?;
    let listed = discover(&spec.name, &spec.options.path).await;
    let mut files = listed.map_err(source_error)?;
    let schema = match options {
        Some(options) => {
            let marked = heads::mark_whole(&mut files, SPLIT_BYTES_MIN, &options).await;
            marked.map_err(source_error)?;
            record_schema(&spec, &files, &options).await?
        }
        None => {
            let schema = parquet::schema(&files).await.map_err(source_error)?;
            SourceSchema::from_arrow(&schema).map_err(source_error)?
        }
    };
    Ok(SettledSource {
        spec,
        files,
        schema,
    })
}

/// The schema of a source with records: given, inferred, or both.
async fn record_schema(
    spec: &SourceSpec,
    files: &[InputFile],
    options: &FormatOptions,
) -> Result<SourceSchema, EngineError> {
    let Some(file) = &spec.schema_file else {
        let schema = inferred_schema(spec, files, options).await?;
        let schema = schema.map_err(|e| not_inferred(spec, &e))?;
        return SourceSchema::from_arrow(&Arc::new(schema)).map_err(source_error);
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
            Err(SchemaError::NoRecords) => {}
            Err(e) => return Err(not_inferred(spec, &e)),
        }
    }
    if schema == *written {
        Ok(pinned)
    } else {
        SourceSchema::from_arrow(&Arc::new(schema)).map_err(source_error)
    }
}

/// The schema that the files, or a sample of them, have, with the columns' names.
async fn inferred_schema(
    spec: &SourceSpec,
    files: &[InputFile],
    options: &FormatOptions,
) -> Result<Result<Schema, SchemaError>, EngineError> {
    let tree = infer::infer(files, options, spec.options.sample_files).await;
    let tree = tree.map_err(source_error)?;
    match options.schema_of(&tree) {
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
