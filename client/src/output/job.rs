//! A job as JSON, which scripts rely on, and as tables for people.

use headworks_proto::v1::{CheckView, JobState, JobView, ModelView};
use serde::Serialize;

use super::table::{Align, Table, one_line};
use super::units::{bytes, count, duration_ms, instant_ms};

/// Version of the JSON outputs.
pub(crate) const JSON_VERSION: u32 = 1;

/// A job's account, as `run -o json` and `jobs show -o json` print it. The
/// order of the keys is that of the contract; new ones stand at the end.
#[derive(Debug, Serialize)]
pub(crate) struct JobJson<'a> {
    v: u32,
    job_id: &'a str,
    state: &'static str,
    /// Null unless the job failed or was stopped.
    error: Option<&'a str>,
    models: Vec<ModelJson<'a>>,
    sources: Vec<SourceJson<'a>>,
    waves_run: u32,
    waves_rerun: u32,
    executors: Vec<ExecutorJson<'a>>,
    timing: Timing,
    name: &'a str,
    error_class: Option<&'a str>,
    submitted_at_ms: u64,
    finished_at_ms: Option<u64>,
    warnings: &'a [String],
    checks: Vec<CheckJson<'a>>,
}

#[derive(Debug, Serialize)]
struct ModelJson<'a> {
    table: &'a str,
    /// The table's version that the commit made; null until then.
    version: Option<u64>,
    rows: u64,
    files: u64,
    bytes: u64,
    state: &'a str,
}

#[derive(Debug, Serialize)]
struct SourceJson<'a> {
    name: &'a str,
    files: u64,
    bytes: u64,
    read: u64,
    written: u64,
    filtered: u64,
    dropped: u64,
    quarantined: u64,
}

#[derive(Debug, Serialize)]
struct CheckJson<'a> {
    /// The model's table.
    model: &'a str,
    name: &'a str,
    severity: &'a str,
    passed: bool,
    /// Rows that break it; of a row count, those that are missing or too many.
    failing_rows: u64,
    /// A few of them, each an object.
    examples: Vec<serde_json::Value>,
}

#[derive(Debug, Serialize)]
struct ExecutorJson<'a> {
    id: &'a str,
    pid: u32,
    tasks: u32,
}

/// Milliseconds; `first_task_ms` is null until a task has ended.
#[derive(Debug, Serialize)]
struct Timing {
    first_task_ms: Option<u64>,
    total_ms: u64,
}

/// A job's JSON. `before_ms` is what passed before the job was submitted:
/// for `run`, starting the program and perhaps a cluster; else 0.
pub(crate) fn job_json(view: &JobView, before_ms: u64) -> JobJson<'_> {
    JobJson {
        v: JSON_VERSION,
        job_id: &view.job_id,
        state: state_name(view.state()),
        error: non_empty(&view.error),
        models: view.models.iter().map(model_json).collect(),
        sources: view
            .sources
            .iter()
            .map(|s| SourceJson {
                name: &s.name,
                files: s.files,
                bytes: s.bytes,
                read: s.read,
                written: s.written,
                filtered: s.filtered,
                dropped: s.dropped,
                quarantined: s.quarantined,
            })
            .collect(),
        waves_run: view.waves_run,
        waves_rerun: view.waves_rerun,
        executors: view
            .executors
            .iter()
            .map(|e| ExecutorJson {
                id: &e.id,
                pid: e.pid,
                tasks: e.tasks,
            })
            .collect(),
        timing: Timing {
            first_task_ms: (view.first_task_ms > 0).then_some(before_ms + view.first_task_ms),
            total_ms: before_ms + view.total_ms,
        },
        name: &view.name,
        error_class: non_empty(&view.error_class),
        submitted_at_ms: view.submitted_at_ms,
        finished_at_ms: (view.finished_at_ms > 0).then_some(view.finished_at_ms),
        warnings: &view.warnings,
        checks: view.checks.iter().map(check_json).collect(),
    }
}

