//! What the user should look at in the numbers of a model that has committed.

use headworks_spec::{Format, Source};

use super::model::is_counted;
use super::state::{JobState, ModelRun, ModelState};

/// Lines about the model, for the job's warnings.
pub(super) fn notes(state: &JobState, model: usize, run: &ModelRun) -> Vec<String> {
    let name = &state.spec.models[model].name;
    let revisits = run.work.revisits.iter();
    let more = revisits
        // Not those alone that the model read before it began anew.
        .filter(|source| state.source_counts.contains_key(*source))
        .filter_map(|source| more_bad(&state.models[model], source, name));
    let sources = state.spec.sources.iter();
    let counted = sources.filter(|source| is_counted(state, &source.name));
    let empty = counted.filter_map(|source| nothing_found(run, &source.name, &source.options));
    more.chain(empty).collect()
}

/// A later model's bad records are not among the counts of the source, which are those of the first.
fn more_bad(state: &ModelState, source: &str, model: &str) -> Option<String> {
    let records = state.quarantined.get(source)?.records;
    (records > 0).then(|| {
        format!(
            "{records} more bad records of source `{source}` went to quarantine with model `{model}`, which reads columns \
             or files that no model before it reads"
        )
    })
}

/// Files without a record may be meant so, but a wrong row tag looks the same where the schema is pinned.
fn nothing_found(run: &ModelRun, source: &str, options: &Source) -> Option<String> {
    let files = run.work.inputs.get(source)?;
    let bytes: u64 = files.iter().map(|file| file.size).sum();
    let accounts = run.accounts.iter().filter(|((name, _), _)| name == source);
    let read: u64 = accounts.map(|(_, account)| account.read).sum();
    let look = match options.format {
        Format::Xml => format!("`row_tag` ({}) and ", options.row_tag.join(", ")),
        Format::Json => match &options.records {
            Some(path) => format!("`records` ({path}) and "),
            None => String::new(),
        },
        Format::Csv | Format::Parquet => String::new(),
    };
    (bytes > 0 && read == 0).then(|| {
        let (count, files) = (files.len(), if files.len() == 1 { "file" } else { "files" });
        format!(
            "source `{source}`: no record in {count} {files} of {bytes} bytes; check {look}`format`"
        )
    })
}
