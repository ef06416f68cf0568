//! Where the records of a document stand: a part of JSONPath (RFC 9535).

use serde::{Deserialize, Serialize};

use super::text::unescape;
use crate::record::ConfigError;

/// A path from a document's top: `$`, then any of `.name`, `["name"]`, `['name']`, and `[*]` or `.*` for all items of an
/// array or all values of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JsonPath {
    text: String,
    steps: Vec<PathStep>,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum PathStep {
    /// To the field of this name.
    Name(String),
    /// To every item of an array, or every value of an object.
    Each,
}

impl JsonPath {
    /// Reads a path.
    ///
    /// # Errors
    /// [`ConfigError::JsonPath`]: it is none, or one of those that are not read (`..`, indexes, filters).
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let failed = |what: &str| ConfigError::JsonPath {
            path: text.to_string(),
            what: what.to_string(),
        };
        let mut rest = text
            .trim()
            .strip_prefix('$')
            .ok_or_else(|| failed("it begins with `$`, the document"))?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = step(rest).map_err(failed)?;
            steps.push(step);
            rest = after;
        }
        let text = text.trim().to_string();
        Ok(Self { text, steps })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn steps(&self) -> &[PathStep] {
        &self.steps
    }

    /// Whether it leads to many places.
    pub fn has_each(&self) -> bool {
        self.steps.contains(&PathStep::Each)
    }
}

/// The step with which `rest` begins, and what comes after it.
fn step(rest: &str) -> Result<(PathStep, &str), &'static str> {
    const DESCENDANTS: &str = "`..` is not read; name each step";
    const BRACKET: &str =
        "in brackets there may be a name in quotes, or `*`; indexes and filters are not read";
    if let Some(after) = rest.strip_prefix(".*").or_else(|| rest.strip_prefix("[*]")) {
        return Ok((PathStep::Each, after));
    }
    if rest.starts_with("..") {
        return Err(DESCENDANTS);
    }
    if let Some(name) = rest.strip_prefix('.') {
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let (name, after) = name.split_at(end);
        if name.is_empty() || name.contains(['*', ']', '"', '\'', ' ']) {
            return Err(
                "after a `.` there is a name; one with other characters is written [\"name\"]",
            );
        }
        return Ok((PathStep::Name(name.to_string()), after));
    }
    let inside = rest
        .strip_prefix('[')
        .ok_or("steps are `.name`, `[\"name\"]`, `[*]` and `.*`")?;
    let quote = inside.chars().next().filter(|c| matches!(c, '"' | '\''));
    let quote = quote.ok_or(BRACKET)?;
    let inside = &inside[1..];
    let mut escaped = false;
    for (at, character) in inside.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            let after = inside[at + 1..].strip_prefix(']').ok_or(BRACKET)?;
            let mut name = Vec::new();
            unescape(&inside.as_bytes()[..at], &mut name);
            let name = String::from_utf8_lossy(&name).into_owned();
            return Ok((PathStep::Name(name), after));
        }
    }
    Err("a quote is missing")
}

impl TryFrom<String> for JsonPath {
    type Error = ConfigError;

    fn try_from(text: String) -> Result<Self, ConfigError> {
        Self::parse(&text)
    }
}

impl From<JsonPath> for String {
    fn from(path: JsonPath) -> Self {
        path.text
    }
}

impl std::fmt::Display for JsonPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_and_what_is_none_is_refused() {
        let name = |name: &str| PathStep::Name(name.to_string());
        let each = PathStep::Each;
        let cases: &[(&str, Vec<PathStep>)] = &[
            ("$", vec![]),
            ("$[*]", vec![each.clone()]),
            ("$.a.b[*]", vec![name("a"), name("b"), each.clone()]),
            ("$.a-b.*", vec![name("a-b"), each.clone()]),
            (
                "$[\"Time Series (Daily)\"].*",
                vec![name("Time Series (Daily)"), each.clone()],
            ),
            ("$['2. Symbol']", vec![name("2. Symbol")]),
            (r#"$["a\"]b"].c"#, vec![name("a\"]b"), name("c")]),
            (" $.é ", vec![name("é")]),
        ];
        for (text, steps) in cases {
            assert_eq!(JsonPath::parse(text).unwrap().steps(), steps, "{text}");
        }
        for text in [
            "",
            "a",
            "$a",
            "$.",
            "$..a",
            "$[0]",
            "$[?(@.a)]",
            "$['a",
            "$['a'",
            "$.a b",
            "$.a*",
            "$[a]",
        ] {
            let error = JsonPath::parse(text).unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }
}
