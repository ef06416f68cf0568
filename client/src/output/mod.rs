//! What goes to the user: data on stdout, everything else on stderr.

pub(crate) mod job;
pub(crate) mod rows;
pub(crate) mod table;
pub(crate) mod units;

use std::io::{self, IsTerminal, Write};

use crate::errors::Failure;

/// Writes data to stdout. A reader that has gone away (`| head`) is no
/// failure: the command ends there, quietly.
///
/// # Errors
/// When stdout cannot be written for another reason.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(Failure::from_output)
}

/// Writes one line of data.
///
/// # Errors
/// As [`data`].
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    data(&format!("{text}\n"))
}

/// A value as one line of JSON.
///
/// # Errors
/// As [`data`].
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|e| {
        Failure::failed(format!(
            "cannot write the answer as JSON: {e}; please report this"
        ))
    })?;
    line(&text)
}

/// Says something on stderr; what cannot be said there is lost, and that is fine.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// An error, on stderr.
pub(crate) fn error(text: &str) {
    note(&format!("{} {text}", paint("error:", Colour::Red)));
}

/// A warning, on stderr.
pub(crate) fn warning(text: &str) {
    note(&format!("{} {text}", paint("warning:", Colour::Yellow)));
}

#[derive(Debug, Clone, Copy)]
enum Colour {
    Red,
    Yellow,
}

/// Colours on stderr, unless it is no terminal or `NO_COLOR` is set and not
/// empty (<https://no-color.org>).
fn paint(text: &str, colour: Colour) -> String {
    let wanted = io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
        && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
    if !wanted {
        return text.to_owned();
    }
    let code = match colour {
        Colour::Red => "1;31",
        Colour::Yellow => "1;33",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}
