//! XML Schema (XSD 1.0, and what 1.1 shares with it) as a source of schemas.
//!
//! The schema of a record need not be learned from its files where somebody has written down what they may hold.
//! [`Xsd::parse`] reads a schema file and those that it includes, through a function of the caller's;
//! [`Xsd::schema_for`] gives the columns of one element, in the terms of the reader ([`xml`](crate::xml)), and notes on
//! all that they do not say as the schema does.
//!
//! | Module | What it does |
//! | --- | --- |
//! | `document` | one file to a tree |
//! | `components` | `include`, `import`, `redefine`; what a name refers to |
//! | `simple` | simple types, built-in ones and their restrictions, to types of columns |
//! | `content` | complex types: what an element may hold, and how often |
//! | `rows` | which element a row tag means |
//! | `columns` | the record's tree, and where it is cut |
//! | `resolver` | what these share, and the bounds |
//!
//! # How a declaration becomes a column
//!
//! | In the schema | In the row |
//! | --- | --- |
//! | order of columns | attributes, then `_VALUE`, then elements; each as the files have them, those of a base type first |
//! | element, attribute | the column of its local name, as the reader has it; NULL may stand in each, whatever `minOccurs`, `use`, `nillable` say |
//! | `maxOccurs` above 1, of the element or of a group around it; the same name twice in a sequence | `List` |
//! | the same name in several branches of a choice | one column |
//! | complex type | `Struct`; without attributes and elements, text |
//! | simple content, mixed content | `_VALUE` beside the attributes and elements |
//! | extension | what the base has, then its own |
//! | restriction | its own elements and types; the base's attributes, but those that it prohibits |
//! | substitution group | a column for each element that may stand there |
//! | abstract type | the columns of all named types derived from it, and `_type` for `xsi:type` |
//! | type that holds itself | unfolded [`XsdOptions::recursion_max`] times, then text, with a note |
//! | `anyType`, no type at all | text, with a note |
//! | `any`, `anyAttribute` | no column; a note for elements |
//! | `default`, `fixed` | nothing: what is not in the file is NULL |
//! | the same element with several types | the type that takes all of them, by the rules of the inference |
//!
//! | Simple type | Type | Remark |
//! | --- | --- | --- |
//! | `boolean` | bool | `1` and `0`, too |
//! | `byte` ... `long`, `unsignedByte` ... `unsignedInt` | int64 | |
//! | `unsignedLong` | decimal(20,0) | |
//! | `integer`, `nonNegativeInteger` and the like | decimal(38,0) | int64 if facets bound it to 18 digits or to 64 bits |
//! | `decimal` | decimal(38,18) | as Spark |
//! | ... with `fractionDigits` s | decimal(38,s) | as Spark |
//! | ... with `totalDigits` p and `fractionDigits` s | decimal(p,s) | as SQL and Spark mean it; XML Schema lets the digits stand before the point as well: such a value does not fit |
//! | ... with `totalDigits` p alone | decimal(2p,p) | decimal(38,18) if p > 19 |
//! | `float`, `double` | float64 | |
//! | `date` | date | one with a zone (`2024-02-29Z`) does not fit |
//! | `dateTime` | timestamp | or timestamptz, or text: [`XsdOptions::datetime`]; `explicitTimezone` decides where it is given |
//! | `dateTimeStamp` | timestamptz | |
//! | all others; every list | text | `string` stays text whatever its pattern or enumeration, and codes keep their zeros |
//! | union | the type that takes all members, by the rules of the inference | a member that is always empty does not count |
//! | more than 38 digits | text | with a note |

use std::fmt;

use arrow::datatypes::Schema;
use thiserror::Error;

mod columns;
mod components;
mod content;
mod document;
mod resolver;
mod rows;
mod simple;
#[cfg(test)]
mod tests;

pub use document::FILE_BYTES_MAX;

use components::Components;
use resolver::Resolver;

/// What the caller's function says when a file cannot be had.
pub type LoadError = Box<dyn std::error::Error + Send + Sync>;

/// Gives the bytes of a schema file by its location.
pub type Loader<'a> = &'a mut dyn FnMut(&str) -> Result<Vec<u8>, LoadError>;

/// A schema file, with all that it includes.
#[derive(Debug)]
pub struct Xsd {
    components: Components,
}

/// How a schema becomes columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XsdOptions {
    /// What the column of an attribute begins with.
    pub attribute_prefix: String,
    /// The column of the text beside attributes or child elements.
    pub value_tag: String,
    /// What a `dateTime` becomes.
    pub datetime: DateTimeAs,
    /// How often a type may stand on one path, if it holds itself; at least 1.
    pub recursion_max: usize,
    /// Columns, at all depths together; elements of the upper levels go first.
    pub columns_max: usize,
}

