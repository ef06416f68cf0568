//! How fast the JSON reader is: `cargo run --release -p headworks-formats --example json_speed -- [FILE]`.
//!
//! Without a file it makes 100 MB of events of about 500 bytes and 18 fields, one a line. Prints, for one thread: a bare
//! search for line feeds and quotes as a measure of the machine, inference over all bytes, then reading with the inferred
//! schema, the same with every value asked whether it bears the schema out as that of a sample, then three columns of it,
//! then no column at all. Seconds are those that the processor spent on it, where the
//! system tells (Linux), so that other load does not count.

use std::error::Error;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use headworks_formats::{
    FedState, InferOptions, JsonConfig, JsonInferrer, JsonOptions, JsonReader, OnBadValue, Sampled,
    Split, SplitReport, TypeTree,
};

use speed::{Clock, print};

mod speed;

const GENERATED_BYTES: usize = 100 << 20;
const BUFFER_BYTES: usize = 4 << 20;
const ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let file = match std::env::args().nth(1) {
        Some(path) => std::fs::read(path)?,
        None => generate(),
    };
    let options = JsonOptions {
        on_bad_value: OnBadValue::Null,
        ..JsonOptions::default()
    };
    let started = Clock::start();
    let marks = memchr::memchr2_iter(b'\n', b'"', &file).count();
    print("search \\n and \"", file.len(), started, marks as u64);
    let types = InferOptions::from(&options);
    let mut tree = TypeTree::default();
    for _ in 0..ROUNDS {
        let started = Clock::start();
        tree = infer(&options, &file)?;
        print("infer", file.len(), started, tree.records);
    }
    let schema: SchemaRef = Arc::new(tree.to_schema(&types)?);
    let some: Vec<usize> = (0..schema.fields().len()).step_by(6).collect();
    for (name, output, is_sample) in [
        ("read all", schema.clone(), false),
        ("read and prove all", schema.clone(), true),
        ("read every sixth", Arc::new(schema.project(&some)?), false),
        ("read nothing", Arc::new(Schema::empty()), false),
    ] {
        let mut config = JsonConfig::new(options.clone(), schema.clone(), output)?;
        if is_sample {
            config = config.with_sampled(Sampled::of(&tree, &types))?;
        }
        let config = Arc::new(config);
        for _ in 0..ROUNDS {
            let started = Clock::start();
            let report = read(&config, &file)?;
            let name = format!("{name} ({} bad)", report.quarantined);
            print(&name, file.len(), started, report.emitted);
        }
    }
    Ok(())
}

/// The types in a file.
fn infer(options: &JsonOptions, file: &[u8]) -> Result<TypeTree, Box<dyn Error>> {
    let mut inferrer = JsonInferrer::new(Arc::new(options.clone()), Split::whole());
    let mut length = BUFFER_BYTES;
    loop {
        let from = inferrer.position() as usize;
        let to = file.len().min(from + length);
        match inferrer.feed(&file[from..to], to == file.len())?.state {
            FedState::NeedInput { at_least } => length = at_least.max(BUFFER_BYTES),
            FedState::BatchReady => {}
            FedState::Done => return Ok(inferrer.finish()),
        }
    }
}

fn read(config: &Arc<JsonConfig>, file: &[u8]) -> Result<SplitReport, Box<dyn Error>> {
    let mut reader = JsonReader::new(config.clone(), Split::whole());
    let mut length = BUFFER_BYTES;
    loop {
        let from = reader.position() as usize;
        let to = file.len().min(from + length);
        match reader.feed(&file[from..to], to == file.len())?.state {
            FedState::NeedInput { at_least } => length = at_least.max(BUFFER_BYTES),
            FedState::BatchReady => {
                std::hint::black_box(reader.take_batch()?);
                reader.take_bad();
            }
            FedState::Done => return Ok(reader.report()),
        }
    }
}

/// Events of a shop: 18 fields, four of them in an object, one of them a list, some of them absent or null.
fn generate() -> Vec<u8> {
    const KINDS: [&str; 5] = ["page_view", "add_to_cart", "search", "purchase", "sign_out"];
    const AGENTS: [&str; 3] = [
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15",
        "okhttp/4.12.0",
    ];
    let mut random = fastrand::Rng::with_seed(18);
    let mut out = String::with_capacity(GENERATED_BYTES + 4096);
    let mut number: u64 = 0;
    while out.len() < GENERATED_BYTES {
        number += 1;
        let n = random.u64(..1_000_000);
        let kind = KINDS[random.usize(..KINDS.len())];
        let agent = AGENTS[random.usize(..AGENTS.len())];
        let (second, milli) = (random.u8(..60), random.u16(..1000));
        let referrer = match n % 3 {
            0 => "null".to_string(),
            _ => format!("\"https://www.example.com/articles/{n}?from=newsletter\""),
        };
        let coupon = match n % 5 {
            0 => format!(",\"coupon\":\"SAVE{}\"", n % 50),
            _ => String::new(),
        };
        out.push_str(&format!(
            "{{\"event_id\":{number},\"event_type\":\"{kind}\",\"occurred_at\":\"2024-0{}-1{}T12:{:02}:{second:02}.{milli:03}Z\",\
             \"user_id\":{n},\"session_id\":\"{:032x}\",\"device\":{{\"os\":\"Android\",\"version\":\"1{}.0\",\
             \"screen_width\":{},\"is_mobile\":{}}},\"url\":\"https://shop.example.com/products/{n}\",\
             \"referrer\":{referrer},\"user_agent\":\"{agent}\",\"country\":\"DE\",\"price\":{}.{:02},\"quantity\":{},\
             \"tags\":[\"a{}\",\"summer\"],\"day\":\"2024-0{}-1{}\"{coupon},\"is_test\":false}}\n",
            n % 9 + 1,
            n % 10,
            n % 60,
            u128::from(n) * 0x9E37_79B9_7F4A_7C15,
            n % 5,
            320 + n % 2000,
            n.is_multiple_of(2),
            n % 1000,
            n % 100,
            n % 7,
            n % 3,
            n % 9 + 1,
            n % 10,
        ));
    }
    out.into_bytes()
}
