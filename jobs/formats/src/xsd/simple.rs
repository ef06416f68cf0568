//! Simple types: the built-in ones in one table, and what restrictions, lists and unions make of them.
//!
//! What a type comes to is a [`Value`]; in the end it becomes the [`Classes`] of the inference, as if every value that
//! the type allows had been seen. So a union is a merge by the rules of the inference, and there is one set of them.

use arrow::datatypes::DataType;

use super::components::Kind;
use super::document::{Arena, NodeId};
use super::resolver::{About, Resolver, TypeRef};
use super::{DateTimeAs, XsdError};
use crate::infer::rules::Classes;
use crate::values::DECIMAL_DIGITS_MAX;

/// Digits of a number that fits 64 bits whatever they are.
const INT64_DIGITS: u32 = 18;
/// Digits after the point of a decimal that no facet bounds: Spark's.
const SCALE_UNBOUNDED: u8 = 18;

/// What the values of a simple type look like.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text,
    /// Nothing but the empty string: the other half of many a union.
    Blank,
    Boolean,
    Float,
    Date,
    DateTime(Zone),
    Integer {
        low: Option<i128>,
        high: Option<i128>,
        digits: Option<u32>,
    },
    Decimal {
        digits: Option<u32>,
        places: Option<u32>,
    },
    Union(Classes),
}

/// Whether a moment says its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    May,
    Must,
    MustNot,
}

/// The built-in types (XML Schema 1.0, part 2, section 3; `dateTimeStamp` and the like are 1.1). A name that is none
/// has no value.
pub(super) fn builtin(name: &str) -> Option<Value> {
    let whole = |low: Option<i128>, high: Option<i128>| Value::Integer {
        low,
        high,
        digits: None,
    };
    let bits = |low: i128, high: i128| whole(Some(low), Some(high));
    Some(match name {
        "boolean" => Value::Boolean,
        "float" | "double" => Value::Float,
        "decimal" => Value::Decimal {
            digits: None,
            places: None,
        },
        "integer" => whole(None, None),
        "nonPositiveInteger" => whole(None, Some(0)),
        "negativeInteger" => whole(None, Some(-1)),
        "nonNegativeInteger" => whole(Some(0), None),
        "positiveInteger" => whole(Some(1), None),
        "long" => bits(i64::MIN.into(), i64::MAX.into()),
        "int" => bits(i32::MIN.into(), i32::MAX.into()),
        "short" => bits(i16::MIN.into(), i16::MAX.into()),
        "byte" => bits(i8::MIN.into(), i8::MAX.into()),
        "unsignedLong" => bits(0, u64::MAX.into()),
        "unsignedInt" => bits(0, u32::MAX.into()),
        "unsignedShort" => bits(0, u16::MAX.into()),
        "unsignedByte" => bits(0, u8::MAX.into()),
        "date" => Value::Date,
        "dateTime" => Value::DateTime(Zone::May),
        "dateTimeStamp" => Value::DateTime(Zone::Must),
        "string" | "normalizedString" | "token" | "language" | "Name" | "NCName" | "NMTOKEN"
        | "NMTOKENS" | "ID" | "IDREF" | "IDREFS" | "ENTITY" | "ENTITIES" | "anyURI" | "QName"
        | "NOTATION" | "base64Binary" | "hexBinary" | "duration" | "dayTimeDuration"
        | "yearMonthDuration" | "time" | "gYear" | "gYearMonth" | "gMonth" | "gMonthDay"
        | "gDay" | "anySimpleType" | "anyAtomicType" => Value::Text,
        _ => return None,
    })
}

impl Value {
    /// As if every value that is allowed had been seen.
    pub(super) fn classes(&self, datetime: DateTimeAs) -> Classes {
        let mut classes = Classes::default();
        match self {
            Self::Text => classes.text = true,
            Self::Blank => classes.empty = true,
            Self::Boolean => classes.boolean = true,
            Self::Float => classes.float = true,
            Self::Date => classes.date = true,
            Self::DateTime(zone) => match (zone, datetime) {
                (Zone::Must, _) | (Zone::May, DateTimeAs::Timestamptz) => {
                    classes.timestamptz = true;
                }
                (Zone::MustNot, _) | (Zone::May, DateTimeAs::Timestamp) => {
                    classes.timestamp = true;
                }
                (Zone::May, DateTimeAs::Text) => classes.text = true,
            },
            Self::Integer { low, high, digits } => integer(*low, *high, *digits, &mut classes),
            Self::Decimal { digits, places } => decimal(*digits, *places, &mut classes),
            Self::Union(members) => classes = *members,
        }
        classes
    }

