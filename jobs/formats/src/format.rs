//! One set of types over all formats, for whoever reads files without caring which format they are in.
//!
//! Each format has options, a configuration, a reader, an inferrer and a head of its own; these enums have one variant
//! a format and hand each call on. That costs one branch a call: a call of [`FormatReader::feed`] is a buffer's worth of
//! work, and nothing is decided by record or by value.
//!
//! A format that is added here has the same calls as [`crate::xml`] has; see there for what each promises.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use crate::{
    BadRecord, ConfigError, CsvConfig, CsvHead, CsvHeadState, CsvInferrer, CsvOptions, CsvReader,
    Fed, Head, HeadState, InferOptions, Inferrer, JsonConfig, JsonHead, JsonHeadState,
    JsonInferrer, JsonOptions, JsonReader, LeafPredicate, Limits, OFFSET_COLUMN, OnBadRecord,
    OnBadValue, OnUnknown, ROW_TAG_COLUMN, ReadFailure, SampleRatio, Sampled, SchemaError, Split,
    SplitReport, Transcoder, TypeTree, XmlConfig, XmlOptions, XmlReader,
};

/// Does the same with what a value of any variant holds.
macro_rules! each {
    ($value:expr, $inner:ident => $does:expr) => {
        match $value {
            Self::Xml($inner) => $does,
            Self::Json($inner) => $does,
            Self::Csv($inner) => $does,
        }
    };
}

/// Everything about reading a format that does not depend on a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormatOptions {
    /// XML.
    Xml(XmlOptions),
    /// JSON.
    Json(JsonOptions),
    /// CSV.
    Csv(CsvOptions),
}

impl FormatOptions {
    /// The format's word, as in a job file.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Xml(_) => "xml",
            Self::Json(_) => "json",
            Self::Csv(_) => "csv",
        }
    }

    /// The encoding that is said to be the files', instead of what they say themselves.
    pub fn encoding(&self) -> Option<&str> {
        each!(self, options => options.encoding.as_deref())
    }

    /// What becomes of a record that cannot be read.
    pub fn on_bad_record(&self) -> OnBadRecord {
        each!(self, options => options.on_bad_record)
    }

    /// What becomes of a value that does not fit its column.
    pub fn on_bad_value(&self) -> OnBadValue {
        each!(self, options => options.on_bad_value)
    }

    /// What becomes of a record that holds what the schema lacks.
    pub fn on_unknown(&self) -> OnUnknown {
        each!(self, options => options.on_unknown)
    }

    /// The reader's bounds.
    pub fn limits_mut(&mut self) -> &mut Limits {
        each!(self, options => &mut options.limits)
    }

    /// The columns that the reader fills beside the record's own.
    pub fn meta_columns(&self) -> Vec<Field> {
        let mut columns = vec![Field::new(OFFSET_COLUMN, DataType::Int64, false)];
        if let Self::Xml(_) = self {
            columns.push(Field::new(ROW_TAG_COLUMN, DataType::Utf8, false));
        }
        columns
    }

    /// The schema with the columns at its end that options ask for, if it lacks them.
    pub fn complete_schema(&self, schema: &Schema) -> Schema {
        each!(self, options => options.complete_schema(schema))
    }

    /// The schema that was learned.
    ///
    /// # Errors
    /// [`SchemaError`]
    pub fn schema_of(&self, tree: &TypeTree) -> Result<Schema, SchemaError> {
        each!(self, options => tree.to_schema(&InferOptions::from(options)))
    }

    /// What that schema leaves open, if the tree is of a sample of the records.
    pub fn sampled(&self, tree: &TypeTree) -> Sampled {
        each!(self, options => Sampled::of(tree, &InferOptions::from(options)))
    }

    /// Whether a reader can tell that all records bear out the schema of a sample.
    pub fn proves_samples(&self) -> bool {
        matches!(self, Self::Json(options) if options.records.is_none())
    }

    /// How many of the records inference is told to look at.
    pub fn sample_ratio(&self) -> SampleRatio {
        each!(self, options => options.sample_ratio)
    }

    /// Checks what the fields' types cannot say.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), ConfigError> {
        each!(self, options => options.validate())
    }

    /// Looks at the first bytes of a file, of which there are no more if `eof`.
    ///
    /// # Errors
    /// [`ReadFailure::Encoding`]: an encoding that is not known or not read, or signs that contradict one another;
    /// [`ReadFailure::Header`]: a header of names that cannot be columns.
    pub fn look(&self, first: &[u8], eof: bool) -> Result<FormatHeadState, ReadFailure> {
        use FormatHeadState::{Known, NeedMore};
        Ok(match self {
            Self::Xml(options) => match Head::look(first, eof, options.encoding.as_deref())? {
                HeadState::NeedMore(at_least) => NeedMore(at_least),
                HeadState::Known(head) => Known(FormatHead::Xml(head)),
            },
            Self::Json(options) => match JsonHead::look(first, eof, options)? {
                JsonHeadState::NeedMore(at_least) => NeedMore(at_least),
                JsonHeadState::Known(head) => Known(FormatHead::Json(head)),
            },
            Self::Csv(options) => match CsvHead::look(first, eof, options)? {
                CsvHeadState::NeedMore(at_least) => NeedMore(at_least),
                CsvHeadState::Known(head) => Known(FormatHead::Csv(head)),
            },
        })
    }
}

