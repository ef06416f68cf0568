//! YAML as a tree of nodes that know where they stand.
//!
//! The parser (`granit-parser`, YAML 1.2) gives events with positions; here they become a tree, with the variables of
//! the environment put into its texts. What a plain scalar means (text, number, truth) is left to the decoder, which
//! knows what is wanted. Anchors, aliases, tags and more than one document are refused: a job file needs none of them,
//! and each would make "where does this value stand" ambiguous.

use std::sync::Arc;

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};

use crate::error::{Mark, SpecError};
use crate::variables::{Env, expand, nth_variable};

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: Mark,
    pub(crate) kind: Kind,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    /// In the order of the file, keys unique.
    Map(Vec<(Key, Node)>),
}

/// The key of a map and its place.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) at: Mark,
}

/// A text, number, truth or nothing, as written.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) style: Style,
    /// The place of the text's first character, when each of its lines stands in the file as it is and begins in that
    /// same column: true of one-line scalars and of `|` blocks without variables.
    pub(crate) body: Option<Mark>,
}

/// How a scalar may be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// By YAML's core schema: nothing, a truth, a number, else text.
    Plain,
    /// As text only.
    Quoted,
    /// As whatever is wanted: it came from a variable or from `--set`.
    Any,
    /// Not at all: a variable in it is missing, which has been reported.
    Unknown,
}

impl Node {
    /// The value under `path`, through maps.
    pub(crate) fn find(&self, path: &[&str]) -> Option<&Node> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self);
        };
        self.entries()
            .iter()
            .find(|(key, _)| key.text == *first)?
            .1
            .find(rest)
    }

    /// The entries of a map; none of anything else.
    pub(crate) fn entries(&self) -> &[(Key, Node)] {
        match &self.kind {
            Kind::Map(entries) => entries,
            Kind::Scalar(_) | Kind::List(_) => &[],
        }
    }
}

/// What a text is parsed as: where it comes from, and whether it may name variables.
pub(crate) struct Input<'a> {
    pub(crate) text: &'a str,
    pub(crate) origin: Arc<str>,
    /// The text is the value of a `--set` option.
    pub(crate) is_override: bool,
    /// Without it a `$` is a `$`.
    pub(crate) env: Option<&'a Env<'a>>,
}

/// Parses one document. Faults that leave a tree to go on with are added to `errors`; `None` means there is none, and
/// the reason has been added.
pub(crate) fn parse(input: &Input<'_>, errors: &mut Vec<SpecError>) -> Option<Node> {
    let mut events = Parser::new_from_str(input.text)
        .filter(|event| !matches!(event, Ok((Event::Comment(..), _))));
    let mut builder = Builder { input, errors };
    match builder.document(&mut events) {
        Ok(node) => node,
        Err(fault) => {
            let error = builder.scan_error(&fault);
            errors.push(error);
            None
        }
    }
}

/// A `null`, by YAML's core schema.
pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// A truth, by YAML's core schema.
pub(crate) fn as_bool(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// A number, by YAML's core schema (hexadecimal and octal forms left out: they are text).
pub(crate) fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.parse::<f64>().is_ok()
}

type Events<'a> = dyn Iterator<Item = Result<(Event<'a>, Span), ScanError>> + 'a;

struct Builder<'a, 'e> {
    input: &'a Input<'a>,
    errors: &'e mut Vec<SpecError>,
}

