//! URLs of objects: `s3://bucket/key`. A key is what stands there, byte for byte: nothing is decoded, since a
//! partition's folder may hold a `%` of its own.

use object_store::path::Path;

use crate::error::StoreError;

/// What the URL of an object begins with.
pub const SCHEME: &str = "s3://";

/// True for what [`open`](crate::open) takes: `s3://...`.
#[must_use]
pub fn is_url(path: &str) -> bool {
    path.starts_with(SCHEME)
}

/// The bucket of a URL, and the path in it without the slash at either end.
///
/// # Errors
/// [`StoreError::Url`] for anything but `s3://bucket[/path]`, and for keys that hold an empty part, `.`, `..` or a
/// control character.
pub fn split_url(url: &str) -> Result<(&str, Path), StoreError> {
    let refused = |why: String| StoreError::Url {
        url: url.to_owned(),
        why,
    };
    let rest = url
        .strip_prefix(SCHEME)
        .ok_or_else(|| refused("it has another scheme".into()))?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if bucket.is_empty() || !bucket.chars().all(plain) {
        return Err(refused(format!("`{bucket}` is no name of a bucket")));
    }
    if key.starts_with('/') {
        return Err(refused("its path begins with a second slash".into()));
    }
    let path = Path::parse(key).map_err(|error| refused(error.to_string()))?;
    Ok((bucket, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_as_they_stand() {
        for (url, bucket, path) in [
            ("s3://b", "b", ""),
            ("s3://b/", "b", ""),
            ("s3://my-lake.x/a/b.parquet", "my-lake.x", "a/b.parquet"),
            (
                "s3://b/t/day=2024%2D01/x y#z?.xml",
                "b",
                "t/day=2024%2D01/x y#z?.xml",
            ),
            ("s3://b/t/", "b", "t"),
        ] {
            let (found, key) = split_url(url).unwrap();
            assert_eq!((found, key.as_ref()), (bucket, path), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_with_the_form_to_use() {
        for url in [
            "/a/b",
            "gs://b/x",
            "s3://",
            "s3:///x",
            "s3://a b/x",
            "s3://b/x//y",
            "s3://b//y",
            "s3://b/../y",
        ] {
            let error = split_url(url).unwrap_err().to_string();
            assert!(
                error.contains(url) && error.contains("s3://BUCKET/PATH"),
                "{error}"
            );
        }
        assert!(is_url("s3://b/x") && !is_url("/s3://b") && !is_url("s3/b"));
    }
}
