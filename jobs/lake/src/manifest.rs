//! `_headworks/manifest.json`: the current version's files in the form that Redshift's COPY takes (Amazon Redshift
//! Database Developer Guide, "Using a manifest to specify data files"; for Parquet `content_length` is required).
//! COPY passes over the other keys, which say what the manifest is of.

use serde::{Deserialize, Serialize};

use crate::location::HEADWORKS_FOLDER;
use crate::snapshot::Snapshot;
use crate::storage::LakeStorage;

/// A manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this form.
    pub v: u32,
    /// The table's version.
    pub version: u64,
    /// The data files.
    pub entries: Vec<ManifestEntry>,
}

/// A data file in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// Its absolute name.
    pub url: String,
    /// Always true: COPY fails when the file is not there.
    pub mandatory: bool,
    /// What COPY needs to know before it reads.
    pub meta: ManifestMeta,
}

/// What COPY needs to know of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestMeta {
    /// The file's length in bytes.
    pub content_length: u64,
}

/// The manifest's path.
pub(crate) fn manifest_path() -> String {
    format!("{HEADWORKS_FOLDER}/manifest.json")
}

/// The manifest of a snapshot.
pub(crate) fn manifest(storage: &dyn LakeStorage, snapshot: &Snapshot) -> Manifest {
    let entry = |path: &str, bytes: u64| ManifestEntry {
        url: storage.url(path),
        mandatory: true,
        meta: ManifestMeta {
            content_length: bytes,
        },
    };
    Manifest {
        v: 1,
        version: snapshot.version,
        entries: snapshot
            .files
            .iter()
            .map(|file| entry(&file.path, file.bytes))
            .collect(),
    }
}
