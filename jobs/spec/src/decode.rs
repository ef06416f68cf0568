//! A tree of nodes, checked against the JSON Schema of the job file's types and turned into JSON that serde decodes.
//!
//! The schema is the generated one, so what is allowed is said once, by the types in `job_file`. Only the part of JSON
//! Schema that those types give is understood; a test decodes every key of every type, so a new construct is noticed.
//! Unlike a generic validator this one names things as the user does, offers the nearest word, and goes on after an error:
//! a faulty value is left out of the result.

use serde_json::{Map, Number, Value};

use crate::byte_size::{BYTE_SIZE_FORMAT, BYTE_SIZE_WANTED, ByteSize};
use crate::check::PLAIN_VALUE_FORMAT;
use crate::error::{Mark, SpecError, hint, nearest, quoted_list};
use crate::names::name_fault;
use crate::yaml::{Key, Kind, Node, Scalar, Style, as_bool, is_null, is_number};

/// How much of a wrong text a message shows, in characters.
const SHOWN_CHARS_MAX: usize = 60;

/// Checks `root` against `schema`, the whole one, and returns what of it is right.
pub(crate) fn decode(root: &Node, schema: &Value, errors: &mut Vec<SpecError>) -> Value {
    let mut decoder = Decoder {
        schema,
        errors,
        path: Vec::new(),
    };
    decoder.value(root, schema, &root.at).unwrap_or(Value::Null)
}

/// The schema behind a `$ref`.
pub(crate) fn resolve_ref<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    match schema["$ref"]
        .as_str()
        .and_then(|reference| reference.strip_prefix('#'))
    {
        Some(pointer) => root.pointer(pointer).unwrap_or(schema),
        None => schema,
    }
}

/// The message for a key that a map does not have. `place` as [`place`] gives it.
pub(crate) fn unknown_key(key: &str, place: &str, schema: &Value) -> String {
    format!(
        "unknown key `{key}` in {place}{} Allowed: {}",
        hint(key, keys(schema)),
        quoted_list(keys(schema))
    )
}

/// Whether `key` is unknown and near to `meant`: then the one error is enough, and `meant` is not missing too.
pub(crate) fn is_misspelt(key: &str, meant: &str, schema: &Value) -> bool {
    schema["properties"].get(key).is_none() && nearest(key, [meant]).is_some()
}

/// How the user calls the map at `path`: `the job file`, ``source `awards` ``, `` `tuning` ``.
pub(crate) fn place(path: &[String]) -> String {
    match path {
        [] => "the job file".to_owned(),
        [kind, name] if kind == "sources" => format!("source `{name}`"),
        [kind, name] if kind == "models" => format!("model `{name}`"),
        [.., last] => format!("`{last}`"),
    }
}

struct Decoder<'a> {
    schema: &'a Value,
    errors: &'a mut Vec<SpecError>,
    /// The keys that lead to the node at hand.
    path: Vec<String>,
}

