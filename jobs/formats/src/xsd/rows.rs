//! Which declarations a row tag means.

use super::XsdError;
use super::components::{Components, Kind};
use super::document::{Arena, NodeId, QName};
use super::resolver::{Resolver, TypeRef};

/// Declarations that a message lists.
const LISTED_MAX: usize = 10;

/// The declarations of a row tag: a global element, else a local one. `tag`, `prefix:tag` with a prefix of the first
/// file, or the end of a path (`order/item`) where several elements have the name.
///
/// # Errors
/// None, or several that differ.
pub(super) fn declarations(
    resolver: &mut Resolver<'_>,
    row_tag: &str,
) -> Result<Vec<NodeId>, XsdError> {
    let set = resolver.set;
    if !row_tag.contains('/') {
        let found = global(set, row_tag);
        if let [only] = found.as_slice() {
            return Ok(vec![*only]);
        }
        if !found.is_empty() {
            return Err(XsdError::RowTag {
                message: format!(
                    "{} elements are named `{row_tag}`: {}\n  next: write it with a prefix that {} declares",
                    found.len(),
                    listed(set, &found),
                    set.arena.documents[0].file
                ),
            });
        }
    }
    let local = match row_tag.split_once(':') {
        Some((_, local)) if !row_tag.contains('/') => local,
        _ => row_tag,
    };
    let found: Vec<NodeId> = set
        .arena
        .ids()
        .filter(|id| {
            let node = set.arena.node(*id);
            let declares = node.tag == "element" && set.arena.attribute(*id, "name").is_some();
            declares && matches(&path(&set.arena, *id), local)
        })
        .collect();
    let mut types: Vec<TypeRef> = Vec::new();
    let mut paths: Vec<String> = Vec::new();
    for id in &found {
        let found = resolver.element_type(*id)?;
        if !types.contains(&found) {
            types.push(found);
        }
        let path = path(&set.arena, *id);
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    if found.is_empty() {
        let known = set.global_elements();
        return Err(XsdError::RowTag {
            message: format!(
                "no element `{row_tag}` is declared; the elements at the top level are: {}\n  next: choose one of \
                 those, or an element declared inside them",
                listed(set, &known)
            ),
        });
    }
    // Whichever it is, the columns are the same; or nothing can tell them apart, and the record has the columns of all.
    if types.len() == 1 || paths.len() == 1 {
        return Ok(found);
    }
    Err(XsdError::RowTag {
        message: format!(
            "{} elements `{row_tag}` are declared, and they differ: {}\n  next: write as much of the path as tells \
             them apart, as `{}`",
            found.len(),
            listed(set, &found),
            paths[0]
        ),
    })
}

/// The global elements of the name; with several, that of the prefix or of the first file's own namespace.
fn global(set: &Components, row_tag: &str) -> Vec<NodeId> {
    let (prefix, local) = row_tag
        .split_once(':')
        .map_or((None, row_tag), |(prefix, local)| (Some(prefix), local));
    let mut found = set.global_elements();
    found.retain(|id| set.arena.attribute(*id, "name") == Some(local));
    let Some(first) = set.arena.documents.first().filter(|_| found.len() > 1) else {
        return found;
    };
    let meant = match prefix {
        Some(_) => set.arena.resolve(first.root, row_tag).ok(),
        None => Some(QName {
            namespace: first.target.clone(),
            local: local.to_string(),
        }),
    };
    match meant.and_then(|name| set.by_name(Kind::Element, &name)) {
        Some(one) => vec![one],
        None => found,
    }
}

/// The names of an element and of what declares it, `/` between.
fn path(arena: &Arena, id: NodeId) -> String {
    let mut names = Vec::new();
    let mut at = Some(id);
    while let Some(id) = at {
        names.extend(arena.attribute(id, "name"));
        at = arena.node(id).parent;
    }
    names.reverse();
    names.join("/")
}

/// Whether a path is this one, or ends with it.
fn matches(path: &str, end: &str) -> bool {
    let rest = path.strip_suffix(end);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

fn listed(set: &Components, ids: &[NodeId]) -> String {
    if ids.is_empty() {
        return "none".to_string();
    }
    let mut text = String::new();
    for id in ids.iter().take(LISTED_MAX) {
        let separator = if text.is_empty() { "" } else { ", " };
        let (path, place) = (path(&set.arena, *id), set.arena.place(*id));
        text.push_str(&format!("{separator}{path} ({place})"));
    }
    if ids.len() > LISTED_MAX {
        text.push_str(&format!(", and {} more", ids.len() - LISTED_MAX));
    }
    text
}
