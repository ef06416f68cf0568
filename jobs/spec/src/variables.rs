//! `${VAR}` and `${VAR:-default}` in the texts of a job file, from the environment.
//!
//! `$$` is a plain `$`, so `$${VAR}` stays as `${VAR}`; a `$` before anything else is itself. The default is taken when
//! the variable is unset or empty, as in a shell; it ends at the first `}`.

/// Looks a variable of the environment up.
pub(crate) type Env<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A variable that cannot be put in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct VariableError {
    /// Which `${` of the text it is, from 0: see [`nth_variable`].
    pub(crate) nth: usize,
    /// What is wrong and what is allowed.
    pub(crate) message: String,
}

/// `text` with its variables put in, or `None` when it has no `$` to treat; every fault is collected.
pub(crate) fn expand(text: &str, env: &Env<'_>) -> Result<Option<String>, Vec<VariableError>> {
    if !text.contains("$$") && !text.contains("${") {
        return Ok(None);
    }
    let mut expanded = String::with_capacity(text.len());
    let mut errors = Vec::new();
    let mut rest = text;
    let mut nth = 0;
    while let Some(dollar) = rest.find('$') {
        expanded.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let Some(end) = after.find('}') else {
                let message = "`${` has no closing `}`; write `$$` for a plain `$`".to_owned();
                errors.push(VariableError { nth, message });
                return Err(errors);
            };
            match value_of(&after[..end], env) {
                Ok(value) => expanded.push_str(&value),
                Err(message) => errors.push(VariableError { nth, message }),
            }
            nth += 1;
            rest = &after[end + 1..];
        } else {
            expanded.push('$');
            rest = after;
        }
    }
    expanded.push_str(rest);
    if errors.is_empty() {
        Ok(Some(expanded))
    } else {
        Err(errors)
    }
}

/// The byte offset of the `nth` variable's `$` in a text, counted as [`expand`] counts.
pub(crate) fn nth_variable(text: &str, nth: usize) -> Option<usize> {
    let mut seen = 0;
    let mut at = 0;
    while let Some(dollar) = text[at..].find('$') {
        let here = at + dollar;
        match text.as_bytes().get(here + 1) {
            Some(b'$') => at = here + 2,
            Some(b'{') if seen == nth => return Some(here),
            Some(b'{') => {
                seen += 1;
                at = here + 2;
            }
            _ => at = here + 1,
        }
    }
    None
}

/// The value of what stands between the braces.
fn value_of(inside: &str, env: &Env<'_>) -> Result<String, String> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        return Err(format!(
            "`${{{inside}}}` names no variable; allowed: `${{NAME}}`, `${{NAME:-default}}`"
        ));
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(format!(
            "environment variable `{name}` is not set; set it, or write `${{{name}:-default}}`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "DATA" => Some("/data".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_put_in() {
        for (text, expanded) in [
            ("plain", None),
            ("cost $5", None),
            ("${DATA}/x", Some("/data/x")),
            ("a${DATA}b${DATA}", Some("a/datab/data")),
            ("${NONE:-sample}/**", Some("sample/**")),
            ("${NONE:-}", Some("")),
            ("${EMPTY}", Some("")),
            ("${EMPTY:-x}", Some("x")),
            ("${DATA:-x}", Some("/data")),
            ("$${DATA}", Some("${DATA}")),
            ("$$${DATA}", Some("$/data")),
            ("a$$b$", Some("a$b$")),
        ] {
            assert_eq!(expand(text, &env).unwrap().as_deref(), expanded, "{text}");
        }
    }

    #[test]
    fn every_variable_that_is_missing_is_named() {
        let errors = expand("${DATA} $${A} ${B} ${C-d} ${", &env).unwrap_err();
        let messages: Vec<(usize, &str)> =
            errors.iter().map(|e| (e.nth, e.message.as_str())).collect();
        assert_eq!(
            messages,
            [
                (
                    1,
                    "environment variable `B` is not set; set it, or write `${B:-default}`"
                ),
                (
                    2,
                    "`${C-d}` names no variable; allowed: `${NAME}`, `${NAME:-default}`"
                ),
                (3, "`${` has no closing `}`; write `$$` for a plain `$`"),
            ]
        );
        assert_eq!(nth_variable("${DATA} $${A} ${B} ${C-d} ${", 1), Some(14));
        assert_eq!(nth_variable("${DATA}", 1), None);
    }
}
