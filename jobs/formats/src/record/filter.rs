//! Simple predicates on single values, by which a record is left out before its columns are built.
//!
//! A filter says what SQL would say of the row: a conjunction in three-valued logic, in which NULL leaves the row out,
//! each comparison in the type of its column. Where the row's value cannot be told from the tape it lets the record
//! pass, so that what is wrong with it is dealt with as without a filter: a value that does not fit its type, a
//! column's value that occurs again. A caller may therefore leave its own filter in place above the reader, and must
//! where values that do not fit become NULL.

use arrow::datatypes::{DataType, Field, Fields};
use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::config::RecordConfig;
use super::nodes::{NO_NODE, Nodes, ROOT};
use super::own_columns::OwnColumn;
use super::tape::{Op, Tape};
use crate::values::{self, Cleaner, Forms};

/// A predicate on the value at a path of column names from the record (`["contractID", "PIID"]`). No list may stand on
/// the way, nor be its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafPredicate {
    /// The path.
    pub path: Vec<String>,
    /// What is asked of the value.
    pub test: LeafTest,
}

/// What is asked of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeafTest {
    /// `= x`
    Equal(Literal),
    /// `<> x`
    NotEqual(Literal),
    /// `< x`
    Less(Literal),
    /// `<= x`
    AtMost(Literal),
    /// `> x`
    Greater(Literal),
    /// `>= x`
    AtLeast(Literal),
    /// `IN (x, ...)`
    In(Vec<Literal>),
    /// `IS NULL`
    IsNull,
    /// `IS NOT NULL`
    IsNotNull,
}

/// A value to compare with, of the column's type. (There is none for `Float64`, on whose order readers differ.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Literal {
    /// Of a `Utf8` column; compared byte by byte.
    Text(String),
    /// Of an `Int64` column.
    Int64(i64),
    /// Of a `Decimal128` column, as an integer of `10^-scale` with the column's scale.
    Decimal128(i128),
    /// Of a `Boolean` column; false is less than true.
    Boolean(bool),
    /// Of a `Date32` column: days since 1970-01-01.
    Date32(i32),
    /// Of a `Timestamp(µs)` column, with or without a zone.
    Timestamp(i64),
}

/// One predicate, checked.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) path: Vec<String>,
    data_type: DataType,
    test: LeafTest,
}

impl Leaf {
    /// Checks a predicate against the schema and the options' own columns.
    ///
    /// # Errors
    /// [`ConfigError::Filter`]
    pub(super) fn new(
        LeafPredicate { path, test }: LeafPredicate,
        fields: &Fields,
        own: &[OwnColumn],
    ) -> Result<Self, ConfigError> {
        let failed = |message: String| ConfigError::Filter {
            path: path.join("/"),
            message,
        };
        let is_own = path.len() == 1 && own.iter().any(|own| own.name == path[0]);
        if is_own {
            return Err(failed("no single element fills that column".to_string()));
        }
        let field = find(fields, &path).map_err(failed)?;
        let data_type = field.data_type().clone();
        check_type(&data_type, &test).map_err(failed)?;
        Ok(Self {
            path,
            data_type,
            test,
        })
    }
}

fn find<'a>(fields: &'a Fields, path: &[String]) -> Result<&'a Field, String> {
    let [name, rest @ ..] = path else {
        return Err("the path is empty".to_string());
    };
    let found = fields.iter().find(|field| field.name() == name);
    let field = found.ok_or_else(|| format!("there is no column `{name}`"))?;
    match (field.data_type(), rest) {
        (DataType::List(_), _) => Err(format!("`{name}` is a list")),
        (DataType::Struct(fields), [_, ..]) => find(fields, rest),
        (DataType::Struct(_), []) => Err(format!("`{name}` has fields")),
        (_, []) => Ok(field),
        (_, [_, ..]) => Err(format!("`{name}` has no fields")),
    }
}

fn check_type(data_type: &DataType, test: &LeafTest) -> Result<(), String> {
    let literals = match test {
        LeafTest::In(literals) => literals.as_slice(),
        LeafTest::IsNull | LeafTest::IsNotNull => &[],
        LeafTest::Equal(literal)
        | LeafTest::NotEqual(literal)
        | LeafTest::Less(literal)
        | LeafTest::AtMost(literal)
        | LeafTest::Greater(literal)
        | LeafTest::AtLeast(literal) => std::slice::from_ref(literal),
    };
    for literal in literals {
        let fits = matches!(
            (data_type, literal),
            (DataType::Utf8, Literal::Text(_))
                | (DataType::Int64, Literal::Int64(_))
                | (DataType::Decimal128(..), Literal::Decimal128(_))
                | (DataType::Boolean, Literal::Boolean(_))
                | (DataType::Date32, Literal::Date32(_))
                | (DataType::Timestamp(..), Literal::Timestamp(_))
        );
        if !fits {
            return Err(format!("{literal:?} is not compared with {data_type}"));
        }
    }
    Ok(())
}

