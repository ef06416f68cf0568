//! The same file with the same options, read by us.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use serde_json::Value;

use super::super::rows::rows;
use super::super::run::read_chain;
use super::answer::{self, Answer};
use crate::schema_file;
use crate::values::Pattern;
use crate::xml::{
    FedState, OnBadRecord, OnBadValue, OnUnknown, Split, XmlConfig, XmlOptions, XmlReader,
};
use crate::{InferOptions, Inferrer, SampleRatio};

/// What reading came to.
#[derive(Debug)]
pub(super) enum Ours {
    Failed(String),
    Read {
        schema: SchemaRef,
        rows: Vec<Value>,
        /// Records in quarantine, and those that were dropped.
        bad: usize,
        /// The file's text, for the names of its namespaces.
        text: String,
    },
}

/// Spark's default name of the column.
const CORRUPT: &str = "_corrupt_record";
/// What the schema `basket.xsd` of the cases says, which is not among the files.
const BASKET: &str = "fields: {entry: {list: {fields: {key: int64, value: text}}}}";

/// Reads the case's file; `None` where an option of Spark's has nothing to take its place.
pub(super) fn read(files: &Path, case: &Answer) -> Option<Ours> {
    let validates = case.options.contains_key("rowValidationXSDPath");
    let drops = case
        .options
        .get("mode")
        .is_some_and(|mode| mode == "DROPMALFORMED");
    if validates && !drops {
        return None;
    }
    let bytes = decompressed(&files.join(&case.file));
    Some(match read_bytes(&bytes, case) {
        Ok(ours) => ours,
        Err(error) => Ours::Failed(error),
    })
}

fn decompressed(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let mut out = Vec::new();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => {
            let mut decoder = flate2::read::MultiGzDecoder::new(bytes.as_slice());
            decoder.read_to_end(&mut out).unwrap();
        }
        Some("bz2") => {
            let mut decoder = bzip2::read::MultiBzDecoder::new(bytes.as_slice());
            decoder.read_to_end(&mut out).unwrap();
        }
        _ => return bytes,
    }
    out
}

fn read_bytes(bytes: &[u8], case: &Answer) -> Result<Ours, String> {
    let options = options(case)?;
    let schema = match (&case.user_schema, options.on_unknown) {
        (_, OnUnknown::DiscardRow) => schema_file::read(BASKET).unwrap(),
        (Some(ddl), _) => {
            let mixed = case.file.starts_with("mixed_children_as_string");
            options.complete_schema(&answer::schema(ddl, mixed))
        }
        (None, _) => {
            let infer_options = InferOptions::from(&options);
            let mut inferrer = Inferrer::new(Arc::new(options.clone()), Split::whole());
            inferrer.feed(bytes, true).map_err(|e| e.to_string())?;
            let schema = inferrer.finish().to_schema(&infer_options);
            schema.map_err(|e| e.to_string())?
        }
    };
    // There is no option for this: types are in the schema file.
    let infers = case
        .options
        .get("inferSchema")
        .is_none_or(|infers| infers == "true");
    let schema = Arc::new(if infers { schema } else { of_texts(&schema) });
    let config = XmlConfig::new(options.clone(), schema.clone(), schema.clone());
    let config = Arc::new(config.map_err(|e| e.to_string())?);

    let mut reader = XmlReader::new(config.clone(), Split::whole());
    let (mut all, mut quarantine) = (Vec::new(), Vec::new());
    loop {
        let from = reader.position() as usize;
        let fed = reader
            .feed(&bytes[from..], true)
            .map_err(|e| e.to_string())?;
        all.extend(reader.take_batch().unwrap().iter().flat_map(rows));
        quarantine.extend(reader.take_bad());
        if fed.state == FedState::Done {
            break;
        }
    }
    if options.on_bad_record != OnBadRecord::Fail {
        let cuts: Vec<usize> = (499..bytes.len()).step_by(1499).collect();
        let (parts, _) = read_chain(&config, bytes, &cuts, 4096);
        assert_eq!(
            (&parts.rows, &parts.bad),
            (&all, &quarantine),
            "{}",
            case.case
        );
    }
    Ok(Ours::Read {
        schema,
        rows: all,
        bad: quarantine.len() + reader.report().dropped as usize,
        text: String::from_utf8_lossy(bytes).into_owned(),
    })
}

/// Spark's options in our words. What is not said is as in Spark where it names columns, and as with us else.
fn options(case: &Answer) -> Result<XmlOptions, String> {
    let row_tags: Vec<&String> = case.options.get("rowTag").into_iter().collect();
    let mut options = XmlOptions::new(&row_tags).map_err(|e| e.to_string())?;
    options.ignore_namespaces = false;
    let permissive = |options: &mut XmlOptions, column: &str| {
        options.on_bad_record = OnBadRecord::Keep;
        options.on_bad_value = OnBadValue::Null;
        options.corrupt_record_column = Some(column.to_string());
    };
    for (name, value) in &case.options {
        match name.as_str() {
            "rowTag" | "inferSchema" => {}
            "attributePrefix" => options.attribute_prefix.clone_from(value),
            "valueTag" => options.value_tag.clone_from(value),
            "excludeAttribute" => options.exclude_attributes = value == "true",
            "ignoreNamespace" => options.ignore_namespaces = value == "true",
            "nullValue" => options.null_values.push(value.clone()),
            "timestampFormat" => options.timestamp_format = Some(Pattern::new(value).unwrap()),
            "samplingRatio" => {
                options.sample_ratio = SampleRatio::new(value.parse().unwrap()).unwrap();
            }
            "columnNameOfCorruptRecord" => {}
            "charset" => options.encoding = Some(value.clone()),
            "rowValidationXSDPath" => options.on_unknown = OnUnknown::DiscardRow,
            "mode" => match value.as_str() {
                "DROPMALFORMED" => options.on_bad_record = OnBadRecord::Drop,
                "FAILFAST" => options.on_bad_record = OnBadRecord::Fail,
                _ => {
                    let column = case.options.get("columnNameOfCorruptRecord");
                    permissive(&mut options, column.map_or(CORRUPT, String::as_str));
                }
            },
            other => return Err(format!("no word for {other}")),
        }
    }
    if let Some(ddl) = &case.user_schema {
        if ddl.contains(CORRUPT) {
            permissive(&mut options, CORRUPT);
        }
        if ddl.contains("xs_any") {
            options.wildcard_column = Some("xs_any".to_string());
        }
    }
    options.validate().map_err(|e| e.to_string())?;
    Ok(options)
}

/// The schema with every value as text.
fn of_texts(schema: &Schema) -> Schema {
    fn field(of: &Field) -> Field {
        let data_type = match of.data_type() {
            DataType::Struct(fields) => DataType::Struct(
                fields
                    .iter()
                    .map(|of| Arc::new(field(of)))
                    .collect::<Fields>(),
            ),
            DataType::List(item) => DataType::List(field(item).into()),
            _ => DataType::Utf8,
        };
        Field::new(of.name(), data_type, true)
    }
    Schema::new(
        schema
            .fields()
            .iter()
            .map(|of| field(of))
            .collect::<Vec<_>>(),
    )
}
