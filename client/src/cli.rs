//! The command line: each command, argument and flag once. Help and shell
//! completions are generated from it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use headworks_spec::ByteSize;

/// Turn raw XML, JSON and CSV into a Parquet lake, on a cluster or within this process.
///
/// Exit codes: 0 done; 1 the job failed or was stopped by someone else;
/// 2 wrong usage or configuration; 3 a check failed; 130 interrupted.
#[derive(Debug, Parser)]
#[command(
    arg_required_else_help = true,
    name = "headworks",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The scheduler to use, as http://HOST:PORT; `local` means none: work within this process
    #[arg(long, global = true, env = "HEADWORKS_SCHEDULER", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) scheduler: Option<String>,
    /// Where the journal of jobs run without a scheduler lies
    #[arg(long, global = true, env = "HEADWORKS_STATE_DIR", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) state_dir: Option<PathBuf>,
    /// How results are printed on stdout
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", default_value_t = Output::Table)]
    pub(crate) output: Output,
    /// Nothing on stderr but errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Aligned columns
    Table,
    /// JSON
    Json,
    /// Comma-separated values (`sql` only)
    Csv,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a job to its end, showing its progress
    Run(Run),
    /// Give a job to the scheduler and return its id without waiting
    Submit(Submit),
    /// List, show, watch and stop jobs
    #[command(subcommand)]
    Jobs(Jobs),
    /// The executors of the cluster and their slots
    Executors,
    /// Infer the schema of files, or take it from an XSD, and write it as YAML that can be edited
    Schema(Schema),
    /// Show what a job would do: files, splits, schema, plans. Writes nothing
    Plan(JobFile),
    /// Query the committed tables of a lake
    Sql(Sql),
    /// Convert files to Parquet without a job file
    Convert(Convert),
    /// Look into a lake, check it, clean it up
    #[command(subcommand)]
    Lake(Lake),
    /// Print the completions of a shell
    Completions(Completions),
    /// An executor process; started by `run --executors N`
    #[command(hide = true)]
    Executor(headworks_executor::ExecutorArgs),
}

/// A job file and what is set over it.
#[derive(Debug, Args)]
pub(crate) struct JobFile {
    /// The job file
    #[arg(value_name = "JOB.yaml", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Set a key of the job file, as `lake=/data/lake` or `sources.awards.path=/data/*.xml`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// `run`
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) job: JobFile,
    /// Run the job on this many executor processes of its own, instead of one within this process
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) executors: Option<u32>,
    /// Cores of each executor; if not given, all that the machine has, shared among them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) cores: Option<u32>,
}

/// `submit`
#[derive(Debug, Args)]
pub(crate) struct Submit {
    #[command(flatten)]
    pub(crate) job: JobFile,
}

/// `jobs`
#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// The newest jobs first
    List {
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// One job: its models, sources, executors, how it ended
    Show(JobId),
    /// Follow a job's progress to its end; exits as `run` would
    Watch(JobId),
    /// Stop a job
    Stop {
        #[command(flatten)]
        job: JobId,
        /// Kept with the job
        #[arg(
            long,
            value_name = "TEXT",
            default_value = "stopped by `headworks jobs stop`"
        )]
        reason: String,
    },
    /// What happened in a job, line by line
    Logs(JobId),
}

/// Which job.
#[derive(Debug, Args)]
pub(crate) struct JobId {
    /// The job's id, as `jobs list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

/// `schema`
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Files, or quoted patterns as `'data/**/*.xml'`
    #[arg(required_unless_present = "xsd", value_name = "SOURCE", value_hint = ValueHint::FilePath)]
    pub(crate) sources: Vec<String>,
    #[command(flatten)]
    pub(crate) format: SourceFormat,
    #[command(flatten)]
    pub(crate) xsd: XsdSource,
    /// Infer from this many of the files only, evenly spread
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) sample_files: Option<u32>,
    /// Where to write the schema; `-` is stdout
    #[arg(short = 'O', long = "out", value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
    /// Replace FILE if it is there
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// A schema that is declared, not inferred.
#[derive(Debug, Args)]
pub(crate) struct XsdSource {
    /// Take the schema from this XML Schema file and what it includes, instead of inferring it. A row tag may then be
    /// the end of a path, as order/item, where several elements have the name
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sources", "sample_files"], requires = "row_tag", value_hint = ValueHint::FilePath)]
    pub(crate) xsd: Option<PathBuf>,
    /// What an xs:dateTime becomes, which may have a zone or not
    #[arg(long, value_enum, default_value_t = XsdDateTime::Timestamp, conflicts_with = "sources", value_name = "TYPE")]
    pub(crate) xsd_datetime: XsdDateTime,
    /// How often a type that holds itself is unfolded; 2 if not given
    #[arg(long, value_name = "N", conflicts_with = "sources", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) xsd_recursion: Option<u32>,
}

