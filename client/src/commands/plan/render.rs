//! A planned job as text and as JSON.

use headworks_engine::api::{ModelPlan, SettledSource, Wave};
use headworks_sources::{InputFile, SplitSpec, why_one_task};
use headworks_spec::{ModelSpec, explain};
use serde::Serialize;

use super::Planned;
use crate::output::job::{JSON_VERSION, counted};
use crate::output::table::{Align, Table};
use crate::output::units::{bytes, count};

/// So many files of a source are shown; `-o json` has them all.
const FILES_SHOWN_MAX: usize = 20;

/// The plan as text.
pub(super) fn text(planned: &Planned) -> String {
    let mut out = explain(&planned.spec);
    for (name, source) in &planned.sources {
        out.push('\n');
        out.push_str(&source_text(name, source));
    }
    for (model, plan) in planned.spec.models.iter().zip(&planned.models) {
        out.push('\n');
        out.push_str(&model_text(model, plan));
    }
    out
}

fn source_text(name: &str, source: &SettledSource) -> String {
    let total: u64 = source.files.iter().map(|f| f.size).sum();
    let mut out = format!(
        "source {name}: {}, {}\n",
        counted(source.files.len() as u64, "file", "files"),
        bytes(total)
    );
    out.push_str(&indented(&files_text(&source.files)));
    if let Some(more) = source
        .files
        .len()
        .checked_sub(FILES_SHOWN_MAX)
        .filter(|more| *more > 0)
    {
        out.push_str(&format!("  ... and {} more\n", count(more as u64)));
    }
    out.push_str("  schema\n");
    // The notes at a schema file's head are for those who edit it.
    let fields: String = source
        .schema
        .yaml()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    out.push_str(&indented(&indented(fields.trim_start_matches('\n'))));
    out
}

/// The first files; where some cannot be cut, why their one task is one.
fn files_text(files: &[InputFile]) -> String {
    let shown = &files[..files.len().min(FILES_SHOWN_MAX)];
    let mut columns = vec![("FILE", Align::Left), ("SIZE", Align::Right)];
    let any_whole = shown.iter().any(|file| why_one_task(file).is_some());
    if any_whole {
        columns.push(("READ BY ONE TASK", Align::Left));
    }
    let mut table = Table::new(&columns);
    for file in shown {
        let mut row = vec![file.path.clone(), bytes(file.size)];
        if any_whole {
            row.push(why_one_task(file).unwrap_or_default().to_owned());
        }
        table.row(row);
    }
    table.render()
}

fn model_text(model: &ModelSpec, plan: &ModelPlan) -> String {
    let kind = if plan.row_wise {
        "row by row"
    } else {
        "over whole tables"
    };
    let mut out = format!(
        "model {}: {kind}, {}\n",
        model.name,
        counted(plan.waves.len() as u64, "wave", "waves")
    );
    let mut waves = Table::new(&[
        ("WAVE", Align::Right),
        ("SOURCE", Align::Left),
        ("SPLITS", Align::Right),
        ("TASKS", Align::Right),
        ("SIZE", Align::Right),
    ]);
    for wave in &plan.waves {
        for (source, splits) in &wave.splits {
            let size: u64 = splits.iter().map(SplitSpec::bytes).sum();
            waves.row(vec![
                wave.index.to_string(),
                source.clone(),
                count(splits.len() as u64),
                count(tasks(splits)),
                bytes(size),
            ]);
        }
    }
    if !waves.is_empty() {
        out.push_str(&indented(&waves.render()));
    }
    out.push_str("  plan\n");
    out.push_str(&indented(&indented(&plan.explain)));
    out
}

/// Splits of one pack are read by one task.
fn tasks(splits: &[SplitSpec]) -> u64 {
    let packs: std::collections::BTreeSet<u32> = splits.iter().map(|split| split.pack).collect();
    packs.len() as u64
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("  {line}\n")
            }
        })
        .collect()
}

/// The plan as JSON.
#[derive(Debug, Serialize)]
pub(super) struct PlanJson<'a> {
    v: u32,
    job: &'a str,
    lake: &'a str,
    sources: Vec<SourceJson<'a>>,
    models: Vec<ModelJson<'a>>,
}

#[derive(Debug, Serialize)]
struct SourceJson<'a> {
    name: &'a str,
    bytes: u64,
    files: &'a [InputFile],
    /// As a schema file's text.
    schema: &'a str,
}

#[derive(Debug, Serialize)]
struct ModelJson<'a> {
    table: &'a str,
    row_wise: bool,
    schema: &'a serde_json::Value,
    waves: &'a [Wave],
    explain: &'a str,
}

/// As [`text`], whole.
pub(super) fn json(planned: &Planned) -> PlanJson<'_> {
    PlanJson {
        v: JSON_VERSION,
        job: &planned.spec.job,
        lake: &planned.spec.lake,
        sources: planned
            .sources
            .iter()
            .map(|(name, source)| SourceJson {
                name,
                bytes: source.files.iter().map(|f| f.size).sum(),
                files: &source.files,
                schema: source.schema.yaml(),
            })
            .collect(),
        models: planned
            .spec
            .models
            .iter()
            .zip(&planned.models)
            .map(|(model, plan)| ModelJson {
                table: &model.name,
                row_wise: plan.row_wise,
                schema: &plan.schema,
                waves: &plan.waves,
                explain: &plan.explain,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pack: u32, start: u64) -> SplitSpec {
        SplitSpec {
            id: 0,
            path: "/d/a.xml".into(),
            file_size: 8_000_000,
            start,
            end: start + 4_000_000,
            known_start: None,
            member: None,
            pack,
        }
    }

    #[test]
    fn files_that_cannot_be_cut_say_why() {
        let file = |path: &str| InputFile {
            path: path.into(),
            size: 8_000_000,
            modified_ms: 0,
            etag: None,
            member: None,
            whole: false,
        };
        assert_eq!(
            files_text(&[file("/d/a.xml"), file("/d/b.xml.gz")]),
            "\
FILE         SIZE  READ BY ONE TASK
/d/a.xml     8 MB
/d/b.xml.gz  8 MB  gzip cannot be split
"
        );
        assert_eq!(
            files_text(&[file("/d/a.xml")]),
            "FILE      SIZE\n/d/a.xml  8 MB\n"
        );
    }

    #[test]
    fn a_model_shows_its_waves_and_its_plan() {
        let plan = ModelPlan {
            row_wise: true,
            schema: serde_json::Value::Null,
            waves: vec![Wave {
                index: 0,
                splits: [("awards".to_owned(), vec![split(0, 0), split(1, 4_000_000)])].into(),
                bytes: 8_000_000,
                merge: None,
            }],
            explain: "LakeWriteExec\n  SourceScan".into(),
        };
        let model = ModelSpec {
            name: "contracts".into(),
            options: headworks_spec::Model::new("c.sql"),
            sql: headworks_spec::TextFile {
                path: "c.sql".into(),
                text: String::new(),
            },
            reads_sources: vec!["awards".into()],
            reads_models: Vec::new(),
            checks: Vec::new(),
        };
        assert_eq!(
            model_text(&model, &plan),
            "\
model contracts: row by row, 1 wave
  WAVE  SOURCE  SPLITS  TASKS  SIZE
     0  awards       2      2  8 MB
  plan
    LakeWriteExec
      SourceScan
"
        );
    }
}