fn model_json(model: &ModelView) -> ModelJson<'_> {
    ModelJson {
        table: &model.table,
        version: (model.version > 0).then_some(model.version),
        rows: model.rows,
        files: model.files,
        bytes: model.bytes,
        state: &model.state,
    }
}

fn check_json(check: &CheckView) -> CheckJson<'_> {
    let example = |text: &String| {
        serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::from(text.as_str()))
    };
    CheckJson {
        model: &check.model,
        name: &check.name,
        severity: &check.severity,
        passed: check.passed,
        failing_rows: check.failing_rows,
        examples: check.examples.iter().map(example).collect(),
    }
}

/// Several jobs' JSON.
pub(crate) fn jobs_json(views: &[JobView]) -> Vec<JobJson<'_>> {
    views.iter().map(|view| job_json(view, 0)).collect()
}

/// A state's name, everywhere.
pub(crate) fn state_name(state: JobState) -> &'static str {
    match state {
        JobState::Unspecified => "unknown",
        JobState::Queued => "queued",
        JobState::Discovering => "discovering",
        JobState::Running => "running",
        JobState::Committing => "committing",
        JobState::Done => "done",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
        JobState::Interrupted => "interrupted",
    }
}

/// Whether nothing will change any more.
pub(crate) fn has_ended(state: JobState) -> bool {
    matches!(
        state,
        JobState::Done | JobState::Failed | JobState::Cancelled | JobState::Interrupted
    )
}

/// What `run` prints at the end: one line of outcome, then models, sources and checks.
pub(crate) fn summary(view: &JobView, before_ms: u64) -> String {
    let mut out = format!("{} {} {}", view.name, view.job_id, state_name(view.state()));
    if has_ended(view.state()) && view.total_ms > 0 {
        out.push_str(&format!(" in {}", duration_ms(before_ms + view.total_ms)));
    }
    if view.first_task_ms > 0 {
        out.push_str(&format!(
            ", first task after {}",
            duration_ms(before_ms + view.first_task_ms)
        ));
    }
    if view.waves_run > 0 {
        out.push_str(&format!(
            ", {}",
            counted(view.waves_run.into(), "wave", "waves")
        ));
    }
    if view.waves_rerun > 0 {
        out.push_str(&format!(", {} run again", count(view.waves_rerun.into())));
    }
    out.push('\n');
    for table in [models_table(view), sources_table(view), checks_table(view)] {
        if !table.is_empty() {
            out.push('\n');
            out.push_str(&table.render());
        }
    }
    out
}

/// What `jobs show` prints: the summary, and who worked on it, when, why it failed.
pub(crate) fn details(view: &JobView) -> String {
    let mut out = format!(
        "{}\nsubmitted {}",
        summary(view, 0),
        instant_ms(view.submitted_at_ms)
    );
    if view.finished_at_ms > 0 {
        out.push_str(&format!(", ended {}", instant_ms(view.finished_at_ms)));
    }
    out.push('\n');
    let mut executors = Table::new(&[
        ("EXECUTOR", Align::Left),
        ("PID", Align::Right),
        ("TASKS", Align::Right),
    ]);
    for e in &view.executors {
        executors.row(vec![e.id.clone(), e.pid.to_string(), count(e.tasks.into())]);
    }
    if !executors.is_empty() {
        out.push('\n');
        out.push_str(&executors.render());
    }
    for warning in &view.warnings {
        out.push_str(&format!("\nwarning: {}", one_line(warning)));
    }
    if !view.warnings.is_empty() {
        out.push('\n');
    }
    if !view.error.is_empty() {
        out.push_str(&format!("\nerror: {}\n", view.error));
    }
    out
}

