//! Whether two answers are the same, and by which of our rules they differ if they do.

use std::collections::BTreeSet;

use arrow::datatypes::{DataType, Field, Fields};
use serde_json::{Map, Value};

use super::answer::Answer;
use super::ours::Ours;
use crate::values;

/// A difference on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    Decimal,
    Int64,
    Zeros,
    Xmlns,
    Struct,
    OneText,
    Wildcard,
    Quarantine,
    CorruptColumn,
    Case,
}

/// Each rule's word in the table, and what it says.
pub(super) const RULES: [(Rule, &str, &str); 10] = [
    (
        Rule::Decimal,
        "decimal",
        "numbers with a point are exact decimals; Spark makes doubles of them",
    ),
    (
        Rule::Int64,
        "int64",
        "there is one type of whole numbers, of 64 bits",
    ),
    (
        Rule::Zeros,
        "zeros",
        "a column in which a number has a leading zero is text; Spark drops the zero",
    ),
    (
        Rule::Xmlns,
        "xmlns",
        "namespace declarations are no attributes, and have no columns",
    ),
    (
        Rule::Struct,
        "null struct",
        "an empty element with fields is NULL; Spark makes a struct of NULLs",
    ),
    (
        Rule::OneText,
        "one text",
        "the pieces of text between child elements are one text; Spark makes a list of them",
    ),
    (
        Rule::Wildcard,
        "tags",
        "an element in the wildcard column has its tags, and so its name; Spark leaves them out",
    ),
    (
        Rule::Quarantine,
        "quarantine",
        "bad records go to the quarantine table unless asked otherwise; Spark makes rows of NULLs of them",
    ),
    (
        Rule::CorruptColumn,
        "corrupt column",
        "the column for the text of bad records is always in the schema when it is asked for; in Spark's, if one was met",
    ),
    (
        Rule::Case,
        "case",
        "names that differ in case are different; in Spark if `spark.sql.caseSensitive` says so",
    ),
];

/// How two answers differ.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) rules: BTreeSet<Rule>,
    /// What no rule explains.
    pub(super) other: Vec<String>,
}

/// Compares what we read with what Spark answered.
pub(super) fn compare(case: &Answer, ours: &Ours) -> Difference {
    let mut difference = Difference::default();
    let (schema, rows, bad, text) = match (ours, case.count) {
        (Ours::Failed(_), None) => return difference,
        (Ours::Failed(error), Some(count)) => {
            let other = format!("Spark has {count} rows, we say: {error}");
            difference.other.push(other);
            return difference;
        }
        (Ours::Read { rows, .. }, None) => {
            let other = format!("Spark fails, we have {} rows", rows.len());
            difference.other.push(other);
            return difference;
        }
        (
            Ours::Read {
                schema,
                rows,
                bad,
                text,
            },
            Some(_),
        ) => (schema, rows, *bad, text),
    };
    let own = case
        .options
        .get("columnNameOfCorruptRecord")
        .map_or("_corrupt_record", String::as_str);
    let mut comparison = Comparison {
        difference: &mut difference,
        declarations: declarations(text, case),
        own,
        folds_case: case.conf.is_empty(),
        bad,
        text_for_numbers: BTreeSet::new(),
    };
    let spark_schema = case.schema_json.clone().unwrap_or_default();
    comparison.fields("", schema.fields(), &spark_schema);
    comparison.rows(schema.fields(), rows, case);
    let unfounded = std::mem::take(&mut comparison.text_for_numbers);
    if case.rows.is_some() && !unfounded.is_empty() {
        let other = format!("text, although no value has a leading zero: {unfounded:?}");
        difference.other.push(other);
    }
    difference
}

/// The columns that Spark makes of the namespace declarations of the file.
fn declarations(text: &str, case: &Answer) -> BTreeSet<String> {
    let mut names = BTreeSet::from(["_xmlns".to_string()]);
    for part in text.split("xmlns:").skip(1) {
        if let Some((name, _)) = part.split_once('=') {
            names.insert(format!("_xmlns:{name}"));
            if case
                .options
                .get("ignoreNamespace")
                .is_some_and(|yes| yes == "true")
            {
                names.insert(format!("_{name}"));
            }
        }
    }
    names
}