impl Decoder<'_> {
    /// The JSON of a node, or `None` when it is wrong or when nothing stands where nothing may stand. `key` is where an
    /// error about the node as a whole is shown.
    fn value(&mut self, node: &Node, schema: &Value, key: &Mark) -> Option<Value> {
        let root = self.schema;
        let schema = resolve_ref(root, branch(root, schema, node));
        match &node.kind {
            Kind::Map(entries) if schema["properties"].is_object() => {
                self.fields(entries, schema, key)
            }
            Kind::Map(entries) if schema["additionalProperties"].is_object() => {
                self.named(entries, schema, key)
            }
            Kind::List(items) if allows(schema, "array") => self.list(node, items, schema),
            Kind::Scalar(scalar) if is_nothing(scalar) && allows(schema, "null") => None,
            Kind::Scalar(scalar) => self.scalar(node, scalar, schema),
            Kind::Map(_) | Kind::List(_) => self.wrong(node, schema, ""),
        }
    }

    /// A map with a fixed set of keys.
    fn fields(&mut self, entries: &[(Key, Node)], schema: &Value, at: &Mark) -> Option<Value> {
        let mut object = Map::new();
        for (key, node) in entries {
            match schema["properties"].get(&key.text) {
                Some(field) => {
                    self.path.push(key.text.clone());
                    let value = self.value(node, field, &key.at);
                    self.path.pop();
                    object.extend(value.map(|value| (key.text.clone(), value)));
                }
                None => {
                    let message = unknown_key(&key.text, &place(&self.path), schema);
                    self.errors.push(key.at.error(message));
                }
            }
        }
        for required in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            let stands_for_it =
                |key: &Key| key.text == required || is_misspelt(&key.text, required, schema);
            if !entries.iter().any(|(key, _)| stands_for_it(key)) {
                let about = schema["properties"][required]["description"]
                    .as_str()
                    .unwrap_or_default();
                let message = format!(
                    "{} lacks `{required}`: {}",
                    place(&self.path),
                    first_sentence(about)
                );
                self.errors.push(at.error(message));
            }
        }
        Some(Value::Object(object))
    }

    /// A map from names that the user chooses.
    fn named(&mut self, entries: &[(Key, Node)], schema: &Value, at: &Mark) -> Option<Value> {
        let mut object = Map::new();
        if entries.is_empty() && schema["minProperties"].is_u64() {
            self.errors.push(at.error(format!(
                "{} is empty; at least one is needed",
                self.subject()
            )));
        }
        for (key, node) in entries {
            let what = self
                .path
                .last()
                .map_or("", |kind| kind.trim_end_matches('s'))
                .to_owned();
            if schema["propertyNames"].is_object()
                && let Some(fault) = name_fault(&what, &key.text)
            {
                self.errors.push(key.at.error(fault));
            }
            self.path.push(key.text.clone());
            let value = self.value(node, &schema["additionalProperties"], &key.at);
            self.path.pop();
            object.extend(value.map(|value| (key.text.clone(), value)));
        }
        Some(Value::Object(object))
    }

    fn list(&mut self, node: &Node, items: &[Node], schema: &Value) -> Option<Value> {
        if items.is_empty() && schema["minItems"].is_u64() {
            self.errors.push(node.at.error(format!(
                "{} is empty; at least one is needed",
                self.subject()
            )));
            return None;
        }
        let faults_before = self.errors.len();
        let values = items
            .iter()
            .filter_map(|item| self.value(item, &schema["items"], &item.at))
            .collect();
        (self.errors.len() == faults_before).then_some(Value::Array(values))
    }

    fn scalar(&mut self, node: &Node, scalar: &Scalar, schema: &Value) -> Option<Value> {
        let text = scalar.text.as_str();
        if scalar.style == Style::Unknown {
            return None;
        }
        let may_be_text = match scalar.style {
            Style::Plain => !is_null(text) && as_bool(text).is_none() && !is_number(text),
            Style::Quoted | Style::Any | Style::Unknown => true,
        };
        let may_be_other = scalar.style != Style::Quoted;
        let words: Vec<&str> = words(schema).collect();
        if !words.is_empty() {
            return self.word(node, text, &words);
        }
        if schema["format"] == PLAIN_VALUE_FORMAT {
            return match is_nothing(scalar) {
                false => Some(Value::String(text.to_owned())),
                true => self.wrong(node, schema, ""),
            };
        }
        if schema["format"] == BYTE_SIZE_FORMAT {
            return match text.parse::<ByteSize>() {
                Ok(size) => Some(Value::String(size.to_string())),
                Err(_) => self.wrong(node, schema, ""),
            };
        }
        if allows(schema, "boolean") {
            return match as_bool(text).filter(|_| may_be_other) {
                Some(truth) => Some(Value::Bool(truth)),
                None => self.wrong(node, schema, ""),
            };
        }
        if allows(schema, "integer") {
            let least = schema["minimum"].as_u64().unwrap_or(0);
            let most = match schema["format"].as_str() {
                Some("uint64") => u64::MAX,
                _ => u32::MAX.into(),
            };
            return match text
                .parse::<u64>()
                .ok()
                .filter(|number| may_be_other && (least..=most).contains(number))
            {
                Some(number) => Some(Value::Number(Number::from(number))),
                None => self.wrong(node, schema, ""),
            };
        }
        if allows(schema, "number") {
            let number = text
                .parse::<f64>()
                .ok()
                .filter(|number| may_be_other && is_number(text) && is_in_range(*number, schema));
            return match number.and_then(Number::from_f64) {
                Some(number) => Some(Value::Number(number)),
                None => self.wrong(node, schema, ""),
            };
        }
        if !allows(schema, "string") {
            return self.wrong(node, schema, "");
        }
        if !may_be_text {
            let quotes = if is_null(text) {
                ""
            } else {
                "; put it in quotes to make it text"
            };
            return self.wrong(node, schema, quotes);
        }
        if text.is_empty() && schema["minLength"].is_u64() {
            self.errors
                .push(node.at.error(format!("{} is empty", self.subject())));
            return None;
        }
        Some(Value::String(text.to_owned()))
    }

    /// One of a fixed set of words.
    fn word(&mut self, node: &Node, text: &str, words: &[&str]) -> Option<Value> {
        if words.contains(&text) {
            return Some(Value::String(text.to_owned()));
        }
        let subject = self.subject();
        let near = hint(text, words.iter().copied());
        let message = format!(
            "{subject} cannot be {}{near} Allowed: {}",
            found(node),
            quoted_list(words.iter().copied())
        );
        self.errors.push(node.at.error(message));
        None
    }

    /// Reports a value of the wrong type.
    fn wrong(&mut self, node: &Node, schema: &Value, advice: &str) -> Option<Value> {
        let message = format!(
            "{} must be {}, found {}{advice}",
            self.subject(),
            wanted(self.schema, schema),
            found(node)
        );
        self.errors.push(node.at.error(message));
        None
    }

    /// How the user calls the value at hand: ``source `awards` ``, `` `row_tag` in source `awards` ``.
    fn subject(&self) -> String {
        match self.path.as_slice() {
            [] => place(&[]),
            [first] => format!("`{first}`"),
            [kind, _] if kind == "sources" || kind == "models" => place(&self.path),
            [before @ .., last] => format!("`{last}` in {}", place(before)),
        }
    }
}