/// What `jobs list` prints: one line a job.
pub(crate) fn jobs_table(views: &[JobView]) -> Table {
    let mut table = Table::new(&[
        ("ID", Align::Left),
        ("JOB", Align::Left),
        ("STATE", Align::Left),
        ("SUBMITTED", Align::Left),
        ("TOOK", Align::Right),
        ("MODELS", Align::Right),
        ("ROWS", Align::Right),
    ]);
    for view in views {
        let committed = view.models.iter().filter(|m| m.state == "committed");
        let rows: u64 = committed.clone().map(|m| m.rows).sum();
        table.row(vec![
            view.job_id.clone(),
            view.name.clone(),
            state_name(view.state()).to_owned(),
            instant_ms(view.submitted_at_ms),
            if has_ended(view.state()) {
                duration_ms(view.total_ms)
            } else {
                String::new()
            },
            format!("{}/{}", committed.count(), view.models.len()),
            count(rows),
        ]);
    }
    table
}

fn models_table(view: &JobView) -> Table {
    let mut table = Table::new(&[
        ("MODEL", Align::Left),
        ("STATE", Align::Left),
        ("VERSION", Align::Right),
        ("ROWS", Align::Right),
        ("FILES", Align::Right),
        ("SIZE", Align::Right),
    ]);
    for m in &view.models {
        let version = if m.version > 0 {
            m.version.to_string()
        } else {
            "-".to_owned()
        };
        table.row(vec![
            m.table.clone(),
            m.state.clone(),
            version,
            count(m.rows),
            count(m.files),
            bytes(m.bytes),
        ]);
    }
    table
}

fn sources_table(view: &JobView) -> Table {
    let mut table = Table::new(&[
        ("SOURCE", Align::Left),
        ("FILES", Align::Right),
        ("SIZE", Align::Right),
        ("READ", Align::Right),
        ("WRITTEN", Align::Right),
        ("FILTERED", Align::Right),
        ("DROPPED", Align::Right),
        ("QUARANTINED", Align::Right),
    ]);
    for s in &view.sources {
        table.row(vec![
            s.name.clone(),
            count(s.files),
            bytes(s.bytes),
            count(s.read),
            count(s.written),
            count(s.filtered),
            count(s.dropped),
            count(s.quarantined),
        ]);
    }
    table
}

fn checks_table(view: &JobView) -> Table {
    let mut table = Table::new(&[
        ("CHECK", Align::Left),
        ("MODEL", Align::Left),
        ("RESULT", Align::Left),
        ("FAILING ROWS", Align::Right),
        ("SUCH AS", Align::Left),
    ]);
    for check in &view.checks {
        let result = match (check.passed, check.severity.as_str()) {
            (true, _) => "passed",
            (false, "warn") => "warning",
            (false, _) => "failed",
        };
        table.row(vec![
            check.name.clone(),
            check.model.clone(),
            result.to_owned(),
            count(check.failing_rows),
            check.examples.first().cloned().unwrap_or_default(),
        ]);
    }
    table
}

