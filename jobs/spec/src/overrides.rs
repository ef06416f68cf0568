//! `--set key=value`: values of the job file replaced from the command line.
//!
//! The key is a path of keys with dots between them, through maps only; the value is YAML on one line. The path is
//! checked against the schema here, so that a misspelt key is never taken for a new one; the value is checked with the
//! rest of the tree.

use std::sync::Arc;

use serde_json::Value;

use crate::decode::{place, resolve_ref, unknown_key};
use crate::error::{Mark, SpecError, hint, quoted_list};
use crate::yaml::{Input, Key, Kind, Node, Scalar, Style, parse};

/// Puts the overrides, each `key=value`, into the tree in their order.
pub(crate) fn apply(
    tree: &mut Node,
    overrides: &[String],
    schema: &Value,
    errors: &mut Vec<SpecError>,
) {
    for option in overrides {
        let origin: Arc<str> = format!("--set {option}").into();
        let mark = Mark {
            origin: origin.clone(),
            line: 0,
            column: 0,
            is_override: true,
        };
        let Some((path, text)) = option.split_once('=') else {
            errors.push(
                mark.error("has no `=`; allowed: `--set key=value`, such as `--set lake=./lake`"),
            );
            continue;
        };
        let path: Vec<String> = path.trim().split('.').map(str::to_owned).collect();
        if let Err(message) = check_path(tree, &path, schema) {
            errors.push(mark.error(message));
            continue;
        }
        if let Some(value) = parse_value(text, origin, &mark, errors) {
            put(tree, &path, value, &mark);
        }
    }
}

/// Whether the path leads to a key that the schema knows, through sources and models that the file has.
fn check_path(tree: &Node, path: &[String], root: &Value) -> Result<(), String> {
    let mut schema = root;
    for (depth, key) in path.iter().enumerate() {
        let before = &path[..depth];
        schema = resolve_ref(root, schema);
        if schema["properties"].is_object() {
            schema = schema["properties"]
                .get(key)
                .ok_or_else(|| unknown_key(key, &place(before), schema))?;
        } else if schema["additionalProperties"].is_object() {
            let keys: Vec<&str> = before.iter().map(String::as_str).collect();
            let entries = tree.find(&keys).map(Node::entries).unwrap_or_default();
            let known = || entries.iter().map(|(key, _)| key.text.as_str());
            if !known().any(|name| name == key) {
                let near = hint(key, known());
                return Err(format!(
                    "unknown name `{key}` in {}{near} Known: {}",
                    place(before),
                    quoted_list(known())
                ));
            }
            schema = &schema["additionalProperties"];
        } else {
            return Err(format!(
                "{} has no keys, so no `{key}`; set `{}`",
                place(before),
                before.join(".")
            ));
        }
    }
    Ok(())
}

/// The value as YAML; what is no YAML because of how it begins (`*.xml`) is text, as a shell's user expects.
fn parse_value(
    text: &str,
    origin: Arc<str>,
    mark: &Mark,
    errors: &mut Vec<SpecError>,
) -> Option<Node> {
    if text.starts_with(['*', '&', '!', '%', '@', '`', '|', '>', '#']) || text.is_empty() {
        let scalar = Scalar {
            text: text.to_owned(),
            style: Style::Any,
            body: None,
        };
        return Some(Node {
            at: mark.clone(),
            kind: Kind::Scalar(scalar),
        });
    }
    parse(
        &Input {
            text,
            origin,
            is_override: true,
            env: None,
        },
        errors,
    )
}

fn put(node: &mut Node, path: &[String], value: Node, mark: &Mark) {
    let Some((first, rest)) = path.split_first() else {
        *node = value;
        return;
    };
    if let Kind::Scalar(_) | Kind::List(_) = node.kind {
        *node = Node {
            at: mark.clone(),
            kind: Kind::Map(Vec::new()),
        };
    }
    let Kind::Map(entries) = &mut node.kind else {
        return;
    };
    match entries.iter_mut().find(|(key, _)| key.text == *first) {
        Some((_, child)) => put(child, rest, value, mark),
        None => {
            let mut child = Node {
                at: mark.clone(),
                kind: Kind::Map(Vec::new()),
            };
            put(&mut child, rest, value, mark);
            entries.push((
                Key {
                    text: first.clone(),
                    at: mark.clone(),
                },
                child,
            ));
        }
    }
}
