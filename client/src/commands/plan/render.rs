//! A planned job as text and as JSON.

use headworks_engine::api::{ModelPlan, PlannedStage, SettledSource, Wave};
use headworks_sources::{InputFile, SplitSpec, why_one_task};
use headworks_spec::{ModelSpec, WriteMode, explain};
use serde::Serialize;

use super::Planned;
use super::drift::Drift;
use super::written::WrittenJson;
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
        if let Some(drift) = planned.drifts.get(name) {
            out.push_str(&drift.text());
        }
    }
    for (model, (plan, written)) in planned.spec.models.iter().zip(&planned.models) {
        out.push('\n');
        out.push_str(&model_text(model, plan, &written.lines()));
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

fn model_text(model: &ModelSpec, plan: &ModelPlan, written: &[String]) -> String {
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
    for line in written {
        out.push_str(&format!("  {line}\n"));
    }
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
    out.push_str(&stages_text("stages", &plan.stages));
    out.push_str(&stages_text(
        "stages of the merge with the table",
        &plan.merge_stages,
    ));
    out
}

/// Each stage with its plan; between them rows go over the network.
fn stages_text(title: &str, stages: &[PlannedStage]) -> String {
    if stages.is_empty() {
        return String::new();
    }
    let mut out = format!("  {title}\n");
    for stage in stages {
        let reads: Vec<String> = stage.reads.iter().map(ToString::to_string).collect();
        let reads = match reads.is_empty() {
            true => String::new(),
            false => format!(", over the rows of stage {}", reads.join(" and ")),
        };
        let tasks = counted(u64::from(stage.tasks), "task", "tasks");
        out.push_str(&format!("    stage {}: {tasks}{reads}\n", stage.stage));
        out.push_str(&indented(&indented(&indented(&stage.plan))));
    }
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
    /// What some of the files have otherwise, if the schema is pinned.
    drift: Option<&'a Drift>,
}

#[derive(Debug, Serialize)]
struct ModelJson<'a> {
    table: &'a str,
    row_wise: bool,
    schema: &'a serde_json::Value,
    mode: WriteMode,
    reads: Vec<&'a str>,
    partition_by: &'a [String],
    sort_by: &'a [String],
    key: &'a [String],
    order_by: &'a [String],
    target_file_size: String,
    table_now: WrittenJson<'a>,
    waves: &'a [Wave],
    stages: &'a [PlannedStage],
    merge_stages: &'a [PlannedStage],
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
                drift: planned.drifts.get(name),
            })
            .collect(),
        models: planned
            .spec
            .models
            .iter()
            .zip(&planned.models)
            .map(|(model, (plan, written))| ModelJson {
                table: &model.name,
                row_wise: plan.row_wise,
                schema: &plan.schema,
                mode: model.options.mode,
                reads: model
                    .reads_sources
                    .iter()
                    .chain(&model.reads_models)
                    .map(String::as_str)
                    .collect(),
                partition_by: &model.options.partition_by,
                sort_by: &model.options.sort_by,
                key: &model.options.key,
                order_by: &model.options.order_by,
                target_file_size: model.options.target_file_size.to_string(),
                table_now: written.json(),
                waves: &plan.waves,
                stages: &plan.stages,
                merge_stages: &plan.merge_stages,
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
            content: None,
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
            guessed: false,
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
            explain: "LakeWriteExec\n  RepartitionExec\n    SourceScan".into(),
            stages: vec![
                PlannedStage {
                    stage: 1,
                    tasks: 2,
                    reads: vec![],
                    plan: "SourceScan".into(),
                },
                PlannedStage {
                    stage: 2,
                    tasks: 4,
                    reads: vec![1],
                    plan: "LakeWriteExec\n  UnresolvedShuffleExec".into(),
                },
            ],
            merge_stages: vec![],
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
            model_text(&model, &plan, &["table: a new one".to_owned()]),
            "\
model contracts: row by row, 1 wave
  table: a new one
  WAVE  SOURCE  SPLITS  TASKS  SIZE
     0  awards       2      2  8 MB
  stages
    stage 1: 2 tasks
      SourceScan
    stage 2: 4 tasks, over the rows of stage 1
      LakeWriteExec
        UnresolvedShuffleExec
"
        );
    }
}
