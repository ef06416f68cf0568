//! What released Sparks answered: files of `answers/`, and the schemas that were asked for.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use serde::Deserialize;
use serde_json::Value;

use crate::xml::RAW_KEY;

/// One file with one set of options, asked of one Spark.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Answer {
    pub(super) case: String,
    pub(super) file: String,
    pub(super) options: BTreeMap<String, String>,
    /// The schema that was given, as Spark's data definition language has it.
    pub(super) user_schema: Option<String>,
    pub(super) conf: BTreeMap<String, String>,
    pub(super) schema_json: Option<Value>,
    /// `None`: Spark failed.
    pub(super) count: Option<usize>,
    /// Left out where there are many.
    pub(super) rows: Option<Vec<Value>>,
}

/// The case whose rows were written down with names folded; as Spark showed them (`rows_py` in the file) they are:
const CASE_SENSITIVE: &str = "attributes-case-sensitive.xml#caseSensitive";
const CASE_SENSITIVE_ROWS: &str = r#"[
    {"array": [{"_VALUE": 2, "_attr2": 2}, {"_Attr2": 3, "_VALUE": 3}, {"_VALUE": 4, "_aTTr2": 4}],
     "struct": {"_VALUE": 1, "_attr1": 1}},
    {"struct": {"_Attr1": 5, "_VALUE": 5}}
]"#;

/// All answers of one version, by case.
pub(super) fn read(folder: &Path) -> BTreeMap<String, Answer> {
    let mut answers = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let mut answer: Answer = serde_json::from_str(&text).unwrap();
        if answer.case == CASE_SENSITIVE {
            answer.rows = serde_json::from_str(CASE_SENSITIVE_ROWS).unwrap();
        }
        answers.insert(answer.case.clone(), answer);
    }
    answers
}

/// The schema that a user of Headworks would write for one of Spark's: `name type, ...`. A `string` is what it is in
/// Spark if `raw`: the inner XML of an element that has child elements.
pub(super) fn schema(ddl: &str, raw: bool) -> Schema {
    let mut parser = Ddl { rest: ddl, raw };
    Schema::new(parser.fields(' '))
}

struct Ddl<'a> {
    rest: &'a str,
    raw: bool,
}

impl Ddl<'_> {
    fn word(&mut self) -> String {
        self.rest = self.rest.trim_start();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_string()
    }

    fn skip(&mut self, what: char) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(what) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn fields(&mut self, separator: char) -> Vec<Field> {
        let mut fields = Vec::new();
        loop {
            let name = self.word();
            if separator != ' ' {
                assert!(self.skip(separator), "{}", self.rest);
            }
            fields.push(self.field(&name));
            if !self.skip(',') {
                return fields;
            }
        }
    }

    fn field(&mut self, name: &str) -> Field {
        let data_type = match self.word().as_str() {
            "string" => {
                let field = Field::new(name, DataType::Utf8, true);
                let raw = HashMap::from([(RAW_KEY.to_string(), "true".to_string())]);
                return if self.raw {
                    field.with_metadata(raw)
                } else {
                    field
                };
            }
            "int" | "bigint" => DataType::Int64,
            "double" => DataType::Float64,
            "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            "struct" => {
                assert!(self.skip('<'));
                let fields = self.fields(':');
                assert!(self.skip('>'));
                DataType::Struct(fields.into())
            }
            "array" => {
                assert!(self.skip('<'));
                let item = self.field(Field::LIST_FIELD_DEFAULT_NAME);
                assert!(self.skip('>'));
                DataType::List(item.into())
            }
            other => panic!("{other}"),
        };
        Field::new(name, data_type, true)
    }
}
