//! Lists objects that match a pattern. Nothing is listed but what lies below the longest folder that the pattern names
//! outright, and nothing below a folder that it cannot reach.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use glob::Pattern;
use headworks_stores::{SCHEME, StoreError};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::{MATCH, WILDCARDS, is_hidden, malformed};
use crate::error::SourceError;
use crate::split::InputFile;

/// The objects that match `pattern`, a URL.
///
/// # Errors
/// [`SourceError::Configuration`] for a pattern that is malformed, [`SourceError::Input`] for a bucket that cannot be
/// listed.
pub(super) async fn list(source: &str, pattern: &str) -> Result<Vec<InputFile>, SourceError> {
    let failed = |e: &StoreError| SourceError::input(pattern, e);
    let (bucket, _) = headworks_stores::split_url(pattern).map_err(|e| failed(&e))?;
    let base = format!("{SCHEME}{bucket}");
    let key = pattern[base.len()..].trim_start_matches('/');
    // The first look for a node's settings may take seconds.
    let opening = base.clone();
    let opened = tokio::task::spawn_blocking(move || headworks_stores::open(&opening));
    let opened = opened.await.map_err(|e| SourceError::died(&e))?;
    let opened = opened.map_err(|e| failed(&e))?;
    let found = matching(opened.store.as_ref(), key).await;
    let found = found.map_err(|e| match e {
        Fault::Pattern(error) => malformed(source, pattern, &error),
        Fault::Store(error) => failed(&StoreError::request(bucket, format!("list `{key}`"), error)),
    })?;
    let files = found.into_iter().map(|object| InputFile {
        path: format!("{base}/{}", object.location),
        size: object.size,
        modified_ms: object.last_modified.timestamp_millis(),
        etag: object.e_tag,
        member: None,
        whole: false,
        guessed: false,
    });
    Ok(files.collect())
}

#[derive(Debug)]
enum Fault {
    Pattern(glob::PatternError),
    Store(object_store::Error),
}

/// The objects that match a pattern over keys, sorted by key.
async fn matching(store: &dyn ObjectStore, pattern: &str) -> Result<Vec<ObjectMeta>, Fault> {
    let pattern = pattern.trim_end_matches('/');
    if !pattern.contains(WILDCARDS) {
        let named = if pattern.is_empty() {
            None
        } else {
            match store.head(&Path::parse(pattern).unwrap_or_default()).await {
                Ok(object) => Some(object),
                Err(object_store::Error::NotFound { .. }) => None,
                Err(error) => return Err(Fault::Store(error)),
            }
        };
        if let Some(object) = named {
            return Ok(vec![object]);
        }
        // No object, so a folder: all below it.
        let folder = Pattern::escape(pattern);
        let below = format!(
            "{}**/*",
            if folder.is_empty() {
                folder
            } else {
                folder + "/"
            }
        );
        return below_folder(store, pattern, &below, false).await;
    }
    let wild_at = pattern.find(WILDCARDS).unwrap_or(pattern.len());
    let folder = pattern[..wild_at]
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let in_one_folder = !pattern[wild_at..].contains('/');
    below_folder(store, folder, pattern, in_one_folder).await
}

async fn below_folder(
    store: &dyn ObjectStore,
    folder: &str,
    pattern: &str,
    in_one_folder: bool,
) -> Result<Vec<ObjectMeta>, Fault> {
    let parsed = Pattern::new(pattern).map_err(Fault::Pattern)?;
    let prefix = Path::parse(folder).unwrap_or_default();
    let prefix = (!folder.is_empty()).then_some(&prefix);
    let matches = |object: &ObjectMeta| {
        let key = object.location.as_ref();
        parsed.matches_with(key, MATCH) && !is_hidden(key, pattern)
    };
    let mut objects: Vec<ObjectMeta> = if in_one_folder {
        let listed = store.list_with_delimiter(prefix).await;
        listed.map_err(Fault::Store)?.objects
    } else {
        let listed = store.list(prefix).map_err(Fault::Store);
        // Consoles keep a folder as an object of no bytes with the folder's name.
        let objects: Vec<ObjectMeta> = listed.try_collect().await?;
        let folders: BTreeSet<String> = objects
            .iter()
            .filter_map(|object| Some(object.location.as_ref().rsplit_once('/')?.0.to_owned()))
            .collect();
        let is_folder = |o: &ObjectMeta| o.size == 0 && folders.contains(o.location.as_ref());
        objects.into_iter().filter(|o| !is_folder(o)).collect()
    };
    objects.retain(matches);
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;

    use super::*;
    use crate::discover;

    const KEYS: [&str; 9] = [
        "data/a.xml",
        "data/b/c.xml",
        "data/b/_notes.xml",
        "data/b/.hidden.xml",
        "data/_headworks/log/1.xml",
        "data/b/d/e.xml.gz",
        "data/b/d/f#1%20.txt",
        "data2/g.xml",
        "top.xml",
    ];

    async fn bucket(name: &str) -> String {
        let bucket = headworks_stores::memory::mount(name);
        for key in KEYS {
            let location = Path::parse(key).unwrap();
            bucket.store.put(&location, key.into()).await.unwrap();
        }
        // As a console makes a folder.
        let folder = Path::parse("data/b/d").unwrap();
        bucket.store.put(&folder, "".into()).await.unwrap();
        bucket.base()
    }

    async fn names(base: &str, pattern: &str) -> Vec<String> {
        let found = discover("s", &[format!("{base}/{pattern}")]).await.unwrap();
        let keys = found
            .iter()
            .map(|file| file.path.strip_prefix(base).unwrap()[1..].to_owned());
        keys.collect()
    }

    #[tokio::test]
    async fn patterns_and_folders() {
        let base = bucket("discovered").await;
        for (pattern, expected) in [
            ("data/*.xml", &["data/a.xml"][..]),
            ("*.xml", &["top.xml"]),
            (
                "**/*.xml",
                &["data/a.xml", "data/b/c.xml", "data2/g.xml", "top.xml"],
            ),
            ("data/*/*.xml", &["data/b/c.xml"]),
            ("data*/[a-z].xml", &["data/a.xml", "data2/g.xml"]),
            (
                "data/b",
                &["data/b/c.xml", "data/b/d/e.xml.gz", "data/b/d/f#1%20.txt"],
            ),
            (
                "data/b/",
                &["data/b/c.xml", "data/b/d/e.xml.gz", "data/b/d/f#1%20.txt"],
            ),
            ("data/b/_notes.xml", &["data/b/_notes.xml"]),
            ("data/_headworks", &["data/_headworks/log/1.xml"]),
            ("data/b/d/f#1%20.txt", &["data/b/d/f#1%20.txt"]),
        ] {
            assert_eq!(names(&base, pattern).await, expected, "{pattern}");
        }
        let found = discover("s", &[format!("{base}/top.xml")]).await.unwrap();
        assert_eq!(found[0].size, 7);
        assert!(found[0].etag.is_some() && found[0].modified_ms > 0);
    }

    #[tokio::test]
    async fn what_is_not_there_is_said() {
        let base = bucket("not-discovered").await;
        for (pattern, expected) in [
            (
                "data/*.csv",
                "no file matches s3://not-discovered/data/*.csv",
            ),
            ("dat", "no file matches s3://not-discovered/dat"),
            ("data/[.xml", "is malformed at character"),
        ] {
            let error = discover("s", &[format!("{base}/{pattern}")])
                .await
                .unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
