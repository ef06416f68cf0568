//! Which files an append reads: those that its table has not taken in, and those that have changed since, as the
//! model's `changed_files` says.

use std::collections::{BTreeMap, BTreeSet};

use headworks_lake::Snapshot;
use headworks_sources::InputFile;
use headworks_spec::{ChangedFiles, ModelSpec};

use super::audit::content_tag;
use super::state::ErrorClass;
use super::warnings::Warnings;

/// So many files are named in a message.
const NAMED_MAX: usize = 5;

/// What an append takes in.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The files of each source that are left to be read.
    pub(super) inputs: BTreeMap<String, Vec<InputFile>>,
    /// How many files the table has already.
    pub(super) left_out: usize,
    /// The files of the table that go, by path.
    pub(super) replaces: Vec<String>,
}

/// What a model would take in if it ran now, for those who plan it; the rules are those by which it runs.
#[derive(Debug, Default)]
pub struct TakesIn {
    /// The files of each source that it would read.
    pub inputs: BTreeMap<String, Vec<InputFile>>,
    /// How many files it would leave out, since the table has them.
    pub left_out: usize,
    /// The files of the table that would go with what has changed, by path.
    pub replaces: Vec<String>,
    /// What the user would hear.
    pub warnings: Vec<String>,
}

/// What an append would take in of `inputs`, the files of each source.
///
/// # Errors
/// In words, why it would fail.
pub fn would_take_in(
    model: &ModelSpec,
    inputs: &BTreeMap<String, Vec<InputFile>>,
    table: &Snapshot,
) -> Result<TakesIn, String> {
    let mut warnings = Warnings::default();
    let taken = choose(model, inputs, table, &mut warnings).map_err(|(_, error)| error)?;
    Ok(TakesIn {
        inputs: taken.inputs,
        left_out: taken.left_out,
        replaces: taken.replaces,
        warnings: warnings.lines(),
    })
}

/// Chooses among `inputs`, the files of each source.
///
/// # Errors
/// The failure of a model whose files have changed against its rules, or cannot be replaced.
pub(super) fn choose(
    model: &ModelSpec,
    inputs: &BTreeMap<String, Vec<InputFile>>,
    table: &Snapshot,
    warnings: &mut Warnings,
) -> Result<Taken, (ErrorClass, String)> {
    let has =
        |file: &InputFile| table.has_taken(&file.path, file.size, content_tag(file).as_deref());
    let all = || inputs.values().flatten();
    let changed: BTreeSet<String> = all()
        .filter(|file| !has(file) && table.inputs.contains_key(&file.path))
        .map(|file| file.path.clone())
        .collect();
    let mut taken = Taken::default();
    let mut again = BTreeSet::new();
    if !changed.is_empty() {
        match model.options.changed_files {
            ChangedFiles::Append => {
                for path in &changed {
                    warnings.note(format!(
                        "{path} has changed since the table took it in; it is appended as a new file, and the rows of \
                         its earlier content stay"
                    ));
                }
            }
            ChangedFiles::Error => {
                return Err((
                    ErrorClass::Input,
                    format!(
                        "model `{}`: {} changed since the table took them in, and the model says `changed_files: \
                         error`: {}; nothing was read; bring the earlier content back, or say `replace` or `append`",
                        model.name,
                        files_have(changed.len()),
                        named(&changed)
                    ),
                ));
            }
            ChangedFiles::Replace => {
                let replacement = table.replacing(&changed).map_err(|why| {
                    (
                        ErrorClass::Configuration,
                        format!(
                            "model `{}`: {} changed and cannot be replaced: {}: {why}; use `mode: overwrite`",
                            model.name,
                            files_have(changed.len()),
                            named(&changed)
                        ),
                    )
                })?;
                let listed: BTreeSet<&String> = all().map(|file| &file.path).collect();
                let mut gone = replacement.retake.clone();
                gone.retain(|path| !listed.contains(path));
                if !gone.is_empty() {
                    return Err((
                        ErrorClass::Input,
                        format!(
                            "model `{}`: {} changed: {}; rows of other files came into the table with theirs, so these \
                             have to be read again, and they are not among the source's files any more: {}; nothing \
                             was read; bring them back, or use `mode: overwrite`",
                            model.name,
                            files_have(changed.len()),
                            named(&changed),
                            named(&gone)
                        ),
                    ));
                }
                let beside = replacement.retake.len() - changed.len();
                warnings.note(format!(
                    "model `{}`: {} changed since the table took them in, and are replaced: {}; {beside} more that \
                     came into the table with them are read again",
                    model.name,
                    files_have(changed.len()),
                    named(&changed)
                ));
                again = replacement.retake;
                taken.replaces = replacement.remove;
            }
        }
    }
    for (source, files) in inputs {
        let (mut left, all) = (files.clone(), files.len());
        left.retain(|file| !has(file) || again.contains(&file.path));
        taken.left_out += all - left.len();
        taken.inputs.insert(source.clone(), left);
    }
    Ok(taken)
}

fn files_have(count: usize) -> String {
    match count {
        1 => "1 file has".to_owned(),
        count => format!("{count} files have"),
    }
}

/// The first paths, and how many more there are.
fn named(paths: &BTreeSet<String>) -> String {
    let first: Vec<&str> = paths.iter().take(NAMED_MAX).map(String::as_str).collect();
    let first = first.join(", ");
    match paths.len().saturating_sub(NAMED_MAX) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