impl Default for XsdOptions {
    fn default() -> Self {
        Self {
            attribute_prefix: "_".to_string(),
            value_tag: "_VALUE".to_string(),
            datetime: DateTimeAs::Timestamp,
            recursion_max: 2,
            columns_max: 10_000,
        }
    }
}

/// What a `dateTime` becomes, of which XML Schema does not say whether it has a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateTimeAs {
    /// Without a zone; one that has a zone does not fit.
    #[default]
    Timestamp,
    /// With a zone; one that has none does not fit.
    Timestamptz,
    /// As it stands.
    Text,
}

/// The schema of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct XsdSchema {
    /// Its columns.
    pub schema: Schema,
    /// What they do not say as the schema file does.
    pub notes: Vec<Note>,
}

/// Something that is not read as the schema has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The declaration.
    pub at: Place,
    /// What becomes of it.
    pub message: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

/// A line of a schema file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's location.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A schema file that gives no schema.
#[derive(Debug, Error)]
pub enum XsdError {
    /// A file that cannot be had.
    #[error("{}the schema file {location} cannot be read: {source}\n  next: put the file there, or correct what \
             names it: {}", prefixed(.from), named_by(.from))]
    Load {
        /// Which.
        location: String,
        /// What includes it; none for the first file.
        from: Option<Place>,
        /// Why.
        source: LoadError,
    },
    /// A file that is no schema.
    #[error("{at}: {message}\n  next: correct the schema file")]
    Broken {
        /// Where.
        at: Place,
        /// What is wrong.
        message: String,
    },
    /// A name that is declared in no file that was read.
    #[error("{at}: the {what} `{name}` is not declared\n  next: {next}")]
    Undeclared {
        /// Where it is used.
        at: Place,
        /// A type, an element, ...
        what: &'static str,
        /// The name as written.
        name: String,
        /// What to do.
        next: String,
    },
    /// A row tag that means no element, or several.
    #[error("{message}")]
    RowTag {
        /// What is wrong, and what to do.
        message: String,
    },
    /// Two things in one element would get the same column.
    #[error(
        "{at}: two things would be the column `{path}`\n  next: choose another attribute_prefix or value_tag"
    )]
    NameClash {
        /// The element.
        at: Place,
        /// The column.
        path: String,
    },
    /// A bound that keeps a schema file from taking all memory or time.
    #[error(
        "{at}: there are more than {max} {what}\n  next: choose a row tag further down, or write the schema by \
             inference (headworks schema FILES)"
    )]
    TooLarge {
        /// Where it was reached.
        at: Place,
        /// What is bounded.
        what: &'static str,
        /// The bound.
        max: u64,
    },
}

/// What names a file: what the user gave, or what includes it.
fn named_by(from: &Option<Place>) -> &'static str {
    match from {
        None => "the path that was given",
        Some(_) => "the schemaLocation",
    }
}

fn prefixed(place: &Option<Place>) -> String {
    place
        .as_ref()
        .map_or_else(String::new, |place| format!("{place}: "))
}

impl Xsd {
    /// Reads a schema file and all that it includes, imports and redefines.
    ///
    /// `load` is asked for `entry` and then for the others, by their paths relative to it (`types/money.xsd` beside
    /// `entry`; `/`, and no `..` that can be resolved). Locations on the network are passed over with a note, and with
    /// an error when something of theirs is needed. Files may include each other in circles.
    ///
    /// # Errors
    /// A file that cannot be loaded, is not well-formed or no schema.
    pub fn parse(entry: &str, load: Loader<'_>) -> Result<Self, XsdError> {
        let components = Components::load(entry, load)?;
        Ok(Self { components })
    }

    /// The schema of the records of these row tags together: global elements, else local ones; `tag`, `prefix:tag`
    /// with a prefix of the first file, or the end of a path as `order/item`.
    ///
    /// # Errors
    /// A row tag that means no element or several, a name that is not declared, a bound.
    pub fn schema_for<T: AsRef<str>>(
        &self,
        row_tags: &[T],
        options: &XsdOptions,
    ) -> Result<XsdSchema, XsdError> {
        let mut resolver = Resolver::new(&self.components, options);
        let mut declarations = Vec::new();
        for row_tag in row_tags {
            declarations.extend(rows::declarations(&mut resolver, row_tag.as_ref())?);
        }
        if declarations.is_empty() {
            return Err(XsdError::RowTag {
                message: "no row tag is given; name the element whose columns are wanted"
                    .to_string(),
            });
        }
        columns::schema_of(resolver, &declarations)
    }
}
