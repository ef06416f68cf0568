//! The parsers' options, from the job file's words.

use headworks_formats::json::Layout;
use headworks_formats::values::Pattern;
use headworks_formats::{
    CsvOptions, FormatOptions, JsonOptions, JsonPath, OnBadRecord, OnBadValue, OnUnknown,
    SampleRatio, XmlOptions,
};
use headworks_sources::Rename;
use headworks_spec::{Format, Source, SourceSpec};

use crate::api::EngineError;

/// Says what is wrong with a source's options.
fn fault(spec: &SourceSpec, what: &dyn std::fmt::Display) -> EngineError {
    EngineError::Configuration(format!("source `{}`: {what}", spec.name))
}

/// The options of the format's parser; `None` for formats without records.
///
/// # Errors
/// `Configuration`, with the source's name.
pub(super) fn format_options(spec: &SourceSpec) -> Result<Option<FormatOptions>, EngineError> {
    let options = match spec.options.format {
        Format::Xml => FormatOptions::Xml(xml_options(spec)?),
        Format::Json => FormatOptions::Json(json_options(spec)?),
        Format::Csv => FormatOptions::Csv(csv_options(spec)?),
        Format::Parquet => return Ok(None),
    };
    options.validate().map_err(|e| fault(spec, &e))?;
    Ok(Some(options))
}

/// Other names for columns.
pub(super) fn rename(spec: &SourceSpec) -> Rename {
    let pairs = spec.options.rename.iter();
    Rename::new(pairs.map(|(from, to)| (from.clone(), to.clone())))
}

/// What all formats with records have.
struct Common {
    on_bad_record: OnBadRecord,
    on_bad_value: OnBadValue,
    on_unknown: OnUnknown,
    date_format: Option<Pattern>,
    timestamp_format: Option<Pattern>,
    sample_ratio: SampleRatio,
}

impl Common {
    fn of(spec: &SourceSpec) -> Result<Self, EngineError> {
        let own = &spec.options;
        let pattern = |option: &str, text: &Option<String>| {
            let pattern = text.as_deref().map(Pattern::new).transpose();
            pattern.map_err(|e| fault(spec, &format!("{option}: {e}")))
        };
        Ok(Self {
            on_bad_record: match own.on_bad_record {
                headworks_spec::OnBadRecord::Quarantine => OnBadRecord::Quarantine,
                headworks_spec::OnBadRecord::Drop => OnBadRecord::Drop,
                headworks_spec::OnBadRecord::Fail => OnBadRecord::Fail,
                headworks_spec::OnBadRecord::Keep => OnBadRecord::Keep,
            },
            on_bad_value: match own.on_bad_value {
                headworks_spec::OnBadValue::Quarantine => OnBadValue::Quarantine,
                headworks_spec::OnBadValue::Null => OnBadValue::Null,
            },
            on_unknown: match own.on_unknown {
                headworks_spec::OnUnknown::DiscardValue => OnUnknown::DiscardValue,
                headworks_spec::OnUnknown::DiscardRow => OnUnknown::DiscardRow,
                headworks_spec::OnUnknown::Freeze => OnUnknown::Freeze,
                headworks_spec::OnUnknown::Evolve => OnUnknown::Evolve,
            },
            date_format: pattern("date_format", &own.date_format)?,
            timestamp_format: pattern("timestamp_format", &own.timestamp_format)?,
            sample_ratio: match own.sample_ratio {
                Some(ratio) => SampleRatio::new(ratio).map_err(|e| fault(spec, &e))?,
                None => SampleRatio::ALL,
            },
        })
    }
}

/// Puts the options that are the same in every format into those of one, whose fields have the same names.
macro_rules! fill {
    ($options:ident, $spec:expr) => {
        let own = &$spec.options;
        let common = Common::of($spec)?;
        $options.on_bad_record = common.on_bad_record;
        $options.on_bad_value = common.on_bad_value;
        $options.on_unknown = common.on_unknown;
        $options.date_format = common.date_format;
        $options.timestamp_format = common.timestamp_format;
        $options.sample_ratio = common.sample_ratio;
        $options.null_values.clone_from(&own.null_values);
        $options
            .corrupt_record_column
            .clone_from(&own.corrupt_record_column);
        $options.encoding.clone_from(&own.encoding);
        set_limits(&mut $options.limits, own);
    };
}

fn set_limits(limits: &mut headworks_formats::Limits, own: &Source) {
    let size = |size: headworks_spec::ByteSize| usize::try_from(size.bytes()).unwrap_or(usize::MAX);
    limits.record_bytes_max = size(own.record_bytes_max);
    limits.recovery_bytes_max = limits.recovery_bytes_max.min(limits.record_bytes_max);
    limits.raw_bytes_max = size(own.raw_bytes_max);
}

fn xml_options(spec: &SourceSpec) -> Result<XmlOptions, EngineError> {
    let own = &spec.options;
    let mut options = XmlOptions::new(&own.row_tag).map_err(|e| fault(spec, &e))?;
    fill!(options, spec);
    options.attribute_prefix.clone_from(&own.attribute_prefix);
    options.value_tag.clone_from(&own.value_tag);
    options.exclude_attributes = own.exclude_attributes;
    options.ignore_namespaces = own.ignore_namespaces;
    options.trim = own.ignores_surrounding_spaces();
    options.wildcard_column.clone_from(&own.wildcard_column);
    Ok(options)
}

fn json_options(spec: &SourceSpec) -> Result<JsonOptions, EngineError> {
    let own = &spec.options;
    let path = |text: &String| JsonPath::parse(text).map_err(|e| fault(spec, &e));
    let mut options = JsonOptions::default();
    fill!(options, spec);
    options.layout = match own.layout {
        headworks_spec::Layout::Auto => Layout::Auto,
        headworks_spec::Layout::Lines => Layout::Lines,
        headworks_spec::Layout::Documents => Layout::Documents,
        headworks_spec::Layout::Array => Layout::Array,
    };
    options.records = own.records.as_ref().map(path).transpose()?;
    options.key_column.clone_from(&own.key_column);
    for (column, text) in &own.keep {
        options.keep.insert(column.clone(), path(text)?);
    }
    Ok(options)
}

fn csv_options(spec: &SourceSpec) -> Result<CsvOptions, EngineError> {
    let own = &spec.options;
    let character = |option: &str, text: &str| {
        let one = Source::csv_character(text);
        one.ok_or_else(|| {
            fault(
                spec,
                &format!("{option} `{text}` is not one ASCII character"),
            )
        })
    };
    let mut options = CsvOptions::default();
    fill!(options, spec);
    options.header = own.header;
    options.columns.clone_from(&own.columns);
    options.delimiter = character("delimiter", own.delimiter())?;
    let quote = Some(&own.quote).filter(|quote| !quote.is_empty());
    options.quote = quote.map(|text| character("quote", text)).transpose()?;
    let escape = own.escape.as_ref();
    options.escape = escape.map(|text| character("escape", text)).transpose()?;
    let comment = own.comment.as_ref();
    options.comment = comment.map(|text| character("comment", text)).transpose()?;
    options.ignore_surrounding_spaces = own.ignores_surrounding_spaces();
    Ok(options)
}
