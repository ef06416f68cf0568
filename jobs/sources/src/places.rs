//! Where a file lies: on a local disk, or in an object store behind a URL.
//!
//! Local files are opened by their paths, which is the fast way; everything
//! else goes through a store. The two are told apart by the path alone, so a
//! task needs nothing but its splits.

use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreUrl;
use headworks_stores::{SCHEME, is_url, split_url};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use crate::error::SourceError;

/// Whether a stored path is that of a local file, which needs no object store to be read.
pub(crate) fn is_local(path: &str) -> bool {
    std::path::Path::new(path).is_absolute()
}

/// The name by which the store of a path knows it: as it is, never re-encoded
/// (`Path::from` would turn a `%` or `#` in a file's name into something else).
#[must_use]
pub fn object_path(path: &str) -> Path {
    if let Ok((_, key)) = split_url(path) {
        return key;
    }
    Path::from_absolute_path(path).unwrap_or_else(|_| Path::from(path.trim_start_matches('/')))
}

/// The store that has these files, by the name under which a scan asks for it.
///
/// # Errors
/// [`SourceError::Configuration`], if they lie in more than one: a scan has one store.
pub fn store_url<'a>(
    source: &str,
    mut paths: impl Iterator<Item = &'a str>,
) -> Result<ObjectStoreUrl, SourceError> {
    let bucket = |path: &'a str| split_url(path).ok().map(|(bucket, _)| bucket);
    let shown = |bucket: Option<&str>| {
        bucket.map_or("this machine".to_owned(), |name| format!("{SCHEME}{name}"))
    };
    let first = paths.next().and_then(bucket);
    if let Some(other) = paths.map(bucket).find(|other| *other != first) {
        return Err(SourceError::Configuration(format!(
            "source `{source}`: its files lie on {} and on {}; make two sources of it, and a UNION of them",
            shown(first),
            shown(other)
        )));
    }
    let Some(bucket) = first else {
        return Ok(ObjectStoreUrl::local_filesystem());
    };
    ObjectStoreUrl::parse(format!("{SCHEME}{bucket}"))
        .map_err(|e| SourceError::Configuration(format!("source `{source}`: {e}")))
}

/// The store of a file, and the file's name there.
///
/// # Errors
/// [`SourceError::Input`], if the store cannot be reached.
pub(crate) fn open(path: &str) -> Result<(Arc<dyn ObjectStore>, Path), SourceError> {
    if !is_url(path) {
        return Ok((Arc::new(LocalFileSystem::new()), object_path(path)));
    }
    let opened = headworks_stores::open(path).map_err(|e| SourceError::input(path, &e))?;
    Ok((opened.store, opened.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_as_they_are() {
        for (path, name) in [
            ("/data/a b%20#.xml", "data/a b%20#.xml"),
            ("s3://bucket/a/b%20é.xml", "a/b%20é.xml"),
            ("s3://bucket", ""),
        ] {
            assert_eq!(object_path(path).as_ref(), name);
        }
    }

    #[test]
    fn one_store_a_source() {
        let url = |paths: &[&str]| {
            store_url("s", paths.iter().copied()).map(|url| url.as_str().to_owned())
        };
        assert_eq!(url(&[]).unwrap(), "file:///");
        assert_eq!(url(&["/a", "/b"]).unwrap(), "file:///");
        assert_eq!(url(&["s3://b/x", "s3://b/y/z"]).unwrap(), "s3://b/");
        for paths in [["s3://b/x", "/a"], ["s3://b/x", "s3://c/x"]] {
            let error = url(&paths).unwrap_err().to_string();
            assert!(
                error.contains("source `s`") && error.contains("s3://b"),
                "{error}"
            );
        }
    }
}
