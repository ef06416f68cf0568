//! Where the real data stands that some tests read, and the word when it doesn't.
//!
//! Real data is no part of the repository. It is looked for in the folder that `HEADWORKS_REAL_DATA` names, else in
//! `shared/data` beside the checkout.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of the real data, or `None` after the test said that it is skipped.
#[must_use]
pub fn folder(test: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("HEADWORKS_REAL_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => crate::crate_folder().join("../../shared/data"),
    };
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {test}: no real data");
    None
}

/// The folder with the real pages of the contract feed, or `None` after the test said that it is skipped.
///
/// # Errors
/// See [`unpacked`].
pub fn atom_pages(test: &str) -> Result<Option<PathBuf>, std::io::Error> {
    unpacked(test, "fpds/atom-pages.tar.zst")
}

/// The folder with the content of an archive of the real data, unpacked once into
/// `${HEADWORKS_CACHE:-~/.cache/headworks}` under the archive's name; or `None` after the test said that it is skipped.
/// Unpacking needs the programs `zstd` and `tar`.
///
/// # Errors
/// What went wrong, with the file: a failure to unpack data that is there must not look like a skipped test.
pub fn unpacked(test: &str, archive: &str) -> Result<Option<PathBuf>, std::io::Error> {
    let Some(archive) = folder(test).map(|folder| folder.join(archive)) else {
        return Ok(None);
    };
    if !archive.is_file() {
        println!("skipped: {test}: no {}", archive.display());
        return Ok(None);
    }
    let cache = match (std::env::var_os("HEADWORKS_CACHE"), std::env::home_dir()) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => home.join(".cache/headworks"),
        (None, None) => std::env::temp_dir().join("headworks"),
    };
    std::fs::create_dir_all(&cache)?;
    let file_name = archive.file_name().unwrap_or_default().to_string_lossy();
    let name = file_name.trim_end_matches(".tar.zst");
    // Tests run side by side: one of them unpacks, the others wait.
    let lock = File::create(cache.join(format!("{name}.lock")))?;
    lock.lock()?;
    let content = cache.join(name);
    if !content.is_dir() {
        let unfinished = cache.join(format!("{name}.unfinished"));
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished)?;
        }
        std::fs::create_dir(&unfinished)?;
        unpack(&archive, &unfinished)?;
        std::fs::rename(&unfinished, &content)?;
    }
    Ok(Some(content))
}

fn unpack(archive: &Path, folder: &Path) -> Result<(), std::io::Error> {
    let failed = |program: &str| {
        std::io::Error::other(format!(
            "{program} could not unpack {}; is it installed?",
            archive.display()
        ))
    };
    let mut zstd = Command::new("zstd")
        .args(["-d", "--long=27", "-q", "-c"])
        .arg(archive)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|_| failed("zstd"))?;
    let Some(output) = zstd.stdout.take() else {
        return Err(failed("zstd"));
    };
    let tar = Command::new("tar")
        .arg("-xC")
        .arg(folder)
        .stdin(output)
        .status();
    let zstd_ended_well = zstd.wait()?.success();
    if !tar.map_err(|_| failed("tar"))?.success() {
        return Err(failed("tar"));
    }
    if zstd_ended_well {
        Ok(())
    } else {
        Err(failed("zstd"))
    }
}
