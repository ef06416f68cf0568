//! `headworks schema SOURCE...`: infers the schema of files, or takes it from
//! XML Schema files (`--xsd`), and writes it as YAML that can be edited and
//! named in a job file.

mod xsd;

use std::io::Write;
use std::path::Path;

use super::raw_source::source_spec;
use crate::cli::Schema;
use crate::connect::{ask_engine, engine_failure};
use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::output;
use crate::output::job::counted;

/// Infers and writes a schema.
///
/// # Errors
/// When no file matches, one cannot be read, or OUT is there already.
pub(crate) async fn run(context: &Context, args: Schema) -> Result<Exit, Failure> {
    let out = Some(args.out.as_path()).filter(|out| out.as_os_str() != "-");
    if let Some(out) = out.filter(|out| out.exists() && !args.overwrite) {
        return Err(Failure::usage(format!(
            "{} is there already\n  next: choose another name, or give --overwrite to replace it",
            out.display()
        )));
    }
    if let Some(entry) = &args.xsd.xsd {
        let yaml = xsd::schema(entry, &args.xsd, &args.format)?;
        let Some(out) = out else {
            output::data(&yaml)?;
            return Ok(Exit::Done);
        };
        write(out, &yaml, args.overwrite)?;
        if !context.quiet {
            let (out, entry) = (out.display(), entry.display());
            output::note(&format!("{out} written: the schema that {entry} declares"));
        }
        return Ok(Exit::Done);
    }
    let mut source = source_spec("source", &args.sources, &args.format, None)?;
    source.options.sample_files = args.sample_files;
    let settled = ask_engine(context, async |engine| {
        engine.settle(&source).await.map_err(engine_failure)
    })
    .await?;
    let Some(out) = out else {
        output::data(settled.schema.yaml())?;
        return Ok(Exit::Done);
    };
    write(out, settled.schema.yaml(), args.overwrite)?;
    if !context.quiet {
        let bytes: u64 = settled.files.iter().map(|f| f.size).sum();
        output::note(&format!(
            "{} written: the schema of {}, {}",
            out.display(),
            counted(settled.files.len() as u64, "file", "files"),
            output::units::bytes(bytes)
        ));
    }
    Ok(Exit::Done)
}

fn write(out: &Path, yaml: &str, overwrite: bool) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).truncate(overwrite);
    if overwrite {
        options.create(true)
    } else {
        options.create_new(true)
    };
    options
        .open(out)
        .and_then(|mut file| file.write_all(yaml.as_bytes()))
        .map_err(|e| {
            Failure::failed(format!(
                "{} cannot be written: {e}\n  next: check the folder and its disk",
                out.display()
            ))
        })
}
