//! The job file's types: what may be written, what it means, and what is assumed when it is left out.
//!
//! These types are the one definition. The JSON Schema is generated from them, the decoder (`decode`) checks a file
//! against that schema, so a key that is added here is at once known, checked, listed in messages and offered by
//! editors. The comments on the fields are the user's documentation.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::byte_size::ByteSize;
use crate::check::Check;
use crate::file_names::are_tabbed;

/// The pattern of the names of jobs, sources and models: `_` and `-` are allowed, but not at the same places.
pub(crate) const NAME_PATTERN: &str = "^[A-Za-z_][A-Za-z0-9_-]*$";
/// The same for models, whose folders would be hidden in a lake if they began with `_`.
pub(crate) const MODEL_NAME_PATTERN: &str = "^[A-Za-z][A-Za-z0-9_-]*$";

/// A Headworks job: reads sources, runs one SQL query a model over them, writes one table of the lake a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobFile {
    /// The job's name: a letter or `_`, then letters, digits, `_` and `-`.
    #[schemars(regex(pattern = NAME_PATTERN))]
    pub job: String,
    /// The folder or URL that the tables are written to, such as `./lake` or `s3://bucket/prefix`. A relative folder is
    /// relative to the job file.
    #[schemars(length(min = 1))]
    pub lake: String,
    /// What is read, by the name that SQL uses for it.
    #[schemars(
        with = "BTreeMap<String, Source>",
        extend("minProperties" = 1, "propertyNames" = {"pattern": NAME_PATTERN})
    )]
    pub sources: IndexMap<String, Source>,
    /// What is written, by the name of the table. Models may read each other; their order here does not matter.
    #[schemars(
        with = "BTreeMap<String, Model>",
        extend("minProperties" = 1, "propertyNames" = {"pattern": MODEL_NAME_PATTERN})
    )]
    pub models: IndexMap<String, Model>,
    /// How the work is cut; the defaults suit most jobs.
    #[serde(default)]
    pub tuning: Tuning,
}

