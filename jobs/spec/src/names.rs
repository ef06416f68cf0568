//! Names: which ones jobs, sources and models may have, and how SQL's names find them.

/// What stands in the way of a name, or `None` when it is fine. `what` is `job`, `source` or `model`.
///
/// The rules are those of `NAME_PATTERN` and `MODEL_NAME_PATTERN` in the JSON Schema.
pub(crate) fn name_fault(what: &str, name: &str) -> Option<String> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on_well = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if !starts_well || !goes_on_well {
        return Some(format!(
            "`{name}` cannot be the name of a {what}; allowed: a letter or `_`, then letters, digits, `_` and `-`"
        ));
    }
    if what == "model" && name.starts_with('_') {
        return Some(format!(
            "`{name}` cannot be the name of a model: folders that begin with `_` are hidden in a lake; allowed: a \
             letter, then letters, digits, `_` and `-`"
        ));
    }
    None
}

/// What a name in SQL stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameMatch<'a> {
    /// This one: the same word, or the only one that is the same but for case.
    One(&'a str),
    /// Several are the same but for case, and none is exactly the same.
    Several(Vec<&'a str>),
    /// None is.
    None,
}

/// Finds `name` among the known names by the rule for all names in SQL: as written, else the unique one that is the
/// same but for case.
pub fn match_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> NameMatch<'a> {
    let folded = name.to_lowercase();
    let mut similar = Vec::new();
    for candidate in known {
        if candidate == name {
            return NameMatch::One(candidate);
        }
        if candidate.to_lowercase() == folded {
            similar.push(candidate);
        }
    }
    match similar.len() {
        0 => NameMatch::None,
        1 => NameMatch::One(similar[0]),
        _ => NameMatch::Several(similar),
    }
}

/// The letters of patterns of dates and times, as the reader of XML knows them (`values/pattern` in its crate, which
/// checks how often each may stand).
const PATTERN_LETTERS: &str = "yMLdDHhKkamsSXxZz";

/// What stands in the way of a pattern of dates or times, or `None` when its letters and quotes are fine.
pub(crate) fn pattern_fault(pattern: &str) -> Option<String> {
    let mut open = 0_u32;
    let mut quoted = false;
    let mut letters = 0;
    for c in pattern.chars() {
        match c {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '[' => open += 1,
            ']' if open == 0 => return Some("its `]` has no `[`".to_owned()),
            ']' => open -= 1,
            c if c.is_ascii_alphabetic() && !PATTERN_LETTERS.contains(c) => {
                let known: Vec<String> = PATTERN_LETTERS.chars().map(String::from).collect();
                return Some(format!(
                    "`{c}` is no letter of it; there are {}; other text stands in quotes, '...'",
                    known.join(" ")
                ));
            }
            c => letters += u32::from(c.is_ascii_alphabetic()),
        }
    }
    match (quoted, open, letters) {
        (true, _, _) => Some("a quote does not end".to_owned()),
        (_, 1.., _) => Some("its `[` has no `]`".to_owned()),
        (_, _, 0) => Some("it has no letters".to_owned()),
        _ => None,
    }
}

/// What stands in the way of a row tag, or `None` when it is fine: `name` or `prefix:name`.
pub(crate) fn row_tag_fault(tag: &str) -> Option<String> {
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '\u{b7}'))
    };
    let fine = match tag.split_once(':') {
        Some((prefix, local)) => is_name(prefix) && is_name(local),
        None => is_name(tag),
    };
    (!fine).then(|| format!("`{tag}` cannot be the name of an element; allowed: `name` or `prefix:name`, without `<>`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_name_goes_first_then_the_only_similar_one() {
        let known = ["awards", "Awards", "agencies"];
        for (name, found) in [
            ("awards", NameMatch::One("awards")),
            ("Awards", NameMatch::One("Awards")),
            ("AGENCIES", NameMatch::One("agencies")),
            ("AWARDS", NameMatch::Several(vec!["awards", "Awards"])),
            ("award", NameMatch::None),
        ] {
            assert_eq!(match_name(name, known), found, "{name}");
        }
    }

    #[test]
    fn names_and_tags() {
        for (what, name, fine) in [
            ("job", "fpds", true),
            ("job", "_fpds-2", true),
            ("job", "", false),
            ("job", "a b", false),
            ("source", "2024", false),
            ("source", "-a", false),
            ("source", "über", false),
            ("source", "_a", true),
            ("model", "_a", false),
            ("model", "a/b", false),
        ] {
            assert_eq!(name_fault(what, name).is_none(), fine, "{what} {name}");
        }
        for (tag, fine) in [
            ("award", true),
            ("ns1:award", true),
            ("größe.x", true),
            ("<award>", false),
            ("a:b:c", false),
            (":a", false),
        ] {
            assert_eq!(row_tag_fault(tag).is_none(), fine, "{tag}");
        }
    }
}