impl Builder<'_, '_> {
    /// The one document of the stream.
    fn document<'a>(&mut self, events: &mut Events<'a>) -> Result<Option<Node>, ScanError> {
        let mut root = None;
        while let Some(next) = events.next() {
            let (event, span) = next?;
            match event {
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    self.errors.push(
                        self.mark(span.start)
                            .error("a second document; allowed: one document"),
                    );
                    return Ok(root);
                }
                Event::DocumentStart(..) => {}
                event => root = self.node(event, span, events)?,
            }
        }
        if root.is_none() && self.errors.is_empty() {
            self.errors
                .push(self.mark(Marker::new(0, 1, 0)).error("the file is empty"));
        }
        Ok(root)
    }

    /// The node that begins with `event`; `None` where one is refused.
    fn node<'a>(
        &mut self,
        event: Event<'a>,
        span: Span,
        events: &mut Events<'a>,
    ) -> Result<Option<Node>, ScanError> {
        let at = self.mark(span.start);
        let (kind, anchor, tag) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (Kind::Scalar(self.scalar(&text, style, span)), anchor, tag)
            }
            Event::SequenceStart(_, anchor, tag) => (Kind::List(self.list(events)?), anchor, tag),
            Event::MappingStart(_, anchor, tag) => (Kind::Map(self.map(events)?), anchor, tag),
            _ => {
                self.errors.push(at.error(
                    "anchors and aliases (`&`, `*`) are not supported; write the value out",
                ));
                return Ok(None);
            }
        };
        if anchor != 0 {
            self.errors.push(
                at.error("anchors and aliases (`&`, `*`) are not supported; write the value out"),
            );
        }
        if tag.is_some() {
            self.errors.push(at.error(
                "tags (`!`) are not supported; a value that begins with `!` must be in quotes",
            ));
        }
        Ok(Some(Node { at, kind }))
    }

    fn list<'a>(&mut self, events: &mut Events<'a>) -> Result<Vec<Node>, ScanError> {
        let mut items = Vec::new();
        while let Some(next) = events.next() {
            match next? {
                (Event::SequenceEnd, _) => break,
                (event, span) => items.extend(self.node(event, span, events)?),
            }
        }
        Ok(items)
    }

    fn map<'a>(&mut self, events: &mut Events<'a>) -> Result<Vec<(Key, Node)>, ScanError> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        while let Some(next) = events.next() {
            let (event, span) = next?;
            if event == Event::MappingEnd {
                break;
            }
            let key = match event {
                Event::Scalar(text, ..) => Some(Key {
                    text: text.into_owned(),
                    at: self.mark(span.start),
                }),
                event => {
                    self.node(event, span, events)?;
                    self.errors.push(
                        self.mark(span.start)
                            .error("a list or a map as a key; allowed: text"),
                    );
                    None
                }
            };
            let Some(next) = events.next() else { break };
            let (event, span) = next?;
            let value = self.node(event, span, events)?;
            let (Some(key), Some(value)) = (key, value) else {
                continue;
            };
            match entries.iter().find(|(earlier, _)| earlier.text == key.text) {
                Some((earlier, _)) => {
                    let message = format!(
                        "key `{}` a second time; the first is in line {}; each key may stand once",
                        key.text, earlier.at.line
                    );
                    self.errors.push(key.at.error(message));
                }
                None => entries.push((key, value)),
            }
        }
        Ok(entries)
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Scalar {
        let written = span.slice(self.input.text).unwrap_or_default();
        let style_read = match style {
            // What is left out altogether comes as `~`.
            ScalarStyle::Plain if self.input.is_override => Style::Any,
            ScalarStyle::Plain => Style::Plain,
            _ => Style::Quoted,
        };
        if let Some(env) = self.input.env {
            match expand(text, env) {
                Ok(None) => {}
                Ok(Some(text)) => {
                    return Scalar {
                        text,
                        style: Style::Any,
                        body: None,
                    };
                }
                Err(faults) => {
                    for fault in faults {
                        let at =
                            self.mark_inside(span.start, written, nth_variable(written, fault.nth));
                        self.errors.push(at.error(fault.message));
                    }
                    return Scalar {
                        text: text.to_owned(),
                        style: Style::Unknown,
                        body: None,
                    };
                }
            }
        }
        let mut body = self.mark(span.start);
        let line_by_line = match style {
            ScalarStyle::Literal => true,
            ScalarStyle::Plain => written == text,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                body.column += 1;
                written.len() == text.len() + 2 && written[1..written.len() - 1] == *text
            }
            ScalarStyle::Folded => false,
        };
        Scalar {
            text: text.to_owned(),
            style: style_read,
            body: line_by_line.then_some(body),
        }
    }

    fn mark(&self, marker: Marker) -> Mark {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (line, column) = if self.input.is_override {
            (0, 0)
        } else {
            (marker.line(), marker.col() + 1)
        };
        Mark {
            origin: self.input.origin.clone(),
            line: number(line),
            column: number(column),
            is_override: self.input.is_override,
        }
    }

    /// The mark of byte `offset` of what is `written` from `start` on.
    fn mark_inside(&self, start: Marker, written: &str, offset: Option<usize>) -> Mark {
        let before = &written[..offset.unwrap_or(0)];
        let lines = before.matches('\n').count();
        let column = match before.rsplit_once('\n') {
            Some((_, line)) => line.chars().count(),
            None => start.col() + before.chars().count(),
        };
        self.mark(Marker::new(0, start.line() + lines, column))
    }

    /// A syntax error, with the two mistakes explained that globs and variables invite.
    fn scan_error(&self, fault: &ScanError) -> SpecError {
        let marker = *fault.marker();
        let before_and_on = marker
            .byte_offset()
            .and_then(|at| self.input.text.split_at_checked(at));
        let explained = match before_and_on {
            Some((_, on)) if on.starts_with('*') => {
                "; a value that begins with `*` must be in quotes"
            }
            Some((before, on)) if before.ends_with('$') && on.starts_with('{') => {
                "; inside `[...]` and `{...}` a text with `${...}` must be in quotes"
            }
            _ => "",
        };
        self.mark(marker)
            .error(format!("not valid YAML: {}{explained}", fault.info()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Result<Node, Vec<String>> {
        let env = |name: &str| (name == "A").then(|| "7".to_owned());
        let input = Input {
            text,
            origin: "job.yaml".into(),
            is_override: false,
            env: Some(&env),
        };
        let mut errors = Vec::new();
        match parse(&input, &mut errors) {
            Some(node) if errors.is_empty() => Ok(node),
            _ => Err(errors.iter().map(SpecError::to_string).collect()),
        }
    }

    #[test]
    fn places_are_those_of_the_file() {
        let node = tree("a: x\nü:\n  - 'b'\n  - {c: d}\nsql: |\n  one\n   two\nv: ${A}\n").unwrap();
        let at = |path: &[&str]| {
            let node = node.find(path).unwrap();
            (node.at.line, node.at.column)
        };
        assert_eq!(at(&["a"]), (1, 4));
        assert_eq!(at(&["ü"]), (3, 3));
        let Kind::List(items) = &node.find(&["ü"]).unwrap().kind else {
            panic!("a list")
        };
        assert_eq!((items[1].at.line, items[1].at.column), (4, 5));
        let scalar = |path: &[&str]| match &node.find(path).unwrap().kind {
            Kind::Scalar(scalar) => scalar.clone(),
            _ => panic!("a scalar"),
        };
        let sql = scalar(&["sql"]);
        assert_eq!(sql.text, "one\n two\n");
        assert_eq!(sql.body.map(|at| (at.line, at.column)), Some((6, 3)));
        assert_eq!(
            (scalar(&["v"]).text.as_str(), scalar(&["v"]).style),
            ("7", Style::Any)
        );
    }

    #[test]
    fn faults_name_their_place() {
        for (text, errors) in [
            ("", vec!["job.yaml:1:1: the file is empty"]),
            (
                "a: 1\nb: 2\na: 3\n",
                vec![
                    "job.yaml:3:1: key `a` a second time; the first is in line 1; each key may stand once",
                ],
            ),
            (
                "a: 1\n---\nb: 1\n",
                vec!["job.yaml:2:1: a second document; allowed: one document"],
            ),
            (
                "a: b: c\n",
                vec![
                    "job.yaml:1:5: not valid YAML: mapping values are not allowed in this context",
                ],
            ),
            (
                "path: *.xml\n",
                vec![
                    "job.yaml:1:7: not valid YAML: while parsing node, found unknown anchor; a value that begins with `*` must be in quotes",
                ],
            ),
            (
                "path: [${A}]\n",
                vec![
                    "job.yaml:1:9: not valid YAML: while parsing a flow sequence, expected ',' or ']'; inside `[...]` and `{...}` a text with `${...}` must be in quotes",
                ],
            ),
            (
                "a: &x 1\nb: *x\n",
                vec![
                    "job.yaml:1:7: anchors and aliases (`&`, `*`) are not supported; write the value out",
                    "job.yaml:2:4: anchors and aliases (`&`, `*`) are not supported; write the value out",
                ],
            ),
            (
                "a: !x 1\n",
                vec![
                    "job.yaml:1:7: tags (`!`) are not supported; a value that begins with `!` must be in quotes",
                ],
            ),
            (
                "[a]: 1\n",
                vec!["job.yaml:1:1: a list or a map as a key; allowed: text"],
            ),
            (
                "a: 'x ${A} ${B}'\nb: |\n  one\n  two ${C}\n",
                vec![
                    "job.yaml:1:12: environment variable `B` is not set; set it, or write `${B:-default}`",
                    "job.yaml:4:7: environment variable `C` is not set; set it, or write `${C:-default}`",
                ],
            ),
        ] {
            assert_eq!(tree(text).map(|_| ()).unwrap_err(), errors, "{text}");
        }
    }
}