/// Files that are read as one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The format of the files.
    pub format: Format,
    /// The files: a path, glob or URL, or a list of them, such as `data/**/*.xml`. Relative ones are relative to the
    /// job file; what ends in `.gz`, `.bz2`, `.zst` or `.xz` is decompressed, and a `.zip` stands for the files in it.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany")]
    pub path: Vec<String>,
    /// For `xml`, where it is required: the elements that are rows, one name or a list. `award` is the local name
    /// whatever its prefix, `ns1:award` the name as written.
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "OneOrMany")]
    pub row_tag: Vec<String>,
    /// `infer`, or the path of a schema file as `headworks schema` writes it.
    #[serde(default = "infer")]
    #[schemars(length(min = 1))]
    pub schema: String,
    /// Infer the schema from that many files only, spread evenly over the sorted list; without it from all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub sample_files: Option<u32>,
    /// Infer the schema from that share of the records only, more than 0 and at most 1; without it from all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub sample_ratio: Option<f64>,
    /// What becomes of a record that is malformed.
    #[serde(default)]
    pub on_bad_record: OnBadRecord,
    /// What becomes of a value that does not fit its column.
    #[serde(default)]
    pub on_bad_value: OnBadValue,
    /// What becomes of a record that holds an element or attribute which the schema lacks; it is reported in any case.
    #[serde(default)]
    pub on_unknown: OnUnknown,
    /// The column that holds the text of a record which is kept although it is malformed; goes with `on_bad_record:
    /// keep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub corrupt_record_column: Option<String>,
    /// For `xml`: a column for the child elements of a record that the schema lacks, each as raw XML: a list of text,
    /// unless the schema file says `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub wildcard_column: Option<String>,
    /// For `xml`: whether attributes are left out.
    #[serde(default)]
    pub exclude_attributes: bool,
    /// For `xml`: whether columns have the local names of elements and attributes, or those of the file, prefix and all.
    #[serde(default = "yes")]
    pub ignore_namespaces: bool,
    /// For `xml` and `csv`: whether white space around a value is left out. Without it, it is in `xml` and not in `csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_surrounding_spaces: Option<bool>,
    /// A list of values that mean NULL, in columns of any type, such as `[NA, '-']`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub null_values: Vec<String>,
    /// How dates are written if not as `yyyy-MM-dd`, in Spark's letters, such as `dd/MM/yyyy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub date_format: Option<String>,
    /// How timestamps are written if not as in ISO 8601, in Spark's letters, such as `dd/MM/yyyy HH:mm[XXX]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub timestamp_format: Option<String>,
    /// The encoding of the files, if it is not the one that they declare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub encoding: Option<String>,
    /// For `xml`: what the names of columns made from attributes begin with.
    #[serde(default = "attribute_prefix")]
    pub attribute_prefix: String,
    /// For `xml`: the name of the column that holds the text of an element which has attributes or children too.
    #[serde(default = "value_tag")]
    #[schemars(length(min = 1))]
    pub value_tag: String,
    /// The largest record that is parsed; a larger one is quarantined without being held in memory.
    #[serde(default = "record_bytes_max")]
    pub record_bytes_max: ByteSize,
    /// How much of a bad record's text is kept in quarantine.
    #[serde(default = "raw_bytes_max")]
    pub raw_bytes_max: ByteSize,
    /// Other names for columns of a record's top level: the name in the files, and the column's.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub rename: IndexMap<String, String>,
    /// For `json`: how the records stand in a file.
    #[serde(default)]
    pub layout: Layout,
    /// For `json`: where in each document the records are, such as `$.data.items[*]`, or `$.days.*` for the entries of a
    /// map; `$`, `.name`, `["name"]`, `[*]` and `.*` are known. Without it each document is a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub records: Option<String>,
    /// For `json`: the column that gets the keys, where `records` are the entries of a map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub key_column: Option<String>,
    /// For `json`: columns that repeat a value of the document beside each of its `records`: the column, and where the
    /// value is.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub keep: IndexMap<String, String>,
    /// For `csv`: whether each file begins with the names of its columns, in its own order.
    #[serde(default = "yes")]
    pub header: bool,
    /// For `csv` without a header: the names of the columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// For `csv`: what stands between two fields, one ASCII character; `\t` is a tab. If not given, a comma, or a tab in
    /// files named `.tsv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub delimiter: Option<String>,
    /// For `csv`: what a field may stand between, one ASCII character; empty for none.
    #[serde(default = "quote")]
    pub quote: String,
    /// For `csv`: what stands before a quote inside quotes. Without it such a quote is doubled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub escape: Option<String>,
    /// For `csv`: what a line begins with that is no record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub comment: Option<String>,
}

impl Source {
    /// A source with the default options. XML needs `row_tag` too.
    pub fn new(format: Format, path: Vec<String>) -> Self {
        Source {
            format,
            path,
            row_tag: Vec::new(),
            schema: infer(),
            sample_files: None,
            sample_ratio: None,
            on_bad_record: OnBadRecord::default(),
            on_bad_value: OnBadValue::default(),
            on_unknown: OnUnknown::default(),
            corrupt_record_column: None,
            wildcard_column: None,
            exclude_attributes: false,
            ignore_namespaces: true,
            ignore_surrounding_spaces: None,
            null_values: Vec::new(),
            date_format: None,
            timestamp_format: None,
            encoding: None,
            attribute_prefix: attribute_prefix(),
            value_tag: value_tag(),
            record_bytes_max: record_bytes_max(),
            raw_bytes_max: raw_bytes_max(),
            rename: IndexMap::new(),
            layout: Layout::default(),
            records: None,
            key_column: None,
            keep: IndexMap::new(),
            header: true,
            columns: Vec::new(),
            delimiter: None,
            quote: quote(),
            escape: None,
            comment: None,
        }
    }

    /// Whether white space around a value is left out.
    pub fn ignores_surrounding_spaces(&self) -> bool {
        self.ignore_surrounding_spaces
            .unwrap_or(self.format == Format::Xml)
    }

    /// What stands between two fields of CSV.
    pub fn delimiter(&self) -> &str {
        let by_name = if are_tabbed(&self.path) { "\t" } else { "," };
        self.delimiter.as_deref().unwrap_or(by_name)
    }