    /// Whether a facet asks for more digits than a column can have.
    fn too_long(&self) -> bool {
        match self {
            Self::Integer { .. } | Self::Decimal { .. } => {
                self.classes(DateTimeAs::Text).data_type() == DataType::Utf8
            }
            _ => false,
        }
    }
}

fn integer(low: Option<i128>, high: Option<i128>, digits: Option<u32>, classes: &mut Classes) {
    let written = |bound: i128| bound.unsigned_abs().to_string().len() as u32;
    let by_bounds = low
        .zip(high)
        .map(|(low, high)| written(low).max(written(high)));
    let fits = |bound: Option<i128>| bound.is_some_and(|bound| i64::try_from(bound).is_ok());
    classes.integer = true;
    let long = digits.is_none_or(|digits| digits > INT64_DIGITS);
    classes.beyond_int64 = long && !(fits(low) && fits(high));
    let digits = match (digits, by_bounds) {
        (Some(digits), Some(bound)) => digits.min(bound),
        (Some(digits), None) => digits,
        (None, bound) => bound.unwrap_or(DECIMAL_DIGITS_MAX as u32),
    };
    classes.digits_max = u8::try_from(digits).unwrap_or(u8::MAX);
}

fn decimal(digits: Option<u32>, places: Option<u32>, classes: &mut Classes) {
    classes.decimal = true;
    let max = DECIMAL_DIGITS_MAX as u32;
    let (precision, scale) = match (digits, places) {
        (None, None) => (max, u32::from(SCALE_UNBOUNDED)),
        (None, Some(places)) => (max.max(places), places),
        (Some(digits), Some(places)) => (digits.max(places).max(1), places),
        // The point may stand anywhere.
        (Some(digits), None) if digits <= max / 2 => (2 * digits.max(1), digits.max(1)),
        (Some(digits), None) => (max.max(digits), u32::from(SCALE_UNBOUNDED)),
    };
    classes.scale_max = u8::try_from(scale).unwrap_or(u8::MAX);
    classes.digits_max = u8::try_from(precision - scale).unwrap_or(u8::MAX);
}

