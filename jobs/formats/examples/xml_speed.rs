//! How fast the reader is: `cargo run --release -p headworks-formats --example xml_speed -- [FILE TAG[,TAG...]]`.
//!
//! Without a file it makes 100 MB of award records of about 2.4 KB and 45 leaves. Prints, for one thread: a bare search
//! for `<` and `>` as a measure of the machine, inference, then reading with the inferred schema, then reading no
//! column at all. Seconds are those that the processor spent on it, where the system tells (Linux), so that other load
//! does not count.

use std::error::Error;
use std::sync::Arc;

use arrow::datatypes::Schema;
use headworks_formats::{
    FedState, InferOptions, Inferrer, OnBadValue, Split, SplitReport, XmlConfig, XmlOptions,
    XmlReader,
};

use speed::{Clock, print};

mod speed;

const GENERATED_BYTES: usize = 100 << 20;
const BUFFER_BYTES: usize = 4 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (files, tags) = match arguments.next() {
        Some(path) => (
            read(&path)?,
            arguments.next().unwrap_or_else(|| "award".to_string()),
        ),
        None => (vec![generate()], "award".to_string()),
    };
    let tags: Vec<&str> = tags.split(',').collect();
    let mut options = XmlOptions::new(&tags)?;
    options.on_bad_value = OnBadValue::Null;
    let bytes: usize = files.iter().map(Vec::len).sum();

    let started = Clock::start();
    let marks: usize = files
        .iter()
        .map(|file| memchr::memchr2_iter(b'<', b'>', file).count())
        .sum();
    print("search < and >", bytes, started, marks as u64);

    let started = Clock::start();
    let mut inferrer = Inferrer::new(Arc::new(options.clone()), Split::whole());
    for file in &files {
        inferrer.next_file();
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
    }
    let tree = inferrer.finish();
    let schema = Arc::new(tree.to_schema(&InferOptions::default())?);
    print("infer", bytes, started, tree.records);

    for (name, output) in [
        ("read all", schema.clone()),
        ("read nothing", Arc::new(Schema::empty())),
    ] {
        let config = Arc::new(XmlConfig::new(options.clone(), schema.clone(), output)?);
        for _ in 0..3 {
            let started = Clock::start();
            let mut rows = 0;
            let mut bad = 0;
            let mut reader = XmlReader::new(config.clone(), Split::whole());
            for file in &files {
                reader.next_split(Split::whole());
                let report = read_file(&mut reader, file)?;
                rows += report.emitted;
                bad += report.quarantined;
            }
            print(&format!("{name} ({bad} bad)"), bytes, started, rows);
        }
    }
    Ok(())
}

/// A file, or every `.xml` file below a folder.
fn read(path: &str) -> std::io::Result<Vec<Vec<u8>>> {
    let mut files = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(path)];
    while let Some(path) = folders.pop() {
        if path.is_dir() {
            for entry in std::fs::read_dir(path)? {
                folders.push(entry?.path());
            }
        } else {
            files.push(std::fs::read(path)?);
        }
    }
    Ok(files)
}

fn read_file(reader: &mut XmlReader, file: &[u8]) -> Result<SplitReport, Box<dyn Error>> {
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

/// Award records with identifiers, dates, dollars and codes.
fn generate() -> Vec<u8> {
    let mut out = Vec::with_capacity(GENERATED_BYTES + 4096);
    out.extend_from_slice(b"<?xml version=\"1.0\"?>\n<awards>\n");
    let groups: [(&str, &[&str]); 7] = [
        (
            "awardID",
            &["agencyID", "PIID", "modNumber", "transactionNumber"],
        ),
        (
            "relevantContractDates",
            &[
                "signedDate",
                "effectiveDate",
                "currentCompletionDate",
                "ultimateCompletionDate",
            ],
        ),
        (
            "dollarValues",
            &[
                "obligatedAmount",
                "baseAndExercisedOptionsValue",
                "baseAndAllOptionsValue",
            ],
        ),
        (
            "purchaserInformation",
            &[
                "contractingOfficeAgencyID",
                "contractingOfficeID",
                "fundingAgencyID",
                "fundingOfficeID",
                "foreignFunding",
            ],
        ),
        (
            "contractData",
            &[
                "contractActionType",
                "typeOfContractPricing",
                "reasonForModification",
                "descriptionOfRequirement",
                "inherentlyGovernmentalFunction",
                "GFE-GFP",
                "undefinitizedAction",
                "consolidatedContract",
                "performanceBasedServiceContract",
                "contingencyOperation",
                "numberOfActions",
            ],
        ),
        (
            "vendor",
            &[
                "vendorName",
                "streetAddress",
                "city",
                "state",
                "ZIPCode",
                "countryCode",
                "phoneNo",
                "UEI",
                "cageCode",
                "isSmallBusiness",
            ],
        ),
        (
            "productOrServiceInformation",
            &[
                "productOrServiceCode",
                "principalNAICSCode",
                "placeOfManufacture",
            ],
        ),
    ];
    let mut number: u64 = 0;
    while out.len() < GENERATED_BYTES {
        number += 1;
        out.extend_from_slice(b"  <award version=\"1.5\">\n");
        for (group, leaves) in groups {
            out.extend_from_slice(format!("    <{group}>\n").as_bytes());
            for (i, leaf) in leaves.iter().enumerate() {
                let n = number.wrapping_mul(2_654_435_761 + i as u64) % 1_000_000;
                let value = match *leaf {
                    "signedDate" | "effectiveDate" => {
                        format!("20{:02}-0{}-1{} 00:00:00", n % 24, n % 9 + 1, n % 10)
                    }
                    name if name.ends_with("Date") => {
                        format!("20{:02}-0{}-1{}", n % 24, n % 9 + 1, n % 10)
                    }
                    name if name.ends_with("Amount") || name.ends_with("Value") => {
                        format!("{}.{:02}", n, n % 100)
                    }
                    "descriptionOfRequirement" => {
                        format!("SERVICES &amp; SUPPLIES FOR SITE {n}, OPTION YEAR TWO, IGF")
                    }
                    "vendorName" => format!("ACME INDUSTRIES {n} LLC"),
                    "streetAddress" => format!("{n} PENNSYLVANIA AVENUE NW"),
                    "numberOfActions" => (n % 10).to_string(),
                    "isSmallBusiness" => n.is_multiple_of(2).to_string(),
                    _ if i % 3 == 0 => format!("0{n}"),
                    _ => "X".to_string(),
                };
                out.extend_from_slice(format!("      <{leaf}>{value}</{leaf}>\n").as_bytes());
            }
            out.extend_from_slice(format!("    </{group}>\n").as_bytes());
        }
        out.extend_from_slice(b"  </award>\n");
    }
    out.extend_from_slice(b"</awards>\n");
    out
}