/// What an `xs:dateTime` becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum XsdDateTime {
    /// Without a zone
    Timestamp,
    /// With a zone
    Timestamptz,
    /// As it stands
    Text,
}

/// How raw files are read.
#[derive(Debug, Default, Args)]
pub(crate) struct SourceFormat {
    /// The format of the files; if not given, what their names end in says, and with --row-tag they are XML
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// XML: the element that is a record: a local name or prefix:name; may be repeated or comma-separated
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(crate) row_tag: Vec<String>,
    /// JSON: where in each document the records are, as `$.data.items[*]`; each document is one if not given
    #[arg(long, value_name = "PATH")]
    pub(crate) records: Option<String>,
    /// CSV: what stands between two fields, one character or \t; a comma, or in files named .tsv a tab, if not given
    #[arg(long, value_name = "C", allow_hyphen_values = true)]
    pub(crate) delimiter: Option<String>,
    /// CSV: the files begin with a record, not with the names of their columns
    #[arg(long, requires = "columns")]
    pub(crate) no_header: bool,
    /// CSV: the names of the columns, for --no-header; comma-separated
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        requires = "no_header"
    )]
    pub(crate) columns: Vec<String>,
}

/// Formats of raw files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// XML
    Xml,
    /// JSON: lines, documents, or an array
    Json,
    /// CSV
    Csv,
}

/// `sql`
#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// The query; its tables are those of the lake
    #[arg(value_name = "SELECT ...")]
    pub(crate) query: String,
    #[command(flatten)]
    pub(crate) lake: LakeDir,
}

/// Which lake.
#[derive(Debug, Args)]
pub(crate) struct LakeDir {
    /// The lake
    #[arg(long, env = "HEADWORKS_LAKE", value_name = "DIR", default_value = "./lake", value_hint = ValueHint::DirPath)]
    pub(crate) lake: String,
}

/// `convert`
#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// A file, a folder, or a quoted pattern
    #[arg(value_name = "IN", value_hint = ValueHint::FilePath)]
    pub(crate) input: String,
    /// Where to write: one file if it ends in .parquet, else a folder of files
    #[arg(value_name = "OUT", value_hint = ValueHint::AnyPath)]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) format: SourceFormat,
    /// A schema file, as `headworks schema` writes it; without one the schema is inferred
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) schema: Option<PathBuf>,
    /// Threads that parse and write; as many as there are cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Option<u32>,
    /// What becomes of a record that cannot be read
    #[arg(long, value_enum, default_value_t = OnBadRecord::Quarantine)]
    pub(crate) on_bad_record: OnBadRecord,
    /// Replace OUT if it is there
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// What becomes of a bad record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnBadRecord {
    /// Kept in OUT.quarantine with its place and the reason
    Quarantine,
    /// Left out and counted
    Drop,
    /// The conversion fails and names its place
    Fail,
}