/// A count and its noun.
pub(crate) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use headworks_proto::v1::{ExecutorTasks, SourceView};

    use super::*;

    fn done() -> JobView {
        JobView {
            job_id: "j-1".into(),
            name: "fpds".into(),
            state: JobState::Done.into(),
            submitted_at_ms: 1_795_238_000_000,
            finished_at_ms: 1_795_238_002_500,
            models: vec![
                ModelView {
                    table: "contracts".into(),
                    state: "committed".into(),
                    version: 3,
                    rows: 40_828,
                    files: 41,
                    bytes: 12_345_678,
                },
                ModelView {
                    table: "spend".into(),
                    state: "waiting".into(),
                    ..ModelView::default()
                },
            ],
            sources: vec![SourceView {
                name: "awards".into(),
                files: 4546,
                bytes: 748_000_000,
                read: 40_829,
                written: 40_828,
                filtered: 0,
                dropped: 0,
                quarantined: 1,
            }],
            waves_run: 2,
            waves_rerun: 1,
            executors: vec![ExecutorTasks {
                id: "e-1".into(),
                pid: 7,
                tasks: 4,
            }],
            first_task_ms: 400,
            total_ms: 2500,
            warnings: vec!["unknown element a/b".into()],
            checks: vec![
                CheckView {
                    model: "contracts".into(),
                    name: "unique(piid)".into(),
                    severity: "error".into(),
                    passed: true,
                    ..CheckView::default()
                },
                CheckView {
                    model: "contracts".into(),
                    name: "known vendors".into(),
                    severity: "warn".into(),
                    passed: false,
                    failing_rows: 1200,
                    examples: vec![r#"{"vendor":"x","rows":3}"#.into()],
                },
            ],
            ..JobView::default()
        }
    }

    #[test]
    fn the_json_of_a_job_is_what_the_contract_says() {
        let view = done();
        let json = serde_json::to_string(&job_json(&view, 100)).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"v":1,"job_id":"j-1","state":"done","error":null,"#,
                r#""models":[{"table":"contracts","version":3,"rows":40828,"files":41,"bytes":12345678,"state":"committed"},"#,
                r#"{"table":"spend","version":null,"rows":0,"files":0,"bytes":0,"state":"waiting"}],"#,
                r#""sources":[{"name":"awards","files":4546,"bytes":748000000,"read":40829,"written":40828,"filtered":0,"dropped":0,"quarantined":1}],"#,
                r#""waves_run":2,"waves_rerun":1,"executors":[{"id":"e-1","pid":7,"tasks":4}],"#,
                r#""timing":{"first_task_ms":500,"total_ms":2600},"name":"fpds","error_class":null,"#,
                r#""submitted_at_ms":1795238000000,"finished_at_ms":1795238002500,"warnings":["unknown element a/b"],"#,
                r#""checks":[{"model":"contracts","name":"unique(piid)","severity":"error","passed":true,"failing_rows":0,"examples":[]},"#,
                r#"{"model":"contracts","name":"known vendors","severity":"warn","passed":false,"failing_rows":1200,"examples":[{"rows":3,"vendor":"x"}]}]}"#,
            )
        );
    }

    #[test]
    fn a_failed_jobs_json_carries_the_error_and_no_first_task_if_none_ended() {
        let view = JobView {
            state: JobState::Failed.into(),
            error: "a.xml: byte 7".into(),
            error_class: "input".into(),
            ..JobView::default()
        };
        let json = serde_json::to_value(job_json(&view, 0)).unwrap();
        assert_eq!(json["error"], "a.xml: byte 7");
        assert_eq!(json["error_class"], "input");
        assert!(json["timing"]["first_task_ms"].is_null());
        assert!(json["finished_at_ms"].is_null());
    }

    #[test]
    fn the_summary_names_models_and_where_every_record_went() {
        assert_eq!(
            summary(&done(), 0),
            "\
fpds j-1 done in 2.5 s, first task after 400 ms, 2 waves, 1 run again

MODEL      STATE      VERSION    ROWS  FILES     SIZE
contracts  committed        3  40,828     41  12.3 MB
spend      waiting          -       0      0      0 B

SOURCE  FILES    SIZE    READ  WRITTEN  FILTERED  DROPPED  QUARANTINED
awards  4,546  748 MB  40,829   40,828         0        0            1

CHECK          MODEL      RESULT   FAILING ROWS  SUCH AS
unique(piid)   contracts  passed              0
known vendors  contracts  warning         1,200  {\"vendor\":\"x\",\"rows\":3}
"
        );
    }

    #[test]
    fn details_add_executors_warnings_and_the_error() {
        let mut view = done();
        view.error = "it broke".into();
        let text = details(&view);
        for part in [
            "submitted 2026-11-21 05:13:20Z, ended 2026-11-21 05:13:22Z",
            "EXECUTOR  PID  TASKS\ne-1         7      4\n",
            "warning: unknown element a/b\n",
            "\nerror: it broke\n",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }

    #[test]
    fn the_list_has_one_line_a_job() {
        assert_eq!(
            jobs_table(&[done()]).render(),
            "\
ID   JOB   STATE  SUBMITTED              TOOK  MODELS    ROWS
j-1  fpds  done   2026-11-21 05:13:20Z  2.5 s     1/2  40,828
"
        );
    }
}
