//! The lines of a job's log: what happened, in words.

use headworks_engine::api::MergeStep;
use headworks_proto::v1;

use crate::driver::{Outcome, Record};

/// The line for a record of the job that `view` shows; none for what nobody asks for.
pub(super) fn describe(record: &Record, view: &v1::JobView) -> Option<String> {
    let named = |model: usize| match view.models.get(model) {
        Some(model) => format!("model `{}`", model.table),
        None => format!("model {model}"),
    };
    let checked = |model: usize, check: usize| {
        let table = view.models.get(model).map(|model| model.table.as_str());
        let mut made = view
            .checks
            .iter()
            .filter(|made| Some(made.model.as_str()) == table);
        let check = match made.nth(check) {
            Some(made) => format!("`{}`", made.name),
            None => (check + 1).to_string(),
        };
        format!("{}, check {check}", named(model))
    };
    let attempt_text = |model: &usize, wave: &u32, attempt: &u32| {
        format!(
            "{}, wave {wave}{}",
            named(*model),
            if *attempt > 0 {
                format!(", attempt {attempt}")
            } else {
                String::new()
            }
        )
    };
    Some(match record {
        Record::Started => "started".to_owned(),
        Record::SourceSettled(source) => {
            let bytes: u64 = source.files.iter().map(|file| file.size).sum();
            format!(
                "source `{}`: {} files, {bytes} bytes",
                source.spec.name,
                source.files.len()
            )
        }
        Record::ModelPlanned { work, plan } => {
            let kind = if plan.row_wise {
                "row-wise"
            } else {
                "with a shuffle, or several inputs"
            };
            format!(
                "{}: planned, {} waves, {kind}",
                named(work.model),
                plan.waves.len()
            )
        }
        Record::WaveStarted {
            model,
            wave,
            attempt,
        } => {
            let splits: usize = wave.splits.values().map(Vec::len).sum();
            let what = match &wave.merge {
                None => format!("begins, {splits} splits, {} bytes", wave.bytes),
                Some(MergeStep::Find) => {
                    "looks for the table's files that hold keys of the new rows".to_owned()
                }
                Some(MergeStep::Rewrite { files }) => format!(
                    "merges the new rows with {} files of the table, {} bytes",
                    files.len(),
                    wave.bytes
                ),
            };
            format!("{}: {what}", attempt_text(model, &wave.index, attempt))
        }
        Record::WaveSubmitted { .. } => return None,
        Record::WaveAccepted {
            model,
            wave,
            attempt,
            result,
        } => {
            format!(
                "{}: {} rows in {} files",
                attempt_text(model, wave, attempt),
                result.rows,
                result.files.len()
            )
        }
        Record::RowsStaged { model, rows } => {
            format!(
                "{}: {rows} rows are staged, to be merged with the table's",
                named(*model)
            )
        }
        Record::WaveDiscarded {
            model,
            wave,
            attempt,
            reason,
        } => {
            format!(
                "{}: discarded: {reason}",
                attempt_text(model, wave, attempt)
            )
        }
        Record::CheckStarted { .. } => return None,
        Record::CheckFound {
            model,
            check,
            found,
            ..
        } => match found.failing_rows {
            0 => format!("{}: passed", checked(*model, *check)),
            rows => format!("{}: failed for {rows} rows", checked(*model, *check)),
        },
        Record::CheckDiscarded {
            model,
            check,
            attempt,
            reason,
        } => format!(
            "{}, attempt {attempt}: discarded: {reason}",
            checked(*model, *check)
        ),
        Record::CommitIntended { .. } => return None,
        Record::Committed {
            model,
            quarantine_of: None,
            version,
            ..
        } => {
            format!("{}: committed version {version}", named(*model))
        }
        Record::Committed {
            quarantine_of: Some(source),
            version,
            ..
        } => {
            format!("quarantine of source `{source}`: committed version {version}")
        }
        Record::ModelUnchanged { model, version } => {
            format!(
                "{}: nothing new to append, the table stays at version {version}",
                named(*model)
            )
        }
        Record::ModelRestarted { model, reason } => {
            format!("{}: begins anew: {reason}", named(*model))
        }
        Record::ModelFailed { model } => format!("{}: not committed", named(*model)),
        Record::Note(line) => line.clone(),
        Record::Ended { outcome, .. } => match outcome {
            Outcome::Done => "done".to_owned(),
            Outcome::Failed => "failed".to_owned(),
            Outcome::Cancelled => "cancelled".to_owned(),
        },
    })
}

#[cfg(test)]
mod tests {
    use headworks_engine::api::CheckFindings;

    use super::*;

    #[test]
    fn models_and_checks_have_their_names() {
        let made = |model: &str, name: &str| v1::CheckView {
            model: model.into(),
            name: name.into(),
            ..Default::default()
        };
        let model = |table: &str| v1::ModelView {
            table: table.into(),
            ..Default::default()
        };
        let view = v1::JobView {
            models: vec![model("a"), model("b")],
            checks: vec![made("a", "one"), made("b", "two"), made("b", "three")],
            ..Default::default()
        };
        let found = |check: usize| Record::CheckFound {
            model: 1,
            check,
            attempt: 0,
            found: CheckFindings {
                failing_rows: 7,
                examples: Vec::new(),
            },
        };
        for (record, line) in [
            (found(1), "model `b`, check `three`: failed for 7 rows"),
            (found(2), "model `b`, check 3: failed for 7 rows"),
            (Record::ModelFailed { model: 0 }, "model `a`: not committed"),
            (Record::ModelFailed { model: 2 }, "model 2: not committed"),
        ] {
            assert_eq!(describe(&record, &view).as_deref(), Some(line));
        }
    }
}
