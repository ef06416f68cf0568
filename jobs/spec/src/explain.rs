//! A job told in a few lines: what is read, what is written, in which order.

use std::fmt::Write;

use serde::Serialize;

use crate::check::{CheckSpec, Severity};
use crate::job_file::{ChangedFiles, Distribute, Format, Model, OnUnknown, Source, WriteMode};
use crate::job_spec::{JobSpec, ModelSpec, SourceSpec};

/// The sources, then the models in the order in which they run.
pub fn explain(job: &JobSpec) -> String {
    let mut text = format!("job {}, lake {}\nsources\n", job.job, job.lake);
    for source in &job.sources {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}: {}", source.name, source_line(job, source));
    }
    text.push_str("models, in order\n");
    for (at, model) in job.models.iter().enumerate() {
        let _ = writeln!(text, "  {}. {}: {}", at + 1, model.name, model_line(model));
    }
    text
}

fn source_line(job: &JobSpec, source: &SourceSpec) -> String {
    let options = &source.options;
    let mut parts = vec![word(&options.format)];
    match options.format {
        Format::Xml => parts.push(format!("rows {}", options.row_tag.join(", "))),
        Format::Json => parts.extend(options.records.iter().map(|path| format!("rows {path}"))),
        Format::Csv | Format::Parquet => {}
    }
    if options.format != Format::Parquet {
        parts.push(schema_words(options));
        parts.push(format!("bad records: {}", word(&options.on_bad_record)));
        parts.push(format!("bad values: {}", word(&options.on_bad_value)));
        if options.on_unknown != OnUnknown::default() {
            parts.push(format!("unknown names: {}", word(&options.on_unknown)));
        }
    }
    if !job
        .models
        .iter()
        .any(|model| model.reads_sources.contains(&source.name))
    {
        parts.push("read by no model".to_owned());
    }
    format!("{}; {}", options.path.join(", "), parts.join("; "))
}

fn schema_words(source: &Source) -> String {
    let records = source.sample_ratio.map_or_else(String::new, |ratio| {
        format!("a share of {ratio} of the records of ")
    });
    match (source.infers_schema(), source.sample_files) {
        (false, _) => format!("schema {}", source.schema),
        (true, None) => format!("schema inferred from {records}all files"),
        (true, Some(files)) => format!("schema inferred from {records}{files} files"),
    }
}

fn model_line(model: &ModelSpec) -> String {
    let options = &model.options;
    let reads: Vec<&str> = model
        .reads_sources
        .iter()
        .chain(&model.reads_models)
        .map(String::as_str)
        .collect();
    let reads = if reads.is_empty() {
        "nothing".to_owned()
    } else {
        reads.join(", ")
    };
    let mut parts = vec![
        format!("{} reads {reads}", model.sql.path),
        mode_words(options),
    ];
    if !options.partition_by.is_empty() {
        let shuffled = if options.distribute == Distribute::None {
            "not shuffled"
        } else {
            "shuffled"
        };
        parts.push(format!(
            "partitioned by {} ({shuffled})",
            options.partition_by.join(", ")
        ));
    }
    if !options.sort_by.is_empty() {
        parts.push(format!("sorted by {}", options.sort_by.join(", ")));
    }
    parts.push(format!(
        "files of {}, {}",
        options.target_file_size,
        word(&options.compression)
    ));
    if !model.checks.is_empty() {
        let name = |check: &CheckSpec| match check.severity {
            Severity::Error => check.name.clone(),
            Severity::Warn => format!("{} (warns only)", check.name),
        };
        let names: Vec<String> = model.checks.iter().map(name).collect();
        parts.push(format!("checked: {}", names.join(", ")));
    }
    parts.join("; ")
}

fn mode_words(options: &Model) -> String {
    let mode = word(&options.mode);
    match options.mode {
        WriteMode::Append if options.changed_files != ChangedFiles::default() => {
            format!("{mode} (changed files: {})", word(&options.changed_files))
        }
        WriteMode::Upsert => {
            let latest = match options.order_by.as_slice() {
                [] => String::new(),
                order => format!(" (the last by {})", order.join(", ")),
            };
            format!("{mode} by {}{latest}", options.key.join(", "))
        }
        _ => mode,
    }
}

/// An option's value as the job file writes it.
fn word<T: Serialize>(option: &T) -> String {
    match serde_json::to_value(option) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