/// What came of looking at a file's first bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatHeadState {
    /// They are too few: come again with this many, or with all that the file has.
    NeedMore(usize),
    /// They tell.
    Known(FormatHead),
}

/// What the beginning of a file says of all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatHead {
    /// XML: encoding and entities.
    Xml(Head),
    /// JSON: encoding and layout.
    Json(JsonHead),
    /// CSV: encoding, line ends and names of columns.
    Csv(CsvHead),
}

impl FormatHead {
    /// Whether a file that begins so may be read from the middle.
    pub fn can_be_split(&self) -> bool {
        match self {
            Self::Xml(head) => head.charset().can_be_split(),
            Self::Json(head) => head.can_be_split(),
            Self::Csv(head) => head.can_be_split(),
        }
    }

    /// Whether the reader of a split in mid-file may be wrong about where records begin, so that its outcome counts only
    /// once it is [verified](crate::verify_chain).
    pub fn guesses(&self) -> bool {
        match self {
            Self::Xml(_) | Self::Csv(_) => true,
            Self::Json(head) => head.guesses(),
        }
    }

    /// What makes UTF-8 of the file's bytes, at its start; `None` if the reader reads them as they are.
    pub fn transcoder(&self) -> Option<Transcoder> {
        match self {
            Self::Xml(head) => Transcoder::new(head.charset()),
            Self::Json(head) => head.transcoder(),
            Self::Csv(head) => Transcoder::new(head.charset()),
        }
    }
}

/// What to read, checked. Cheap to clone.
#[derive(Debug, Clone)]
pub enum FormatConfig {
    /// XML.
    Xml(Arc<XmlConfig>),
    /// JSON.
    Json(Arc<JsonConfig>),
    /// CSV.
    Csv(Arc<CsvConfig>),
}

impl FormatConfig {
    /// Puts options, the record's full schema, the wanted columns and what records must fulfil together.
    ///
    /// `sampled`: the schema was inferred from a sample, in a format where that [can be
    /// proved](FormatOptions::proves_samples).
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn new(
        options: FormatOptions,
        schema: SchemaRef,
        output: SchemaRef,
        filter: Vec<LeafPredicate>,
        sampled: Option<Sampled>,
    ) -> Result<Self, ConfigError> {
        if sampled.is_some() && !options.proves_samples() {
            return Err(ConfigError::Option {
                option: "sampled",
                what: "this format does not tell whether a sample's schema holds".to_string(),
            });
        }
        Ok(match options {
            FormatOptions::Xml(options) => {
                let config = XmlConfig::new(options, schema, output)?;
                Self::Xml(Arc::new(config.with_filter(filter)?))
            }
            FormatOptions::Json(options) => {
                let mut config = JsonConfig::new(options, schema, output)?.with_filter(filter)?;
                if let Some(sampled) = sampled {
                    config = config.with_sampled(sampled)?;
                }
                Self::Json(Arc::new(config))
            }
            FormatOptions::Csv(options) => {
                let config = CsvConfig::new(options, schema, output)?;
                Self::Csv(Arc::new(config.with_filter(filter)?))
            }
        })
    }

    /// The schema of the batches.
    pub fn output(&self) -> &SchemaRef {
        each!(self, config => config.output())
    }
}

/// Reads one split after another.
#[derive(Debug)]
pub enum FormatReader {
    /// XML.
    Xml(Box<XmlReader>),
    /// JSON.
    Json(Box<JsonReader>),
    /// CSV.
    Csv(Box<CsvReader>),
}

