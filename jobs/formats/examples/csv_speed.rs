//! How fast the reader is: `cargo run --release -p headworks-formats --example csv_speed -- [FILE]`.
//!
//! Without a file it makes 100 MB of orders: 15 columns, about 150 bytes a record, a fifth of the fields in quotes.
//! Prints, for one thread: a bare search for commas and line ends as a measure of the machine, inference, then reading
//! with the inferred schema, then with all columns as text, then reading no column at all. Seconds are those that the
//! processor spent on it, where the system tells (Linux), so that other load does not count.

use std::error::Error;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use headworks_formats::{
    CsvConfig, CsvInferrer, CsvOptions, CsvReader, FedState, OnBadValue, Split, SplitReport,
};

use speed::{Clock, print};

mod speed;

const GENERATED_BYTES: usize = 100 << 20;
const BUFFER_BYTES: usize = 4 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let file = match std::env::args().nth(1) {
        Some(path) => std::fs::read(path)?,
        None => generate(),
    };
    let options = CsvOptions {
        on_bad_value: OnBadValue::Null,
        ..CsvOptions::default()
    };

    let started = Clock::start();
    let marks = memchr::memchr2_iter(b',', b'\n', &file).count();
    print("search , and line ends", file.len(), started, marks as u64);

    let started = Clock::start();
    let mut inferrer = CsvInferrer::new(Arc::new(options.clone()), Split::whole());
    let mut length = BUFFER_BYTES;
    loop {
        let from = inferrer.position() as usize;
        let to = file.len().min(from + length);
        match inferrer.feed(&file[from..to], to == file.len())?.state {
            FedState::NeedInput { at_least } => length = at_least.max(BUFFER_BYTES),
            FedState::BatchReady => {}
            FedState::Done => break,
        }
    }
    let tree = inferrer.finish();
    let schema = Arc::new(tree.to_schema(&(&options).into())?);
    print("infer", file.len(), started, tree.records);

    let text = |field: &Arc<Field>| Field::new(field.name(), DataType::Utf8, true);
    let texts = Schema::new(schema.fields().iter().map(text).collect::<Vec<_>>());
    let texts = Arc::new(texts);
    for (name, schema, output) in [
        ("read all", &schema, schema.clone()),
        ("read all as text", &texts, texts.clone()),
        ("read nothing", &schema, Arc::new(Schema::empty())),
    ] {
        let config = Arc::new(CsvConfig::new(options.clone(), schema.clone(), output)?);
        for _ in 0..3 {
            let started = Clock::start();
            let report = read_file(config.clone(), &file)?;
            let name = format!("{name} ({} bad)", report.quarantined);
            print(&name, file.len(), started, report.emitted);
        }
    }
    Ok(())
}

fn read_file(config: Arc<CsvConfig>, file: &[u8]) -> Result<SplitReport, Box<dyn Error>> {
    let mut reader = CsvReader::new(config, Split::whole());
    let mut length = BUFFER_BYTES;
    loop {
        let from = reader.position() as usize;
        let to = file.len().min(from + length);
        match reader.feed(&file[from..to], to == file.len())?.state {
            FedState::NeedInput { at_least } => length = at_least.max(BUFFER_BYTES),
            state => {
                std::hint::black_box(reader.take_batch()?);
                reader.take_bad();
                if state == FedState::Done {
                    return Ok(reader.report());
                }
            }
        }
    }
}

/// Orders with identifiers, dates, amounts, codes and addresses.
fn generate() -> Vec<u8> {
    let mut out = Vec::with_capacity(GENERATED_BYTES + 4096);
    out.extend_from_slice(
        b"order_id,customer,status,ordered_at,shipped_on,quantity,price,freight,currency,zip,city,state,street,gift,note\n",
    );
    let cities = [
        "Springfield",
        "San Francisco",
        "Washington",
        "New Orleans",
        "Boise",
    ];
    let mut number: u64 = 0;
    while out.len() < GENERATED_BYTES {
        number += 1;
        let n = number.wrapping_mul(2_654_435_761) % 1_000_000_007;
        let note = match n % 8 {
            0 => "\"leave it with the neighbours, please\"",
            1 => "\"he said \"\"twice\"\"\nand rang\"",
            2 => "call first",
            _ => "",
        };
        let line = format!(
            "{:016x},\"C{:08}\",{},20{:02}-{:02}-{:02} {:02}:{:02}:{:02},20{:02}-{:02}-{:02},{},{}.{:02},{}.{:02},USD,{:05},{},\
             {},\"{} Main Street, Apt. {}\",{},{note}\n",
            n,
            n % 99_999_999,
            ["delivered", "shipped", "canceled"][(n % 3) as usize],
            n % 24,
            n % 12 + 1,
            n % 28 + 1,
            n % 24,
            n % 60,
            n % 59,
            n % 24,
            n % 12 + 1,
            n % 28 + 1,
            n % 10,
            n % 1000,
            n % 100,
            n % 30,
            n % 100,
            n % 99_999,
            cities[(n % 5) as usize],
            ["CA", "NY", "ID"][(n % 3) as usize],
            n % 9_999,
            n % 100,
            n.is_multiple_of(2),
        );
        out.extend_from_slice(line.as_bytes());
    }
    out
}
