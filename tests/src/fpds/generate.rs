//! The run itself: plan the files, write each, note the truth.

use std::io;
use std::path::Path;

use super::bad::BadPlaces;
use super::files::{self, FilePlan};
use super::options::{Options, RecordType, Shape, Size};
use super::record::Record;
use super::shape::Layout;
use super::truth::{BadRecord, Truth, TruthBuilder};
use crate::folder::{self, Error};
use crate::output::OutputFile;
use crate::rng::Rng;

/// How many records are drawn to learn their mean size.
const SAMPLE_RECORDS: u64 = 2_000;

/// Writes the data that `options` order into `folder`, and its truth as [`folder::TRUTH_FILE`].
///
/// A folder that an earlier run filled is first emptied of that run's files; others stay.
///
/// # Errors
/// [`Error::Options`] for an order that makes no sense, [`Error::Io`] for a folder that can't be
/// written.
pub fn generate(options: &Options, folder: &Path) -> Result<Truth, Error> {
    let layout = Layout::new(options.shape);
    let types = options.types();
    let records = match options.size {
        Size::Records(records) => records,
        Size::Bytes(bytes) => (bytes as f64 / mean_record_bytes(&layout, options, &types)) as u64,
    };
    let file_count = files::count(options, records);
    check(options, &types, records, file_count)?;
    folder::remove_earlier_run(folder)?;

    let mut run = Run {
        options,
        layout: &layout,
        types: &types,
        records,
        bad_places: BadPlaces::new(records, options.bad, options.seed),
        truth: TruthBuilder::default(),
    };
    for index in 0..file_count {
        let plan = files::plan(options, records, file_count, index);
        let path = folder.join(&plan.path);
        run.write_file(&plan, index, &path)
            .map_err(|source| Error::Io { path, source })?;
    }
    let truth = run.truth.finish(options.shape, options.seed);
    folder::write_truth(&truth, folder)?;
    Ok(truth)
}

fn check(options: &Options, types: &[RecordType], records: u64, files: u64) -> Result<(), Error> {
    let problem = if options.bad > records {
        format!(
            "{} bad records of {records}: ask for more records, or fewer bad ones",
            options.bad
        )
    } else if options.shape == Shape::Flat && types != [RecordType::Award] {
        "the flat shape has records of type `award` only: leave the types out".to_string()
    } else if options.shape == Shape::Archive && files < types.len() as u64 {
        format!(
            "an archive file holds one record type: ask for at least {} files",
            types.len()
        )
    } else {
        return Ok(());
    };
    Err(Error::Options(problem))
}

/// What the files of one run share.
struct Run<'a> {
    options: &'a Options,
    layout: &'a Layout,
    types: &'a [RecordType],
    records: u64,
    bad_places: BadPlaces,
    truth: TruthBuilder,
}

impl Run<'_> {
    fn write_file(&mut self, plan: &FilePlan, index: u64, path: &Path) -> io::Result<()> {
        let mut rng = Rng::new(self.options.seed, index);
        let mut file = OutputFile::create(path, self.options.gzip)?;
        self.layout.begin(
            &mut file.buffer,
            plan.kind,
            plan.first,
            plan.records,
            self.records,
        );
        let mut good = 0;
        for number in plan.first..plan.first + plan.records {
            let kind = match self.options.shape {
                Shape::Atom => rng.pick(self.types),
                Shape::Archive | Shape::Flat => plan.kind,
            };
            let record = Record::draw(&mut rng, kind, number, plan.fiscal_year);
            let (start, end) = self.layout.record(&mut file.buffer, &record);
            if let Some(kind) = self.bad_places.at(number) {
                let bytes = kind.break_record(&mut file.buffer, start, end);
                self.truth.bad(BadRecord {
                    file: plan.path.clone(),
                    offset: file.offset_at(start),
                    line: file.line_at(start),
                    bytes,
                    row_tag: record.kind.row_tag().to_string(),
                    kind,
                });
            } else {
                self.truth.good(&record, self.layout.versioned());
                good += 1;
            }
            self.layout.close_record(&mut file.buffer);
            file.flush_if_full()?;
        }
        self.layout.end(&mut file.buffer, plan.kind);
        let (xml_bytes, bytes) = file.finish()?;
        self.truth.file(plan.path.clone(), good, xml_bytes, bytes);
        Ok(())
    }
}

/// The mean size of a record and what surrounds it, over a sample that the seed draws.
fn mean_record_bytes(layout: &Layout, options: &Options, types: &[RecordType]) -> f64 {
    let mut rng = Rng::new(options.seed, u64::MAX);
    let mut out = Vec::new();
    let mut bytes = 0;
    for number in 0..SAMPLE_RECORDS {
        out.clear();
        let kind = types[(number % types.len() as u64) as usize];
        if options.shape == Shape::Atom && number.is_multiple_of(super::shape::ENTRIES_A_PAGE) {
            layout.begin(&mut out, kind, number, SAMPLE_RECORDS, SAMPLE_RECORDS);
        }
        layout.record(&mut out, &Record::draw(&mut rng, kind, number, None));
        layout.close_record(&mut out);
        bytes += out.len();
    }
    bytes as f64 / SAMPLE_RECORDS as f64
}
