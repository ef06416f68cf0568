//! `hw-datagen`: writes test data and its truth. See `headworks_tests` for the shapes.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};
use headworks_tests::fpds;

/// Writes seeded test data of real shapes, and its truth beside it (truth.json).
#[derive(Parser)]
#[command(name = "hw-datagen", version)]
struct Cli {
    #[command(subcommand)]
    data: Data,
}

#[derive(Subcommand)]
enum Data {
    /// Federal contract records (FPDS) in XML.
    Fpds(FpdsArgs),
}

#[derive(Args)]
struct FpdsArgs {
    /// archive: yearly files; atom: pages of the feed; flat: one file for benchmarks.
    #[arg(long, value_enum)]
    shape: fpds::Shape,
    /// How many records, the bad ones among them [default: 1000].
    #[arg(long, conflicts_with = "bytes")]
    records: Option<u64>,
    /// About how many bytes of XML.
    #[arg(long)]
    bytes: Option<u64>,
    /// How many of the records are broken.
    #[arg(long, default_value_t = 0)]
    bad: u64,
    /// The same seed gives the same bytes.
    #[arg(long)]
    seed: u64,
    /// Record types, by comma [default: the shape's own].
    #[arg(long, value_enum, value_delimiter = ',')]
    types: Vec<fpds::RecordType>,
    /// Over how many files [default: one a type, ten records a page, one].
    #[arg(long)]
    files: Option<u64>,
    /// Compress the files.
    #[arg(long)]
    gzip: bool,
    /// The folder to write into.
    #[arg(short, long)]
    output: PathBuf,
}

fn main() -> std::process::ExitCode {
    let Cli {
        data: Data::Fpds(args),
    } = Cli::parse();
    let options = fpds::Options {
        shape: args.shape,
        size: match (args.records, args.bytes) {
            (_, Some(bytes)) => fpds::Size::Bytes(bytes),
            (records, None) => fpds::Size::Records(records.unwrap_or(1000)),
        },
        bad: args.bad,
        seed: args.seed,
        types: args.types,
        files: args.files,
        gzip: args.gzip,
    };
    let start = Instant::now();
    match fpds::generate(&options, &args.output) {
        Ok(truth) => {
            let seconds = start.elapsed().as_secs_f64();
            eprintln!(
                "{}: {} records and {} bad ones in {} files, {} bytes, {:.0} MB/s",
                args.output.display(),
                truth.records,
                truth.bad_records.len(),
                truth.files,
                truth.bytes,
                truth.xml_bytes as f64 / 1e6 / seconds.max(1e-9),
            );
            std::process::ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("hw-datagen: {error}");
            match error {
                fpds::Error::Options(_) => 2.into(),
                fpds::Error::Io { .. } => 1.into(),
            }
        }
    }
}