/// `lake`
#[derive(Debug, Subcommand)]
pub(crate) enum Lake {
    /// The commits of a table, the newest first
    Log {
        #[command(flatten)]
        table: LakeTable,
    },
    /// The tables of a lake, or the files and schema of one
    Show {
        /// The table; all if not given
        #[arg(value_name = "TABLE")]
        table: Option<String>,
        #[command(flatten)]
        lake: LakeDir,
    },
    /// Read every file's footer again and compare it with the log
    Verify {
        /// The table; all if not given
        #[arg(value_name = "TABLE")]
        table: Option<String>,
        #[command(flatten)]
        lake: LakeDir,
    },
    /// Make few large files of many small ones, in one commit that changes no row
    Compact {
        #[command(flatten)]
        table: LakeTable,
        /// The size that files should have, as 64MB
        #[arg(long, value_name = "SIZE", default_value = "128MiB")]
        target_size: ByteSize,
    },
    /// Remove temporary files and open uploads that no commit will ever need
    Gc {
        /// Only those not touched for this many hours; longer than the longest job
        #[arg(long, value_name = "HOURS", default_value_t = 24)]
        older_than: u32,
        #[command(flatten)]
        lake: LakeDir,
    },
}

/// A table of a lake.
#[derive(Debug, Args)]
pub(crate) struct LakeTable {
    /// The table
    #[arg(value_name = "TABLE")]
    pub(crate) table: String,
    #[command(flatten)]
    pub(crate) lake: LakeDir,
}

/// `completions`
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    fn parse(args: &[&str]) -> Cli {
        Cli::try_parse_from(std::iter::once(&"headworks").chain(args)).unwrap()
    }

    #[test]
    fn the_calls_of_the_contract_parse() {
        for call in [
            "run job.yaml",
            "run job.yaml --set lake=/x --set sources.a.path=/y/*.xml --executors 2 --cores 1 -o json",
            "--scheduler http://127.0.0.1:1 --state-dir /s -o json --quiet run job.yaml",
            "submit job.yaml --scheduler http://127.0.0.1:1",
            "convert in.xml out.parquet --row-tag award",
            "convert in.xml out --row-tag award --format xml --schema s.yaml --threads 2 -o json",
            "convert in.json out.parquet --format json --records $.items[*]",
            "convert in.tsv out --format csv --delimiter \\t --no-header --columns a,b",
            "schema in.ndjson -O s.yaml",
            "schema in.xml --row-tag award -O s.yaml",
            "schema a.xml b.xml --row-tag award,ns:IDV",
            "schema --xsd a.xsd --row-tag order/item -O s.yaml --xsd-datetime timestamptz --xsd-recursion 3",
            "plan job.yaml",
            "jobs list -o json",
            "jobs show j1",
            "jobs watch j1",
            "jobs stop j1",
            "jobs logs j1",
            "executors -o json",
            "lake log contracts --lake l",
            "lake show",
            "lake verify --lake l",
            "lake verify --lake s3://bucket/lake",
            "lake compact t --target-size 64MB",
            "lake gc",
            "completions bash",
            "executor --scheduler http://127.0.0.1:1 --cores 1 --work-dir /w --exit-with-parent",
        ] {
            let args: Vec<&str> = call.split(' ').collect();
            if let Err(e) = Cli::try_parse_from(std::iter::once(&"headworks").chain(&args)) {
                panic!("{call}: {e}");
            }
        }
        parse(&["sql", "SELECT 1", "--lake", "l", "-o", "csv"]);
    }

    #[test]
    fn wrong_calls_end_with_2() {
        for call in [
            "",
            "run",
            "run a.yaml --executors 0",
            "convert in",
            "convert in out --format yaml",
            "convert in out --no-header",
            "convert in out --columns a",
            "schema --row-tag a",
            "schema --xsd a.xsd",
            "schema in.xml --xsd a.xsd --row-tag a",
            "schema in.xml --xsd-recursion 3 --row-tag a",
            "jobs show",
            "-o xml executors",
            "nonsense",
        ] {
            let args: Vec<&str> = call.split(' ').filter(|a| !a.is_empty()).collect();
            let error =
                Cli::try_parse_from(std::iter::once(&"headworks").chain(&args)).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{call}");
        }
    }

    #[test]
    fn row_tags_may_be_repeated_or_listed() {
        let cli = parse(&["schema", "x", "--row-tag", "award,IDV", "--row-tag", "n:o"]);
        let Command::Schema(schema) = cli.command else {
            panic!()
        };
        assert_eq!(schema.format.row_tag, ["award", "IDV", "n:o"]);
    }
}
