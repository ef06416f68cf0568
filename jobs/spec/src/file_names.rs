//! What the names of files tell of their content.

/// What files end in whose fields stand between tabs.
pub const TAB_EXTENSION: &str = "tsv";
/// What compressed files end in, behind the name of their format.
const COMPRESSED: [&str; 7] = ["gz", "gzip", "bz2", "bzip2", "zst", "zstd", "xz"];

/// The extension of a path, or a pattern of paths, that tells the format, in small letters; one that tells of
/// compression is passed over.
pub fn format_extension(path: &str) -> Option<String> {
    let mut parts = path
        .rsplit('/')
        .next()?
        .rsplit('.')
        .map(str::to_ascii_lowercase);
    let last = parts.next()?;
    if COMPRESSED.contains(&last.as_str()) {
        parts.next()
    } else {
        Some(last)
    }
}

/// Whether the fields of all these files stand between tabs.
pub(crate) fn are_tabbed(paths: &[String]) -> bool {
    let is_tabbed = |path: &String| format_extension(path).as_deref() == Some(TAB_EXTENSION);
    !paths.is_empty() && paths.iter().all(is_tabbed)
}
