//! `headworks convert IN OUT`: files to Parquet without a job
//! file. It is a job all the same, run within this process over a hidden lake
//! beside OUT; its committed files are then moved to OUT, or made one file.

mod merge;
mod order;
mod place;

use std::path::{Path, PathBuf};

use headworks_lake::{Settled, Snapshot, Table, TableLocation};
use headworks_proto::v1::{JobState, JobView};
use headworks_spec::{
    JOB_SPEC_VERSION, JobSpec, Model, ModelSpec, OnBadRecord as SpecOnBadRecord, TextFile, Tuning,
};
use serde::Serialize;

use self::place::Place;
use super::lake::failure;
use super::raw_source::source_spec;
use super::run::{request_id, spec_json};
use crate::cli::{Convert, OnBadRecord};
use crate::connect::{Cluster, Wish};
use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::interrupts::Interrupts;
use crate::output;
use crate::output::job::{JSON_VERSION, counted};
use crate::output::units::{bytes, duration_ms};
use crate::watch::{Hold, Watched, watch};

/// The source's name, in the query and in messages.
const SOURCE: &str = "input";
/// The one table of the hidden lake.
const TABLE: &str = "rows";
/// The hidden lake, in the hidden folder beside OUT.
const LAKE_FOLDER: &str = "lake";
/// The journal of the conversion's own cluster, likewise.
const STATE_FOLDER: &str = "state";
/// The one file, before it gets its name.
const MERGED_FILE: &str = "merged";
/// The bad records' one file, likewise.
const MERGED_QUARANTINE_FILE: &str = "merged-quarantine";

#[derive(Debug, Serialize)]
struct ConvertedJson {
    v: u32,
    rows: u64,
    files: u64,
    bytes: u64,
    read: u64,
    dropped: u64,
    quarantined: u64,
    total_ms: u64,
}

/// Converts files.
///
/// # Errors
/// When IN cannot be read, OUT may not be written, or a record fails the
/// conversion by option. OUT is then as it was.
pub(crate) async fn run(context: &Context, args: Convert) -> Result<Exit, Failure> {
    let place = Place::prepare(&args.out, args.overwrite)?;
    let spec = job(&args, place.work())?;
    let mut interrupts = Interrupts::listen();
    let wish = Wish {
        cores: args.threads,
        state_dir: Some(place.work().join(STATE_FOLDER)),
        ..Wish::default()
    };
    // Always within this process: a scheduler elsewhere has other disks.
    let cluster = Cluster::start(context, wish).await?;
    let watched = convert(context, &cluster, &spec, &mut interrupts).await;
    cluster.close().await;
    let view = match watched? {
        Watched::Ended(view) if view.state() == JobState::Done => *view,
        Watched::Ended(view) => {
            output::error(&format!("the conversion failed: {}", view.error));
            return Ok(Exit::of_job(&view));
        }
        Watched::Stopped(_) | Watched::Left => {
            output::note(&format!("stopped; {} is as it was", args.out.display()));
            return Ok(Exit::Interrupted);
        }
    };
    if !context.quiet {
        view.warnings
            .iter()
            .for_each(|warning| output::warning(warning));
    }
    let lake = spec.lake;
    // Files are moved, copied and synced: that blocks.
    let published = tokio::task::spawn_blocking(move || {
        let converted = publish(&place, &lake)?;
        Ok::<_, Failure>((place, converted))
    });
    let (place, (files, size)) = published.await.unwrap_or_else(|e| {
        Err(Failure::failed(format!(
            "the result could not be put in place: {e}; please report this"
        )))
    })?;
    report(
        context,
        &args.out,
        place.quarantine(),
        &converted(&view, files, size, context.elapsed_ms()),
    )?;
    Ok(Exit::Done)
}

async fn convert(
    context: &Context,
    cluster: &Cluster,
    spec: &JobSpec,
    interrupts: &mut Interrupts,
) -> Result<Watched, Failure> {
    let job_id = cluster
        .scheduler()
        .submit(spec_json(spec)?, request_id())
        .await?;
    watch(
        cluster.scheduler(),
        &job_id,
        Hold::Own,
        &mut context.progress(),
        interrupts,
    )
    .await
}

fn job(args: &Convert, work: &Path) -> Result<JobSpec, Failure> {
    let mut source = source_spec(
        SOURCE,
        std::slice::from_ref(&args.input),
        &args.format,
        args.schema.as_deref(),
    )?;
    source.options.on_bad_record = match args.on_bad_record {
        OnBadRecord::Quarantine => SpecOnBadRecord::Quarantine,
        OnBadRecord::Drop => SpecOnBadRecord::Drop,
        OnBadRecord::Fail => SpecOnBadRecord::Fail,
    };
    let lake = work.join(LAKE_FOLDER);
    let Some(lake) = lake.to_str() else {
        return Err(Failure::usage(format!(
            "{} is no UTF-8\n  next: choose another name for OUT",
            lake.display()
        )));
    };
    let query = format!("SELECT * FROM {SOURCE}");
    Ok(JobSpec {
        v: JOB_SPEC_VERSION,
        job: "convert".to_owned(),
        lake: lake.to_owned(),
        sources: vec![source],
        models: vec![ModelSpec {
            name: TABLE.to_owned(),
            options: Model::new(query.clone()),
            sql: TextFile {
                path: "convert".to_owned(),
                text: query,
            },
            reads_sources: vec![SOURCE.to_owned()],
            reads_models: Vec::new(),
            checks: Vec::new(),
        }],
        tuning: Tuning::default(),
    })
}

