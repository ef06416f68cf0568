//! Where tests find files.

use std::path::PathBuf;

/// The folder of this crate, as cargo says when it runs something; else as it was when this was compiled, which may be
/// that of another checkout with the same target folder.
pub(crate) fn crate_folder() -> PathBuf {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR");
    folder.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

/// The folder of real data, if it is there: `HEADWORKS_REAL_DATA`, else `shared/data` beside the checkout.
pub(crate) fn real_data() -> Option<PathBuf> {
    let folder = match std::env::var_os("HEADWORKS_REAL_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => crate_folder().join("../../../shared/data"),
    };
    folder.is_dir().then_some(folder)
}

/// The inputs that `cargo fuzz` keeps for a target, in the order of their names.
pub(crate) fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = crate_folder().join("../../fuzz/corpus").join(target);
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}