impl Resolver<'_> {
    /// The values of a type named in an attribute of `from`, or of the simple type inside it.
    ///
    /// # Errors
    /// A type that is not declared, or that is made of itself.
    pub(super) fn value_of(&mut self, type_ref: &TypeRef) -> Result<Value, XsdError> {
        match type_ref {
            TypeRef::Builtin(value) => Ok(value.clone()),
            TypeRef::Any => Ok(Value::Text),
            TypeRef::Declared(id) if self.set.arena.node(*id).tag == "simpleType" => {
                self.simple(*id)
            }
            // A complex type with simple content, or none at all.
            TypeRef::Declared(id) => Ok(self.content(*id)?.text.clone().unwrap_or(Value::Text)),
        }
    }

    /// The values of a `simpleType`.
    fn simple(&mut self, id: NodeId) -> Result<Value, XsdError> {
        if let Some(known) = self.values.get(&id) {
            return Ok(known.clone());
        }
        self.enter(id)?;
        let step = self.set.arena.child(id, &["restriction", "list", "union"]);
        let value = match step {
            Some(step) => match self.set.arena.node(step).tag {
                "restriction" => {
                    let base = self.simple_base(step)?;
                    self.restrict(base, step)?
                }
                "union" => self.union(step)?,
                _ => Value::Text,
            },
            None => Value::Text,
        };
        self.leave(id);
        self.values.insert(id, value.clone());
        Ok(value)
    }

    /// The base of a restriction of a simple type: named, or inside it.
    fn simple_base(&mut self, step: NodeId) -> Result<Value, XsdError> {
        let arena = &self.set.arena;
        if let Some(base) = arena.attribute(step, "base") {
            let base = self.named_type(step, base)?;
            return self.value_of(&base);
        }
        match arena.child(step, &["simpleType"]) {
            Some(inner) => self.simple(inner),
            None => Ok(Value::Text),
        }
    }

    fn union(&mut self, step: NodeId) -> Result<Value, XsdError> {
        let set = self.set;
        let named = set.arena.attribute(step, "memberTypes").unwrap_or_default();
        let mut members = Vec::new();
        for name in named.split_ascii_whitespace() {
            let member = self.named_type(step, name)?;
            members.push(self.value_of(&member)?);
        }
        for inner in set.arena.children(step, "simpleType") {
            members.push(self.simple(inner)?);
        }
        let mut classes = Classes::default();
        for member in &members {
            let member = self.classes(member);
            classes.merge(&member);
        }
        Ok(Value::Union(classes))
    }

    /// What the facets below `step` leave of a type.
    pub(super) fn restrict(&mut self, base: Value, step: NodeId) -> Result<Value, XsdError> {
        let arena = &self.set.arena;
        let mut value = base;
        let mut enumerated = 0;
        let mut blank = true;
        for &facet in &arena.node(step).children {
            let tag = arena.node(facet).tag;
            let text = arena.attribute(facet, "value").unwrap_or_default();
            match (tag, &mut value) {
                ("enumeration", _) => {
                    enumerated += 1;
                    blank &= text.is_empty();
                }
                ("length" | "maxLength", Value::Text) if text == "0" => value = Value::Blank,
                ("explicitTimezone", Value::DateTime(zone)) => match text {
                    "required" => *zone = Zone::Must,
                    "prohibited" => *zone = Zone::MustNot,
                    _ => {}
                },
                ("totalDigits", Value::Integer { digits, .. } | Value::Decimal { digits, .. }) => {
                    narrow(digits, self.number(facet, text)?);
                }
                ("fractionDigits", Value::Decimal { places, .. }) => {
                    narrow(places, self.number(facet, text)?);
                }
                // A bound that is no whole number of 128 bits bounds nothing here.
                ("minInclusive" | "minExclusive", Value::Integer { low, .. }) => {
                    if let Ok(bound) = text.parse::<i128>() {
                        *low = Some(low.map_or(bound, |low| low.max(bound)));
                    }
                }
                ("maxInclusive" | "maxExclusive", Value::Integer { high, .. }) => {
                    if let Ok(bound) = text.parse::<i128>() {
                        *high = Some(high.map_or(bound, |high| high.min(bound)));
                    }
                }
                _ => {}
            }
        }
        if enumerated > 0 && blank && value == Value::Text {
            value = Value::Blank;
        }
        if value.too_long() {
            let message =
                format!("a number of more than {DECIMAL_DIGITS_MAX} digits: it is read as text");
            self.note(step, About::Digits, message);
        }
        Ok(value)
    }

    fn number(&self, facet: NodeId, text: &str) -> Result<u32, XsdError> {
        text.parse().map_err(|_| XsdError::Broken {
            at: self.set.arena.place(facet),
            message: format!(
                "`{text}` is no number of digits for {}",
                self.set.arena.node(facet).tag
            ),
        })
    }

    /// A type by its name in an attribute of `from`.
    ///
    /// # Errors
    /// A name that is declared nowhere.
    pub(super) fn named_type(&self, from: NodeId, name: &str) -> Result<TypeRef, XsdError> {
        let meant = self.set.arena.resolve(from, name)?;
        if Arena::is_builtin(&meant) {
            if meant.local == "anyType" {
                return Ok(TypeRef::Any);
            }
            if let Some(value) = builtin(&meant.local) {
                return Ok(TypeRef::Builtin(value));
            }
        }
        let declared = self.set.lookup(Kind::Type, from, name)?;
        Ok(TypeRef::Declared(declared))
    }
}

/// A restriction can only take away.
fn narrow(bound: &mut Option<u32>, to: u32) {
    *bound = Some(bound.map_or(to, |bound| bound.min(to)));
}