    /// What the text of `delimiter`, `quote`, `escape` or `comment` stands for, if it is one ASCII character.
    pub fn csv_character(text: &str) -> Option<char> {
        if text == "\\t" {
            return Some('\t');
        }
        let mut characters = text.chars();
        let one = characters.next().filter(|_| characters.next().is_none())?;
        (one.is_ascii() && !matches!(one, '\n' | '\r' | '\0')).then_some(one)
    }

    /// Whether the schema is to be inferred from the data.
    pub fn infers_schema(&self) -> bool {
        self.schema == INFER
    }
}

/// The format of a source's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// XML, one row for each element named by `row_tag`.
    Xml,
    /// JSON: a document a line, documents one after another, an array of records, or records inside documents.
    Json,
    /// CSV, with or without a header.
    Csv,
    /// Parquet, as a look-up table for joins; takes no options but `path`.
    Parquet,
}

/// How the records of a JSON file stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// As each file's beginning shows.
    #[default]
    Auto,
    /// A document a line; only such files are cut into splits.
    Lines,
    /// One document, or several one after another, over any number of lines.
    Documents,
    /// One array, each item of it a document.
    Array,
}

/// What becomes of a malformed record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBadRecord {
    /// It goes to the quarantine table with its file, byte offset and reason.
    #[default]
    Quarantine,
    /// It is left out, and counted.
    Drop,
    /// The job fails and names the byte.
    Fail,
    /// It becomes a row with its text in `corrupt_record_column`, and NULL in all other columns.
    Keep,
}

/// What becomes of a value that does not fit its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBadValue {
    /// Its whole record goes to the quarantine table.
    #[default]
    Quarantine,
    /// The value becomes NULL, and is counted with an example.
    Null,
}

/// What becomes of a record that holds what the schema lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// It is read without that.
    #[default]
    DiscardValue,
    /// It is left out, and counted as dropped.
    DiscardRow,
    /// The job fails and names the path.
    Freeze,
    /// The schema is widened before the job begins, so that there is nothing it lacks.
    Evolve,
}

/// One table of the lake, made by one query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The path of a file with one SELECT or WITH query, relative to the job file; or, when it contains white space,
    /// the query itself.
    #[schemars(length(min = 1))]
    pub sql: String,
    /// Columns of the query whose values become folders, outermost first.
    #[serde(default)]
    pub partition_by: Vec<String>,
    /// Whether the rows are added to the table or take the place of what it holds.
    #[serde(default)]
    pub mode: WriteMode,
    /// For `upsert`, where it is required: the columns that tell one row from another, one or a list. No row may have
    /// NULL in one of them.
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "OneOrMany")]
    pub key: Vec<String>,
    /// For `upsert`: the columns by which, of the rows with one key, the last one stays, one or a list, each `column`
    /// or `column desc`; NULL comes before all values. Of equal rows the query's goes before the table's, and of several
    /// rows of the query the one whose columns, in their order, are the greatest.
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "OneOrMany")]
    pub order_by: Vec<String>,
    /// The columns by which rows are sorted within each data file, one or a list, each `column` or `column desc`.
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "OneOrMany")]
    pub sort_by: Vec<String>,
    /// For `append`: what becomes of an input file that has changed since the table took it in.
    #[serde(default)]
    pub changed_files: ChangedFiles,
    /// A data file is closed at about this size.
    #[serde(default = "target_file_size")]
    pub target_file_size: ByteSize,
    /// How the pages of the data files are compressed.
    #[serde(default)]
    pub compression: Compression,
    /// Whether rows are shuffled by partition before they are written, so that no partition ends in many small files.
    #[serde(default)]
    pub distribute: Distribute,
    /// Whether the partition columns are kept in the data files too, besides the names of the folders.
    #[serde(default)]
    pub partition_columns_in_files: bool,
    /// What must be true of the table before it gets its new version, checked just before the commit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
}

impl Model {
    /// A model with the default options: overwritten whole, not partitioned. `sql` is a path or a query.
    pub fn new(sql: impl Into<String>) -> Self {
        Model {
            sql: sql.into(),
            partition_by: Vec::new(),
            mode: WriteMode::default(),
            key: Vec::new(),
            order_by: Vec::new(),
            sort_by: Vec::new(),
            changed_files: ChangedFiles::default(),
            target_file_size: target_file_size(),
            compression: Compression::default(),
            distribute: Distribute::default(),
            partition_columns_in_files: false,
            checks: Vec::new(),
        }
    }
}