impl FormatReader {
    /// A reader that stands at the split's start.
    pub fn new(config: &FormatConfig, split: Split) -> Self {
        match config {
            FormatConfig::Xml(config) => {
                Self::Xml(Box::new(XmlReader::new(Arc::clone(config), split)))
            }
            FormatConfig::Json(config) => {
                Self::Json(Box::new(JsonReader::new(Arc::clone(config), split)))
            }
            FormatConfig::Csv(config) => {
                Self::Csv(Box::new(CsvReader::new(Arc::clone(config), split)))
            }
        }
    }

    /// Says how the file begins of which the split is a part, before the first bytes are presented. The head must be of
    /// the same format.
    pub fn set_head(&mut self, head: &FormatHead) {
        match (self, head) {
            (Self::Xml(reader), FormatHead::Xml(head)) => reader.set_head(head.clone()),
            (Self::Json(reader), FormatHead::Json(head)) => reader.set_head(head.clone()),
            (Self::Csv(reader), FormatHead::Csv(head)) => reader.set_head(head.clone()),
            _ => debug_assert!(false, "a head of another format"),
        }
    }

    /// Goes on with another split; rows that were not taken are kept.
    pub fn next_split(&mut self, split: Split) {
        each!(self, reader => reader.next_split(split));
    }

    /// The last byte of each line end, as lines are counted in the file at hand.
    pub fn line_end(&self) -> u8 {
        match self {
            Self::Csv(reader) => reader.line_end(),
            Self::Xml(_) | Self::Json(_) => b'\n',
        }
    }

    /// How many rows the next batch has so far.
    pub fn pending_rows(&self) -> usize {
        each!(self, reader => reader.pending_rows())
    }

    /// Offset, in decompressed bytes, with which the next buffer must begin.
    pub fn position(&self) -> u64 {
        each!(self, reader => reader.position())
    }

    /// Reads as much of the buffer as it can; `eof` says that the file ends with it.
    ///
    /// # Errors
    /// [`ReadFailure`]; the reader is of no use after one.
    pub fn feed(&mut self, buf: &[u8], eof: bool) -> Result<Fed, ReadFailure> {
        each!(self, reader => reader.feed(buf, eof))
    }

    /// The rows read so far, if there are any.
    ///
    /// # Errors
    /// [`ReadFailure::Arrow`]
    pub fn take_batch(&mut self) -> Result<Option<RecordBatch>, ReadFailure> {
        each!(self, reader => reader.take_batch())
    }

    /// The bad records found since the last call.
    pub fn take_bad(&mut self) -> Vec<BadRecord> {
        each!(self, reader => reader.take_bad())
    }

    /// The counts so far; final once the split is done.
    pub fn report(&self) -> SplitReport {
        each!(self, reader => reader.report())
    }
}

/// Learns the types of records.
#[derive(Debug)]
pub enum FormatInferrer {
    /// XML.
    Xml(Box<Inferrer>),
    /// JSON.
    Json(Box<JsonInferrer>),
    /// CSV.
    Csv(Box<CsvInferrer>),
}

impl FormatInferrer {
    /// An inferrer that stands at the split's start.
    pub fn new(options: &FormatOptions, split: Split) -> Self {
        match options {
            FormatOptions::Xml(options) => {
                Self::Xml(Box::new(Inferrer::new(Arc::new(options.clone()), split)))
            }
            FormatOptions::Json(options) => Self::Json(Box::new(JsonInferrer::new(
                Arc::new(options.clone()),
                split,
            ))),
            FormatOptions::Csv(options) => {
                Self::Csv(Box::new(CsvInferrer::new(Arc::new(options.clone()), split)))
            }
        }
    }

    /// Says how the file begins, as [`FormatReader::set_head`] does.
    pub fn set_head(&mut self, head: &FormatHead) {
        match (self, head) {
            (Self::Xml(inferrer), FormatHead::Xml(head)) => inferrer.set_head(head.clone()),
            (Self::Json(inferrer), FormatHead::Json(head)) => inferrer.set_head(head.clone()),
            (Self::Csv(inferrer), FormatHead::Csv(head)) => inferrer.set_head(head.clone()),
            _ => debug_assert!(false, "a head of another format"),
        }
    }

