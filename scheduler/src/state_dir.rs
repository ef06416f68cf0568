//! Where a scheduler keeps what must outlive it.

use std::path::PathBuf;

/// The state folder when none is named: `$HEADWORKS_STATE_DIR`, else
/// `$XDG_STATE_HOME/headworks`, else `~/.local/state/headworks`. None if the
/// environment says nothing, not even a home.
#[must_use]
pub fn default_state_dir() -> Option<PathBuf> {
    state_dir_from(|name| std::env::var_os(name).map(PathBuf::from))
}

fn state_dir_from(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|path| !path.as_os_str().is_empty());
    set("HEADWORKS_STATE_DIR")
        // The specification wants relative paths ignored.
        .or_else(|| {
            set("XDG_STATE_HOME")
                .filter(|path| path.is_absolute())
                .map(|path| path.join("headworks"))
        })
        .or_else(|| set("HOME").map(|home| home.join(".local/state/headworks")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_set_is_taken() {
        let cases = [
            (
                vec![("HEADWORKS_STATE_DIR", "s"), ("HOME", "/h")],
                Some("s"),
            ),
            (
                vec![("XDG_STATE_HOME", "/x"), ("HOME", "/h")],
                Some("/x/headworks"),
            ),
            (
                vec![("XDG_STATE_HOME", "x"), ("HOME", "/h")],
                Some("/h/.local/state/headworks"),
            ),
            (
                vec![("XDG_STATE_HOME", ""), ("HOME", "/h")],
                Some("/h/.local/state/headworks"),
            ),
            (
                vec![("HEADWORKS_STATE_DIR", ""), ("HOME", "/h")],
                Some("/h/.local/state/headworks"),
            ),
            (vec![], None),
        ];
        for (variables, expected) in cases {
            let found = state_dir_from(|name| {
                variables
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, value)| PathBuf::from(value))
            });
            assert_eq!(found, expected.map(PathBuf::from), "{variables:?}");
        }
    }
}