/// Moves what was committed to where the user wants it; returns how many
/// files that are, and their bytes.
fn publish(place: &Place, lake: &str) -> Result<(u64, u64), Failure> {
    let table = Table::open(TableLocation::new(lake, TABLE).map_err(failure)?);
    let written = table.settled().map_err(failure)?.ok_or_else(|| {
        Failure::failed("the conversion ended without a result; please report this")
    })?;
    let (snapshot, parts) = (&written.snapshot, parts(&table, &written));
    place.remove_old_quarantine()?;
    let quarantine = Table::open(TableLocation::quarantine(lake, SOURCE).map_err(failure)?);
    if let Some(bad) = quarantine
        .settled()
        .map_err(failure)?
        .filter(|bad| bad.snapshot.rows() > 0)
    {
        let file = one_file(
            &place.work().join(MERGED_QUARANTINE_FILE),
            &bad.snapshot,
            &self::parts(&quarantine, &bad),
        )?;
        place.publish_quarantine(&[file])?;
    }
    if !place.is_one_file() {
        place.publish_folder(&parts)?;
        return Ok((parts.len() as u64, snapshot.bytes()));
    }
    let file = one_file(&place.work().join(MERGED_FILE), snapshot, &parts)?;
    let size = std::fs::metadata(&file).map_or(0, |m| m.len());
    place.publish_file(&file)?;
    Ok((1, size))
}

/// The parts as one file, which has the columns even if there is no row.
fn one_file(merged: &Path, snapshot: &Snapshot, parts: &[PathBuf]) -> Result<PathBuf, Failure> {
    let written = match parts {
        [only] => return Ok(only.clone()),
        [] => merge::write_empty(&snapshot.schema, merged),
        parts => merge::merge(parts, merged),
    };
    written.map_err(|e| {
        Failure::failed(format!(
            "the parts could not be made one file: {e}\n  next: check the disk and convert again"
        ))
    })?;
    Ok(merged.to_owned())
}

/// The data files of a table that was written once, in the order of the input.
fn parts(table: &Table, written: &Settled) -> Vec<PathBuf> {
    let added = written.log.iter().flat_map(|entry| &entry.add);
    let committed: Vec<&str> = added.map(|file| file.path.as_str()).collect();
    let root = table.location().root();
    order::reading_order(&committed)
        .into_iter()
        .map(|path| root.join(path))
        .collect()
}

fn converted(view: &JobView, files: u64, size: u64, total_ms: u64) -> ConvertedJson {
    let source = view.sources.first().cloned().unwrap_or_default();
    ConvertedJson {
        v: JSON_VERSION,
        rows: view.models.iter().map(|m| m.rows).sum(),
        files,
        bytes: size,
        read: source.read,
        dropped: source.dropped,
        quarantined: source.quarantined,
        total_ms,
    }
}

fn report(
    context: &Context,
    out: &Path,
    quarantine: &Path,
    done: &ConvertedJson,
) -> Result<(), Failure> {
    if done.quarantined > 0 && !context.quiet {
        output::warning(&format!(
            "{} could not be read; {} has them with file, offset and reason",
            counted(done.quarantined, "record", "records"),
            quarantine.display()
        ));
    }
    if done.dropped > 0 && !context.quiet {
        output::warning(&format!(
            "{} could not be read and was dropped",
            counted(done.dropped, "record", "records")
        ));
    }
    if context.json() {
        output::json(done)
    } else {
        output::line(&outcome(out, done))
    }
}

fn outcome(out: &Path, done: &ConvertedJson) -> String {
    let mut text = format!(
        "{}: {} in {}, {}, in {}",
        out.display(),
        counted(done.rows, "row", "rows"),
        counted(done.files, "file", "files"),
        bytes(done.bytes),
        duration_ms(done.total_ms)
    );
    // Said here too: `--quiet` must not make a loss look like a success.
    for (n, what) in [
        (done.quarantined, "in quarantine"),
        (done.dropped, "dropped"),
    ] {
        if n > 0 {
            text.push_str(&format!("; {} {what}", counted(n, "record", "records")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use headworks_proto::v1::{ModelView, SourceView};

    use super::*;

    #[test]
    fn the_json_of_a_conversion_is_what_the_contract_says() {
        let view = JobView {
            models: vec![ModelView {
                rows: 9,
                files: 2,
                bytes: 100,
                ..ModelView::default()
            }],
            sources: vec![SourceView {
                read: 10,
                quarantined: 1,
                ..SourceView::default()
            }],
            ..JobView::default()
        };
        assert_eq!(
            serde_json::to_string(&converted(&view, 1, 90, 1234)).unwrap(),
            r#"{"v":1,"rows":9,"files":1,"bytes":90,"read":10,"dropped":0,"quarantined":1,"total_ms":1234}"#
        );
        assert_eq!(
            outcome(Path::new("o.parquet"), &converted(&view, 1, 90, 1234)),
            "o.parquet: 9 rows in 1 file, 90 B, in 1.23 s; 1 record in quarantine"
        );
    }
}