    /// Goes on with another whole file, and learns on.
    pub fn next_file(&mut self) {
        each!(self, inferrer => inferrer.next_file());
    }

    /// Offset, in decompressed bytes, with which the next buffer must begin.
    pub fn position(&self) -> u64 {
        each!(self, inferrer => inferrer.position())
    }

    /// Reads as much of the buffer as it can.
    ///
    /// # Errors
    /// [`ReadFailure`]
    pub fn feed(&mut self, buf: &[u8], eof: bool) -> Result<Fed, ReadFailure> {
        each!(self, inferrer => inferrer.feed(buf, eof))
    }

    /// The counts so far, for [`verify_chain`](crate::verify_chain).
    pub fn report(&self) -> SplitReport {
        each!(self, inferrer => inferrer.report())
    }

    /// What was learned.
    pub fn finish(self) -> TypeTree {
        each!(self, inferrer => inferrer.finish())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;

    use super::*;
    use crate::FedState;

    /// The same two records in each format.
    fn files() -> [(FormatOptions, &'static [u8], &'static str); 3] {
        let xml = XmlOptions::new(&["r"]).unwrap();
        [
            (
                FormatOptions::Xml(xml),
                b"<?xml version='1.0' encoding='ISO-8859-1'?><rs><r><a>\xE9</a></r><r><a>e</a></r></rs>",
                "xml",
            ),
            (
                FormatOptions::Json(JsonOptions::default()),
                "{\"a\": \"\u{E9}\"}\n{\"a\": \"e\"}\n".as_bytes(),
                "json",
            ),
            (FormatOptions::Csv(CsvOptions::default()), "a\n\u{E9}\ne\n".as_bytes(), "csv"),
        ]
    }

    /// Through the enums a file is inferred and read as it is by the format's own types.
    #[test]
    fn calls_reach_the_format() {
        for (options, file, word) in files() {
            assert_eq!(options.word(), word);
            let FormatHeadState::Known(head) = options.look(file, true).unwrap() else {
                panic!("the whole file tells");
            };
            assert!(head.can_be_split() && head.transcoder().is_none(), "{word}");

            let mut inferrer = FormatInferrer::new(&options, Split::whole());
            inferrer.set_head(&head);
            assert_eq!(inferrer.feed(file, true).unwrap().state, FedState::Done);
            assert_eq!(inferrer.report().emitted, 2, "{word}");
            let schema = Arc::new(options.schema_of(&inferrer.finish()).unwrap());

            let own = schema.fields().iter().map(|f| f.as_ref().clone()).collect();
            let output = Schema::new([own, options.meta_columns()].concat());
            assert_eq!(output.fields().len(), if word == "xml" { 3 } else { 2 });
            let config =
                FormatConfig::new(options, schema, Arc::new(output), Vec::new(), None).unwrap();
            let mut reader = FormatReader::new(&config, Split::whole());
            reader.set_head(&head);
            assert_eq!(reader.feed(file, true).unwrap().state, FedState::Done);
            assert_eq!(
                (reader.pending_rows(), reader.position()),
                (2, file.len() as u64)
            );
            let batch = reader.take_batch().unwrap().unwrap();
            assert_eq!(batch.schema(), *config.output());
            let texts = batch.column(0).as_string::<i32>();
            assert_eq!((texts.value(0), texts.value(1)), ("\u{E9}", "e"), "{word}");
            assert!(reader.take_bad().is_empty());
            assert_eq!(reader.report().emitted, 2);

            // The same file again: rows and counts of a pack.
            reader.next_split(Split::whole());
            reader.set_head(&head);
            assert_eq!(reader.feed(file, true).unwrap().state, FedState::Done);
            assert_eq!(
                (reader.pending_rows(), reader.report().emitted),
                (2, 2),
                "{word}"
            );
        }
    }

    /// A head that asks for more bytes, and one of a file that is turned into UTF-8 first.
    #[test]
    fn heads() {
        for (options, _, word) in files() {
            assert!(
                matches!(options.look(b"<", false), Ok(FormatHeadState::NeedMore(_))),
                "{word}"
            );
            let wide: Vec<u8> = "\u{FEFF}{}\n"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect();
            let FormatHeadState::Known(head) = options.look(&wide, true).unwrap() else {
                panic!("the whole file tells");
            };
            assert!(
                !head.can_be_split() && head.transcoder().is_some(),
                "{word}"
            );
        }
    }
}