/// A column of `order_by` or `sort_by`, and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortColumn<'a> {
    /// The column.
    pub name: &'a str,
    /// Whether the greatest value comes first.
    pub descending: bool,
}

impl<'a> SortColumn<'a> {
    /// Reads `column`, `column asc` or `column desc`; the words in any case.
    pub fn parse(text: &'a str) -> Self {
        let text = text.trim();
        let direction = text.rsplit_once(char::is_whitespace);
        let (name, descending) = match direction {
            Some((name, word)) if word.eq_ignore_ascii_case("desc") => (name, true),
            Some((name, word)) if word.eq_ignore_ascii_case("asc") => (name, false),
            _ => (text, false),
        };
        SortColumn {
            name: name.trim_end(),
            descending,
        }
    }
}

/// How a model's rows meet those that its table holds already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// The rows are added; inputs that the table has taken in before are left out.
    Append,
    /// The rows take the place of all that the table holds.
    #[default]
    Overwrite,
    /// The rows take the place of what the table holds in the partitions that they lie in; needs `partition_by`.
    OverwritePartitions,
    /// Each row takes the place of the table's row with the same `key`, or is added; needs `key`.
    Upsert,
}

/// What becomes of an input file that has changed since the table took it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangedFiles {
    /// It is taken in as a new file, with a warning; the rows of its earlier content stay.
    #[default]
    Append,
    /// The rows of its earlier content leave the table, and those of its content now come in.
    Replace,
    /// The job fails before it reads anything, and names the files.
    Error,
}

/// Compression of Parquet pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Zstandard: small files, fast to write.
    #[default]
    Zstd,
    /// Snappy, for readers that know no Zstandard.
    Snappy,
    /// No compression.
    None,
}

/// Whether rows are shuffled by partition before the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distribute {
    /// They are when `partition_by` is set.
    #[default]
    Auto,
    /// They always are; needs `partition_by`.
    Hash,
    /// They never are: each task writes its own files of every partition that it meets.
    None,
}

/// How the work is cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// How many bytes of input one task reads at a time; without it chosen from the input and the slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_size: Option<ByteSize>,
    /// How many bytes of input one wave reads: what runs again, at most, when something fails.
    #[serde(default = "wave_size")]
    pub wave_size: ByteSize,
    /// How many partitions a shuffle makes; without it chosen from the slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub shuffle_partitions: Option<u32>,
    /// How many data files one task holds open at once.
    #[serde(default = "open_writers_max")]
    #[schemars(range(min = 1))]
    pub open_writers_max: u32,
    /// How often one wave is run again before the job fails.
    #[serde(default = "wave_retries_max")]
    pub wave_retries_max: u32,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning {
            split_size: None,
            wave_size: wave_size(),
            shuffle_partitions: None,
            open_writers_max: open_writers_max(),
            wave_retries_max: wave_retries_max(),
        }
    }
}

/// The word for a schema that is inferred.
const INFER: &str = "infer";

fn infer() -> String {
    INFER.to_owned()
}

fn yes() -> bool {
    true
}

fn attribute_prefix() -> String {
    "_".to_owned()
}

fn value_tag() -> String {
    "_VALUE".to_owned()
}

fn quote() -> String {
    "\"".to_owned()
}

fn record_bytes_max() -> ByteSize {
    ByteSize::from_bytes(64_000_000)
}

fn raw_bytes_max() -> ByteSize {
    ByteSize::from_bytes(4_000)
}

fn target_file_size() -> ByteSize {
    ByteSize::from_bytes(128_000_000)
}

fn wave_size() -> ByteSize {
    ByteSize::from_bytes(8_000_000_000)
}

fn open_writers_max() -> u32 {
    64
}

fn wave_retries_max() -> u32 {
    5
}

/// A text, or a list of them.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum OneOrMany {
    /// One.
    One(#[schemars(length(min = 1))] String),
    /// Several.
    Many(#[schemars(length(min = 1), inner(length(min = 1)))] Vec<String>),
}

pub(crate) fn one_or_many<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(texts) => texts,
    })
}