/// Of several allowed shapes, the one that the node has: `anyOf` never offers two of a kind.
fn branch<'s>(root: &'s Value, schema: &'s Value, node: &Node) -> &'s Value {
    let Some(branches) = schema["anyOf"].as_array() else {
        return schema;
    };
    let fits = |branch: &&Value| {
        let branch = resolve_ref(root, branch);
        match node.kind {
            Kind::Map(_) => allows(branch, "object"),
            Kind::List(_) => allows(branch, "array"),
            Kind::Scalar(_) => !allows(branch, "object") && !allows(branch, "array"),
        }
    };
    branches.iter().find(fits).unwrap_or(schema)
}

/// Whether `type` is, or has among its list, that one.
fn allows(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|allowed| allowed == kind),
        only => only == kind,
    }
}

/// Whether a number is within the bounds that the schema has for it.
fn is_in_range(number: f64, schema: &Value) -> bool {
    let above = schema["exclusiveMinimum"]
        .as_f64()
        .is_none_or(|least| number > least);
    let below = schema["maximum"].as_f64().is_none_or(|most| number <= most);
    above && below
}

/// The words of an enumeration.
fn words(schema: &Value) -> impl Iterator<Item = &str> {
    let documented = schema["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["const"].as_str());
    let plain = schema["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    documented.chain(plain)
}

fn keys(schema: &Value) -> impl Iterator<Item = &str> {
    let mut keys: Vec<&str> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    keys.sort_unstable();
    keys.into_iter()
}

/// Whether nothing stands there: `key:`, `~`, `null`.
fn is_nothing(scalar: &Scalar) -> bool {
    scalar.style == Style::Plain && is_null(&scalar.text)
}

fn wanted(root: &Value, schema: &Value) -> String {
    let schema = resolve_ref(root, schema);
    if let Some(branches) = schema["anyOf"].as_array() {
        let each: Vec<String> = branches.iter().map(|branch| wanted(root, branch)).collect();
        return each.join(" or ");
    }
    if schema["format"] == BYTE_SIZE_FORMAT {
        return BYTE_SIZE_WANTED.to_owned();
    }
    if schema["format"] == PLAIN_VALUE_FORMAT {
        return "text, a number or a truth value".to_owned();
    }
    let words = quoted_list(words(schema));
    if words != "none" {
        return format!("one of {words}");
    }
    if allows(schema, "array") {
        return format!("a list of {}", wanted(root, &schema["items"]));
    }
    if allows(schema, "boolean") {
        return "`true` or `false`".to_owned();
    }
    if allows(schema, "integer") {
        return format!(
            "a whole number, at least {}",
            schema["minimum"].as_u64().unwrap_or(0)
        );
    }
    if allows(schema, "number") {
        let bound =
            |key: &str, words: &str| schema[key].as_f64().map(|bound| format!("{words} {bound}"));
        let bounds = [
            bound("exclusiveMinimum", "more than"),
            bound("maximum", "at most"),
        ];
        let bounds: Vec<String> = bounds.into_iter().flatten().collect();
        return format!("a number, {}", bounds.join(" and "));
    }
    if allows(schema, "object") {
        "a map".to_owned()
    } else {
        "text".to_owned()
    }
}

fn found(node: &Node) -> String {
    match &node.kind {
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) => "a map".to_owned(),
        Kind::Scalar(scalar) if is_nothing(scalar) => "nothing".to_owned(),
        Kind::Scalar(scalar) if scalar.style == Style::Plain && as_bool(&scalar.text).is_some() => {
            format!("the truth value `{}`", scalar.text)
        }
        Kind::Scalar(scalar) if scalar.style == Style::Plain && is_number(&scalar.text) => {
            format!("the number `{}`", scalar.text)
        }
        Kind::Scalar(scalar) => {
            let mut shown: String = scalar.text.chars().take(SHOWN_CHARS_MAX).collect();
            if shown.len() < scalar.text.len() {
                shown.push_str("...");
            }
            format!("the text `{}`", shown.replace('\n', " "))
        }
    }
}

/// The first sentence of a description, to go on after a colon: on one line, without capital and full stop.
fn first_sentence(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = flat
        .split_once(". ")
        .map_or(flat.as_str(), |(first, _)| first)
        .trim_end_matches('.');
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}