/// The filter of one reader.
#[derive(Debug)]
pub(crate) struct Filter {
    /// By node: whether it matters, and as what.
    watched: Vec<Watched>,
    leaves: Vec<Watch>,
    /// The record at hand, counted.
    record: u64,
    forms: Forms,
    cleaner: Cleaner,
    scratch: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Watched {
    matters: bool,
    /// Its place in `leaves`, if it is one.
    leaf: Option<usize>,
    /// The record in which it was seen last.
    seen: u64,
}

/// A leaf with the tests on it.
#[derive(Debug)]
struct Watch {
    data_type: DataType,
    tests: Vec<LeafTest>,
    /// Whether NULL passes them.
    passes_null: bool,
    /// Whether the value of the record at hand does.
    passes: bool,
}

/// A value as it is compared: all but texts are numbers.
enum Value<'a> {
    Text(&'a [u8]),
    Number(i128),
}

impl Filter {
    /// The filter that the configuration asks for, if it does.
    pub(crate) fn new<N: Nodes>(config: &RecordConfig, shape: &N) -> Option<Self> {
        if config.filter.is_empty() {
            return None;
        }
        let mut filter = Self {
            watched: vec![Watched::default(); shape.len()],
            leaves: Vec::new(),
            record: 0,
            forms: config.options.forms.clone(),
            cleaner: config.options.cleaner(),
            scratch: Vec::new(),
        };
        for leaf in &config.filter {
            filter.watch(leaf, shape);
        }
        Some(filter)
    }

    fn watch<N: Nodes>(&mut self, leaf: &Leaf, shape: &N) {
        let node = shape.at_path(&leaf.path);
        let mut at = shape.parent(node);
        while at != ROOT && at != NO_NODE {
            self.watched[at as usize].matters = true;
            at = shape.parent(at);
        }
        let watched = &mut self.watched[node as usize];
        watched.matters = true;
        let place = *watched.leaf.get_or_insert(self.leaves.len());
        if place == self.leaves.len() {
            self.leaves.push(Watch {
                data_type: leaf.data_type.clone(),
                tests: Vec::new(),
                passes_null: true,
                passes: true,
            });
        }
        let watch = &mut self.leaves[place];
        watch.passes_null &= leaf.test == LeafTest::IsNull;
        watch.tests.push(leaf.test.clone());
    }

    /// Whether a row of NULLs passes.
    pub(crate) fn passes_nulls(&self) -> bool {
        self.leaves.iter().all(|leaf| leaf.passes_null)
    }

    /// Whether a record passes, or cannot be judged here.
    pub(crate) fn passes(&mut self, tape: &Tape, record: &[u8]) -> bool {
        self.record += 1;
        for leaf in &mut self.leaves {
            leaf.passes = leaf.passes_null;
        }
        for entry in &tape.entries {
            let Some(watched) = self.watched.get_mut(entry.node as usize) else {
                continue;
            };
            if !watched.matters || entry.op == Op::Leave {
                continue;
            }
            if watched.seen == self.record {
                return true; // It occurs again.
            }
            watched.seen = self.record;
            let (Some(place), Op::Value) = (watched.leaf, entry.op) else {
                continue;
            };
            let text = tape.text(entry, record, &mut self.scratch);
            let leaf = &mut self.leaves[place];
            let is_text = leaf.data_type == DataType::Utf8;
            let Some(text) = self.cleaner.clean(text) else {
                continue;
            };
            if text.is_empty() && !is_text {
                continue;
            }
            let Some(value) = value(text, &leaf.data_type, &self.forms) else {
                return true; // It does not fit.
            };
            leaf.passes = leaf.tests.iter().all(|test| passes(test, &value));
        }
        self.leaves.iter().all(|leaf| leaf.passes)
    }
}

fn value<'a>(text: &'a [u8], data_type: &DataType, forms: &Forms) -> Option<Value<'a>> {
    let number = match data_type {
        DataType::Int64 => values::int64(text)?.into(),
        DataType::Decimal128(precision, scale) => values::decimal128(text, *precision, *scale)?,
        DataType::Boolean => values::boolean(text)?.into(),
        DataType::Date32 => forms.date(text)?.into(),
        DataType::Timestamp(_, zone) => forms.micros(text, zone.is_some())?.into(),
        // Only whether it is NULL is asked of it.
        DataType::Float64 => values::float64(text).map(|_| 0)?,
        _ => return Some(Value::Text(text)),
    };
    Some(Value::Number(number))
}

fn passes(test: &LeafTest, value: &Value<'_>) -> bool {
    match test {
        LeafTest::Equal(literal) => order(value, literal).is_eq(),
        LeafTest::NotEqual(literal) => order(value, literal).is_ne(),
        LeafTest::Less(literal) => order(value, literal).is_lt(),
        LeafTest::AtMost(literal) => order(value, literal).is_le(),
        LeafTest::Greater(literal) => order(value, literal).is_gt(),
        LeafTest::AtLeast(literal) => order(value, literal).is_ge(),
        LeafTest::In(literals) => literals.iter().any(|literal| order(value, literal).is_eq()),
        LeafTest::IsNull => false,
        LeafTest::IsNotNull => true,
    }
}

/// How the value stands to the literal, which is of its type.
fn order(value: &Value<'_>, literal: &Literal) -> std::cmp::Ordering {
    let number = match literal {
        Literal::Text(text) => {
            let Value::Text(value) = value else {
                return std::cmp::Ordering::Less;
            };
            return (*value).cmp(text.as_bytes());
        }
        Literal::Int64(number) | Literal::Timestamp(number) => i128::from(*number),
        Literal::Decimal128(number) => *number,
        Literal::Boolean(truth) => i128::from(*truth),
        Literal::Date32(days) => i128::from(*days),
    };
    match value {
        Value::Number(value) => value.cmp(&number),
        Value::Text(_) => std::cmp::Ordering::Less,
    }
}