struct Comparison<'a> {
    difference: &'a mut Difference,
    declarations: BTreeSet<String>,
    /// The column of bad records.
    own: &'a str,
    folds_case: bool,
    /// How many records we left out.
    bad: usize,
    /// Columns that are text with us and numbers in Spark, in which no leading zero was met yet.
    text_for_numbers: BTreeSet<String>,
}

impl Comparison<'_> {
    fn other(&mut self, what: String) {
        self.difference.other.push(what);
    }

    fn rule(&mut self, rule: Rule) {
        self.difference.rules.insert(rule);
    }

    fn fields(&mut self, path: &str, ours: &Fields, spark: &Value) {
        let none = Vec::new();
        let theirs = spark["fields"].as_array().unwrap_or(&none);
        let named = |name: &str| theirs.iter().find(|field| field["name"] == name);
        for field in ours {
            let at = format!("{path}{}", field.name());
            match named(field.name()) {
                Some(other) => self.data_type(&at, field, &other["type"]),
                None if field.name() == self.own => {
                    self.rule(Rule::CorruptColumn);
                }
                None if self.folds_case
                    && theirs.iter().any(|other| {
                        let name = other["name"].as_str().unwrap_or_default();
                        name.eq_ignore_ascii_case(field.name())
                    }) =>
                {
                    self.rule(Rule::Case);
                }
                None => self.other(format!("Spark has no column {at}")),
            }
        }
        for other in theirs {
            let name = other["name"].as_str().unwrap_or_default();
            if ours.iter().any(|field| field.name() == name) {
                continue;
            }
            if self.declarations.contains(name) {
                self.rule(Rule::Xmlns);
            } else if name == self.own && self.bad > 0 {
                self.rule(Rule::Quarantine);
            } else {
                self.other(format!("we have no column {path}{name}"));
            }
        }
    }

    fn data_type(&mut self, path: &str, ours: &Field, spark: &Value) {
        let spark_type = spark.as_str().unwrap_or_default();
        match (ours.data_type(), spark_type) {
            (DataType::Utf8, "string")
            | (DataType::Int64, "long")
            | (DataType::Float64, "double")
            | (DataType::Boolean, "boolean")
            | (DataType::Date32, "date")
            | (DataType::Timestamp(..), "timestamp") => {}
            (DataType::Decimal128(..), "double") => self.rule(Rule::Decimal),
            (DataType::Int64, "integer") => self.rule(Rule::Int64),
            (DataType::Utf8, "long" | "double") => {
                self.rule(Rule::Zeros);
                self.text_for_numbers.insert(path.to_string());
            }
            (DataType::Struct(fields), "") if spark["type"] == "struct" => {
                self.fields(&format!("{path}/"), fields, spark);
            }
            (DataType::List(item), "") if spark["type"] == "array" => {
                self.data_type(path, item, &spark["elementType"]);
            }
            (DataType::Utf8, "") if spark["elementType"] == "string" => self.rule(Rule::OneText),
            (ours, _) => self.other(format!("{path} is {ours}, in Spark {spark}")),
        }
    }

    fn rows(&mut self, fields: &Fields, ours: &[Value], case: &Answer) {
        let count = case.count.unwrap_or_default();
        let Some(theirs) = &case.rows else {
            if ours.len() != count {
                self.other(format!("{} rows, in Spark {count}", ours.len()));
            }
            return;
        };
        // Rows that hold nothing but a bad record's text.
        let is_bad = |row: &&Value| {
            let row = row.as_object().unwrap();
            row.len() == 1 && row.contains_key(self.own)
        };
        let keeps = fields.iter().any(|field| field.name() == self.own);
        let bad = theirs.iter().filter(is_bad).count();
        let theirs: Vec<&Value> = if !keeps && bad > 0 && bad == self.bad {
            self.rule(Rule::Quarantine);
            theirs.iter().filter(|row| !is_bad(row)).collect()
        } else {
            theirs.iter().collect()
        };
        if ours.len() != theirs.len() {
            self.other(format!("{} rows, in Spark {}", ours.len(), theirs.len()));
            return;
        }
        for (ours, theirs) in ours.iter().zip(theirs) {
            self.object("", fields, ours, theirs);
        }
    }

    fn object(&mut self, path: &str, fields: &Fields, ours: &Value, spark: &Value) {
        let empty = Map::new();
        let theirs = spark.as_object().unwrap_or(&empty);
        let folded = self.difference.rules.contains(&Rule::Case);
        for field in fields {
            let at = format!("{path}{}", field.name());
            let name = field.name();
            let mut found = theirs.get(name);
            if folded {
                let same = |other: &&String| other.eq_ignore_ascii_case(name);
                let ours_has = |name: &str| ours.get(name).is_some();
                let theirs_name = theirs.keys().find(same);
                // Of the names that Spark folds into one, a record has one.
                found = theirs_name
                    .filter(|other| {
                        ours_has(name)
                            || !fields
                                .iter()
                                .any(|f| f.name().eq_ignore_ascii_case(other) && ours_has(f.name()))
                    })
                    .and_then(|name| theirs.get(name));
            }
            match (ours.get(name), found) {
                (Some(ours), Some(theirs)) => self.value(&at, field.data_type(), ours, theirs),
                (None, None) => {}
                (None, Some(theirs)) if is_empty(theirs) => self.rule(Rule::Struct),
                (ours, theirs) => self.other(format!("{at}: {ours:?}, in Spark {theirs:?}")),
            }
        }
        for name in theirs.keys() {
            let known = fields.iter().any(|field| field.name() == name);
            if !known && !self.declarations.contains(name) {
                self.other(format!("{path}{name} is in Spark alone"));
            }
        }
    }

    fn value(&mut self, path: &str, data_type: &DataType, ours: &Value, spark: &Value) {
        let text = spark.as_str().unwrap_or_default().as_bytes();
        let same = match (data_type, ours, spark) {
            (DataType::Struct(fields), _, _) => {
                return self.object(&format!("{path}/"), fields, ours, spark);
            }
            (DataType::List(item), Value::Array(ours), Value::Array(theirs)) => {
                if ours.len() == theirs.len() {
                    for (ours, theirs) in ours.iter().zip(theirs) {
                        self.value(path, item.data_type(), ours, theirs);
                    }
                    return;
                }
                false
            }
            (DataType::Decimal128(..), Value::String(ours), Value::Number(theirs)) => {
                ours.parse::<f64>().ok() == theirs.as_f64()
            }
            (DataType::Date32, _, _) => ours.as_i64() == values::date32(text).map(i64::from),
            (DataType::Timestamp(..), _, _) => {
                ours.as_i64() == values::timestamp(text).map(|moment| moment.micros)
            }
            (DataType::Utf8, Value::String(ours), Value::Number(theirs)) => {
                let digits = ours.trim_start_matches('-');
                if digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.") {
                    self.text_for_numbers.remove(path);
                }
                ours.parse::<f64>().ok() == theirs.as_f64()
            }
            (DataType::Utf8, Value::String(ours), Value::Array(pieces)) => {
                let pieces: Vec<&str> = pieces.iter().filter_map(Value::as_str).collect();
                let words = |text: &str| -> Vec<String> {
                    text.split_whitespace().map(str::to_string).collect()
                };
                words(ours) == words(&pieces.join(" "))
            }
            (DataType::Utf8, Value::String(ours), Value::String(theirs)) if ours != theirs => {
                let inner = ours
                    .split_once('>')
                    .and_then(|(_, rest)| rest.rsplit_once("</"))
                    .map(|(inner, _)| inner);
                let in_wildcard = path == "xs_any" && inner == Some(theirs.as_str());
                if in_wildcard {
                    self.rule(Rule::Wildcard);
                }
                in_wildcard
            }
            (DataType::Float64, _, _) => ours.as_f64() == spark.as_f64(),
            _ => ours == spark,
        };
        if !same {
            self.other(format!("{path}: {ours}, in Spark {spark}"));
        }
    }
}

/// Whether nothing stands in a struct.
fn is_empty(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|object| object.values().all(is_empty))
}
