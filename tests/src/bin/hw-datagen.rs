//! `hw-datagen`: writes test data and its truth. See `headworks_tests` for the shapes.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};
use headworks_tests::folder::Error;
use headworks_tests::output::Size;
use headworks_tests::{events, fpds, olist, songs, stocks};

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
    /// Events of a web shop in newline-delimited JSON, 18 fields and some 494 bytes each: for benchmarks.
    Events(EventsArgs),
    /// A music service's song files and event logs in JSON.
    Songs(SongsArgs),
    /// Daily prices of shares in JSON, with dates as keys.
    Stocks(StocksArgs),
    /// The nine tables of a marketplace in CSV.
    Olist(OlistArgs),
}

/// What all data has.
#[derive(Args)]
struct Common {
    /// The same seed gives the same bytes.
    #[arg(long)]
    seed: u64,
    /// The folder to write into.
    #[arg(short, long)]
    output: PathBuf,
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
    /// Record types, by comma [default: the shape's own].
    #[arg(long, value_enum, value_delimiter = ',')]
    types: Vec<fpds::RecordType>,
    /// Over how many files [default: one a type, ten records a page, one].
    #[arg(long)]
    files: Option<u64>,
    /// Compress the files.
    #[arg(long)]
    gzip: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct EventsArgs {
    /// How many lines, those of events that are delivered again among them [default: 1000].
    #[arg(long, conflicts_with = "bytes")]
    records: Option<u64>,
    /// About how many bytes of JSON.
    #[arg(long)]
    bytes: Option<u64>,
    /// Over how many files, in folders of days if there are several.
    #[arg(long, default_value_t = 1)]
    files: u64,
    /// Write the tables that events refer to as well: users.csv and products.csv.
    #[arg(long)]
    dimensions: bool,
    /// Compress the files of events.
    #[arg(long)]
    gzip: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct SongsArgs {
    /// How many song files.
    #[arg(long, default_value_t = 71)]
    songs: u64,
    /// How many log files, a day each.
    #[arg(long, default_value_t = 30)]
    days: u64,
    /// About how many events a day.
    #[arg(long, default_value_t = 270)]
    events_a_day: u64,
    /// One song file in so many is written over several lines; 0 for none.
    #[arg(long, default_value_t = 20)]
    pretty_one_in: u64,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct StocksArgs {
    /// How many shares, 8 at most.
    #[arg(long, default_value_t = 4)]
    symbols: u64,
    /// On how many days something is delivered.
    #[arg(long, default_value_t = 30)]
    days: u64,
    /// How many days one file holds, at most.
    #[arg(long, default_value_t = 10)]
    window: u64,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct OlistArgs {
    /// How many orders; the other tables follow from them.
    #[arg(long, default_value_t = 1000)]
    orders: u64,
    #[command(flatten)]
    common: Common,
}

/// What a run is told about when it is done.
struct Done {
    output: PathBuf,
    what: String,
    files: u64,
    /// On disk.
    bytes: u64,
    /// As generated, before any compression.
    plain_bytes: u64,
}

fn main() -> std::process::ExitCode {
    let start = Instant::now();
    match generate(Cli::parse().data) {
        Ok(done) => {
            let seconds = start.elapsed().as_secs_f64();
            eprintln!(
                "{}: {} in {} files, {} bytes, {:.0} MB/s",
                done.output.display(),
                done.what,
                done.files,
                done.bytes,
                done.plain_bytes as f64 / 1e6 / seconds.max(1e-9),
            );
            std::process::ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("hw-datagen: {error}");
            match error {
                Error::Options(_) => 2.into(),
                Error::Io { .. } => 1.into(),
            }
        }
    }
}

fn generate(data: Data) -> Result<Done, Error> {
    match data {
        Data::Fpds(args) => fpds_data(args),
        Data::Events(args) => events_data(args),
        Data::Songs(args) => songs_data(args),
        Data::Stocks(args) => stocks_data(args),
        Data::Olist(args) => olist_data(args),
    }
}

fn size(records: Option<u64>, bytes: Option<u64>) -> Size {
    match (records, bytes) {
        (_, Some(bytes)) => Size::Bytes(bytes),
        (records, None) => Size::Records(records.unwrap_or(1000)),
    }
}

fn fpds_data(args: FpdsArgs) -> Result<Done, Error> {
    let options = fpds::Options {
        shape: args.shape,
        size: size(args.records, args.bytes),
        bad: args.bad,
        seed: args.common.seed,
        types: args.types,
        files: args.files,
        gzip: args.gzip,
    };
    let truth = fpds::generate(&options, &args.common.output)?;
    Ok(Done {
        output: args.common.output,
        what: format!(
            "{} records and {} bad ones",
            truth.records,
            truth.bad_records.len()
        ),
        files: truth.files,
        bytes: truth.bytes,
        plain_bytes: truth.xml_bytes,
    })
}

fn events_data(args: EventsArgs) -> Result<Done, Error> {
    let options = events::Options {
        size: size(args.records, args.bytes),
        seed: args.common.seed,
        files: args.files,
        dimensions: args.dimensions,
        gzip: args.gzip,
    };
    let truth = events::generate(&options, &args.common.output)?;
    Ok(Done {
        output: args.common.output,
        what: format!("{} lines of {} events", truth.records, truth.events),
        files: truth.files,
        bytes: truth.bytes,
        plain_bytes: truth.plain_bytes,
    })
}

fn songs_data(args: SongsArgs) -> Result<Done, Error> {
    let options = songs::Options {
        songs: args.songs,
        days: args.days,
        events_a_day: args.events_a_day,
        pretty_one_in: args.pretty_one_in,
        seed: args.common.seed,
    };
    let truth = songs::generate(&options, &args.common.output)?;
    Ok(Done {
        output: args.common.output,
        what: format!("{} songs and {} events", truth.songs, truth.events),
        files: truth.files,
        bytes: truth.bytes,
        plain_bytes: truth.bytes,
    })
}

fn stocks_data(args: StocksArgs) -> Result<Done, Error> {
    let options = stocks::Options {
        symbols: args.symbols,
        days: args.days,
        window: args.window,
        seed: args.common.seed,
    };
    let truth = stocks::generate(&options, &args.common.output)?;
    Ok(Done {
        output: args.common.output,
        what: format!(
            "{} prices, delivered {} times, and {} documents without",
            truth.prices,
            truth.records,
            truth.bad_documents.len()
        ),
        files: truth.files,
        bytes: truth.bytes,
        plain_bytes: truth.bytes,
    })
}

fn olist_data(args: OlistArgs) -> Result<Done, Error> {
    let options = olist::Options {
        orders: args.orders,
        seed: args.common.seed,
    };
    let truth = olist::generate(&options, &args.common.output)?;
    Ok(Done {
        output: args.common.output,
        what: format!("{} rows", truth.records),
        files: truth.files,
        bytes: truth.bytes,
        plain_bytes: truth.bytes,
    })
}
