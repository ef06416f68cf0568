//! The checks of a model: what must be true of its table before a new version of it may exist.
//!
//! [`Check`] is what the job file says, in dbt's words; [`CheckSpec`] is what it comes to, with a name of its own, its
//! SQL inside and the tables that it reads. What a check looks at is the *candidate*: the table as it will be once the
//! model has committed.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use crate::job_file::one_or_many;
use crate::job_spec::TextFile;

/// The `format` by which the JSON Schema marks a [`PlainValue`].
pub(crate) const PLAIN_VALUE_FORMAT: &str = "plain-value";

/// The keys that say what is checked: a check has one of them.
pub(crate) const RULES: [&str; 6] = [
    "accepted_values",
    "not_null",
    "relationships",
    "row_count",
    "sql",
    "unique",
];

/// Something that must be true of a table before it gets a new version. Exactly one of `not_null`, `unique`,
/// `accepted_values`, `relationships`, `row_count` and `sql` says what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Columns that hold no NULL; one, or a list.
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "crate::job_file::OneOrMany")]
    pub not_null: Vec<String>,
    /// A column, or a list of columns taken together, of which no two rows hold the same; rows with a NULL in one of
    /// them are left out.
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "crate::job_file::OneOrMany")]
    pub unique: Vec<String>,
    /// A column and the only values that it may hold; NULL is allowed besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_values: Option<AcceptedValues>,
    /// A column whose values must all occur in a column of another table; NULL is allowed besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relationships: Option<Relationships>,
    /// How many rows the table must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_count: Option<RowCount>,
    /// A query that must give no rows, or the path of a file with one. The model's own name is the table as it will
    /// be; other models of the job and tables of the lake may be named, sources may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub sql: Option<String>,
    /// How messages call the check; without it, by what it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub name: Option<String>,
    /// What follows when it fails.
    #[serde(default)]
    pub severity: Severity,
}

/// What follows when a check fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The job fails, and the table stays as it was.
    #[default]
    Error,
    /// It is reported; the table gets its new version.
    Warn,
}

impl Severity {
    /// The word in the job file and in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warn => "warn",
        }
    }
}

/// A column and its accepted values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptedValues {
    /// The column.
    #[schemars(length(min = 1))]
    pub column: String,
    /// The values, as text, numbers or truth values; they are read as the column's type.
    #[schemars(length(min = 1))]
    pub values: Vec<PlainValue>,
}

/// A column and where its values must occur.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Relationships {
    /// The column.
    #[schemars(length(min = 1))]
    pub column: String,
    /// The table that holds the values: a model of the job, or a table of the lake.
    #[schemars(length(min = 1))]
    pub to: String,
    /// The column of that table.
    #[schemars(length(min = 1))]
    pub field: String,
}

/// Bounds for the number of rows; at least one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowCount {
    /// At least so many rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u64>,
    /// At most so many rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
}

/// A value as it is written, whatever YAML takes it for: `open`, `7`, `1.50`, `true`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PlainValue(pub String);

impl<'de> Deserialize<'de> for PlainValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Plain;
        impl Visitor<'_> for Plain {
            type Value = PlainValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, a number or a truth value")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<PlainValue, E> {
                Ok(PlainValue(text.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, truth: bool) -> Result<PlainValue, E> {
                Ok(PlainValue(truth.to_string()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<PlainValue, E> {
                Ok(PlainValue(number.to_string()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<PlainValue, E> {
                Ok(PlainValue(number.to_string()))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<PlainValue, E> {
                Ok(PlainValue(number.to_string()))
            }
        }
        deserializer.deserialize_any(Plain)
    }
}

impl JsonSchema for PlainValue {
    fn schema_name() -> Cow<'static, str> {
        "PlainValue".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "number", "boolean"],
            "format": PLAIN_VALUE_FORMAT,
        })
    }
}

/// A check of a resolved job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckSpec {
    /// Its name, which no other check of the model has.
    pub name: String,
    /// What follows when it fails.
    pub severity: Severity,
    /// What it checks.
    pub rule: CheckRule,
    /// The tables that it reads besides the candidate: models of the job, which run before this one, and tables that
    /// the lake has.
    pub reads: Vec<String>,
}

/// What a check of a resolved job checks. Columns are named as in SQL; those of structs with dots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckRule {
    /// None of these columns holds a NULL.
    NotNull {
        /// The columns.
        columns: Vec<String>,
    },
    /// No two rows hold the same in these columns, rows with a NULL in one of them left out.
    Unique {
        /// The columns.
        columns: Vec<String>,
    },
    /// The column holds one of these values, or NULL.
    AcceptedValues {
        /// The column.
        column: String,
        /// The values, as written.
        values: Vec<String>,
    },
    /// Every value of the column occurs in a column of a table.
    Relationships {
        /// The column.
        column: String,
        /// The table: the model itself, or one of [`CheckSpec::reads`].
        to: String,
        /// Its column.
        field: String,
    },
    /// The table has so many rows.
    RowCount {
        /// At least.
        min: Option<u64>,
        /// At most.
        max: Option<u64>,
    },
    /// The query gives no rows.
    Sql {
        /// The query.
        sql: TextFile,
    },
}

impl CheckRule {
    /// How messages call a check that has no name of its own.
    pub(crate) fn default_name(&self) -> String {
        match self {
            CheckRule::NotNull { columns } => format!("not_null({})", columns.join(", ")),
            CheckRule::Unique { columns } => format!("unique({})", columns.join(", ")),
            CheckRule::AcceptedValues { column, .. } => format!("accepted_values({column})"),
            CheckRule::Relationships { column, to, field } => {
                format!("relationships({column} to {to}.{field})")
            }
            CheckRule::RowCount { .. } => "row_count".to_owned(),
            CheckRule::Sql { .. } => "sql".to_owned(),
        }
    }
}
