//! A table in an object store that speaks S3.
//!
//! - A data file is a multipart upload to its **final** key. Its parts are sent while it is written; the object
//!   exists when the driver's commit completes the upload, and not before. Nothing is renamed or copied, and an
//!   attempt that does not count is an upload that is aborted. Small files are uploads of one part.
//! - What was begun is found by asking the store for its open uploads below the table's folder; it keeps that list
//!   exactly, also of what an executor began in its last second. So executors write no list of their own.
//! - *If absent* is `If-None-Match: *`, *if unchanged* is `If-Match` with the tag of the content that was read.
//! - Objects are durable when the store says yes, and listings show what was written: there is nothing to sync.
//!
//! Requests are tried again by the client below ([`headworks_stores`]); what still fails is a
//! [`LakeError::Storage`], transient if the client's class of it is. Calls block: the requests run on the stores'
//! own threads, so a task of any runtime may call.

mod upload;

use std::future::Future;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::TryStreamExt;
use headworks_stores::{Class, Opened, StoreError, class_of, open, wait};
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions, UpdateVersion};

use super::{LakeStorage, StoredFile, Unfinished, Upload, UploadToken};
use crate::error::LakeError;
use crate::location::HEADWORKS_FOLDER;
use upload::S3Upload;

/// The bytes of a part of an upload, but for its last one. S3 wants at least 5 MiB and at most 10,000 parts.
pub const PART_BYTES: usize = 8 << 20;

/// The parts that are on their way at once, of all files that this process writes.
pub const PARTS_IN_FLIGHT_MAX: usize = 16;

/// The requests that settling, discarding and reading a log make at once.
pub const REQUESTS_AT_ONCE_MAX: usize = 16;

/// How often a put that met another put under way (S3 answers 409) looks for the object.
const MEETINGS_MAX: u32 = 8;

/// The wait between two such looks, at first; it doubles.
const MEETING_WAIT: Duration = Duration::from_millis(50);

/// A table's folder in a bucket.
#[derive(Debug, Clone)]
pub struct S3Storage {
    url: String,
}

impl S3Storage {
    /// The storage of the table whose folder is `url` (`s3://bucket/lake/table`). No request is made.
    pub fn new(url: &str) -> Self {
        S3Storage {
            url: url.trim_end_matches('/').to_string(),
        }
    }

    fn opened(&self) -> Result<Opened, LakeError> {
        open(&self.url).map_err(|error| unusable(&self.url, error))
    }

    /// The bucket, and a path of the table as a key in it.
    fn at(&self, path: &str) -> Result<(Opened, Path), LakeError> {
        let opened = self.opened()?;
        let separator = if opened.path.as_ref().is_empty() || path.is_empty() {
            ""
        } else {
            "/"
        };
        let key = Path::parse(format!("{}{separator}{path}", opened.path)).map_err(|error| {
            LakeError::invalid(
                format!("`{path}` cannot be a key of an object: {error}"),
                "choose other partition values or another name",
            )
        })?;
        Ok((opened, key))
    }

    /// Runs a request on the stores' threads.
    fn ask<T, F>(
        &self,
        action: &'static str,
        path: &str,
        request: impl FnOnce(Opened, Path) -> F,
    ) -> Result<T, LakeError>
    where
        T: Send + 'static,
        F: Future<Output = object_store::Result<T>> + Send + 'static,
    {
        let (opened, key) = self.at(path)?;
        wait(request(opened, key)).map_err(|error| self.failed(action, path, error))
    }

    /// The same where "there is none" is an answer.
    fn ask_for<T, F>(
        &self,
        action: &'static str,
        path: &str,
        request: impl FnOnce(Opened, Path) -> F,
    ) -> Result<Option<T>, LakeError>
    where
        T: Send + 'static,
        F: Future<Output = object_store::Result<T>> + Send + 'static,
    {
        self.ask(action, path, |opened, key| {
            let request = request(opened, key);
            async move {
                match request.await {
                    Ok(found) => Ok(Some(found)),
                    Err(error) if class_of(&error) == Class::Missing => Ok(None),
                    Err(error) => Err(error),
                }
            }
        })
    }

    fn failed(&self, action: &'static str, path: &str, error: object_store::Error) -> LakeError {
        LakeError::storage(action, self.url(path), io_error(error))
    }

    /// Puts; `Ok(false)` if the condition of `mode` does not hold.
    fn put(&self, path: &str, content: &[u8], mode: PutMode) -> Result<bool, LakeError> {
        let content = Bytes::copy_from_slice(content);
        let options = PutOptions::from(mode);
        self.ask("write", path, |opened, key| async move {
            match opened.store.put_opts(&key, content.into(), options).await {
                Ok(_) => Ok(true),
                Err(error) if class_of(&error) == Class::Conflict => Ok(false),
                Err(error) => Err(error),
            }
        })
    }
}

impl LakeStorage for S3Storage {
    fn url(&self, path: &str) -> String {
        if path.is_empty() {
            self.url.clone()
        } else {
            format!("{}/{path}", self.url)
        }
    }

    fn create(&self, _name: &str, path: &str) -> Result<Box<dyn Upload>, LakeError> {
        let (opened, key) = self.at(path)?;
        Ok(Box::new(S3Upload::new(
            opened.bucket,
            key,
            path.to_string(),
            self.url(path),
        )))
    }

    fn complete(&self, token: &str, path: &str, bytes: u64) -> Result<(), LakeError> {
        let token = UploadToken::parse(token)?;
        let parts = token.parts.into_iter();
        let parts: Vec<PartId> = parts.map(|content_id| PartId { content_id }).collect();
        let upload = token.upload;
        let completed = self.ask("complete", path, |opened, key| async move {
            opened
                .bucket
                .multipart
                .complete_multipart(&key, &upload, parts)
                .await
        });
        // Whatever the store said (some say yes again to an upload whose object is deleted): what counts is whether
        // the object is there. Its name belongs to this upload alone.
        let found = match (self.bytes(path), &completed) {
            (Ok(Some(found)), _) if found == bytes => return Ok(()),
            (Ok(found), _) => found,
            (Err(error), Ok(_)) => return Err(error),
            (Err(_), Err(_)) => None,
        };
        match completed {
            Err(LakeError::Storage { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        let found = found.map_or("none".to_string(), |n| n.to_string());
        Err(LakeError::corrupt(
            self.url(path),
            format!("the log says {bytes} bytes, there are {found}, and the upload is gone"),
            "restore the file from a copy, or overwrite the table; see that no lifecycle rule aborts uploads that \
             are younger than the longest job",
        ))
    }

    fn abort(&self, token: &str) -> Result<(), LakeError> {
        let token = UploadToken::parse(token)?;
        let (opened, key) = self.at(&token.path)?;
        let path = token.path.clone();
        wait(async move {
            opened
                .bucket
                .uploads
                .abort(key.as_ref(), &token.upload)
                .await
        })
        .map_err(|error| unusable(&self.url(&path), error))
    }

    fn pending_path(&self, token: &str) -> Result<String, LakeError> {
        let token = UploadToken::parse(token)?;
        Err(LakeError::invalid(
            format!(
                "{}: an upload that is not completed cannot be read",
                self.url(&token.path)
            ),
            "leave out the checks that read rows, or write to a local lake",
        ))
    }

    fn pending_bytes(&self, token: &str) -> Result<Option<u64>, LakeError> {
        let token = UploadToken::parse(token)?;
        let (opened, key) = self.at(&token.path)?;
        let path = token.path.clone();
        wait(async move {
            opened
                .bucket
                .uploads
                .bytes(key.as_ref(), &token.upload)
                .await
        })
        .map_err(|error| unusable(&self.url(&path), error))
    }

    fn unfinished(&self) -> Result<Vec<Unfinished>, LakeError> {
        let opened = self.opened()?;
        let folder = match opened.path.as_ref() {
            "" => String::new(),
            path => format!("{path}/"),
        };
        let prefix = folder.clone();
        let open = wait(async move { opened.bucket.uploads.list(&prefix).await })
            .map_err(|error| unusable(&self.url, error))?;
        let mut found = Vec::new();
        for upload in open {
            let Some(path) = upload.key.strip_prefix(&folder) else {
                continue;
            };
            let token = UploadToken {
                upload: upload.id,
                path: path.to_string(),
                bytes: 0,
                parts: Vec::new(),
            };
            found.push(Unfinished {
                place: path.to_string(),
                token: token.text()?,
                bytes: 0,
                // One of unknown age is taken for new: it stays.
                modified: upload.begun.unwrap_or_else(SystemTime::now),
            });
        }
        found.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(found)
    }

    fn calls_at_once(&self) -> usize {
        REQUESTS_AT_ONCE_MAX
    }

    fn persist(&self, _paths: &[&str]) -> Result<(), LakeError> {
        Ok(())
    }

    fn put_if_absent(&self, path: &str, content: &[u8]) -> Result<bool, LakeError> {
        let mut pause = MEETING_WAIT;
        for _ in 0..MEETINGS_MAX {
            if self.put(path, content, PutMode::Create)? {
                return Ok(true);
            }
            // A refusal while another put is under way does not say that the other succeeds.
            if self.bytes(path)?.is_some() {
                return Ok(false);
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
        let busy = io::Error::new(ErrorKind::ResourceBusy, "others write it all the time");
        Err(LakeError::storage("write", self.url(path), busy))
    }

    fn put_if_unchanged(
        &self,
        path: &str,
        expected: Option<&[u8]>,
        content: &[u8],
    ) -> Result<bool, LakeError> {
        let current = self.ask_for("read", path, |opened, key| async move {
            let got = opened.store.get(&key).await?;
            let version = UpdateVersion {
                e_tag: got.meta.e_tag.clone(),
                version: got.meta.version.clone(),
            };
            Ok((got.bytes().await?, version))
        })?;
        match (current, expected) {
            (None, None) => self.put(path, content, PutMode::Create),
            (Some((found, version)), Some(expected)) if found == expected => {
                self.put(path, content, PutMode::Update(version))
            }
            _ => Ok(false),
        }
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, LakeError> {
        let found = self.ask_for("read", path, |opened, key| async move {
            opened.store.get(&key).await?.bytes().await
        })?;
        Ok(found.map(Vec::from))
    }

    fn read_range(&self, path: &str, range: Range<u64>) -> Result<Vec<u8>, LakeError> {
        let content = self.ask("read", path, |opened, key| async move {
            opened.store.get_range(&key, range).await
        })?;
        Ok(content.into())
    }

    fn bytes(&self, path: &str) -> Result<Option<u64>, LakeError> {
        let found = self.ask_for("look at", path, |opened, key| async move {
            opened.store.head(&key).await
        })?;
        Ok(found.map(|meta| meta.size))
    }

    fn list(&self, folder: &str) -> Result<Vec<StoredFile>, LakeError> {
        let folder = folder.trim_end_matches('/');
        let objects = self.ask("list", folder, |opened, key| async move {
            opened.store.list(Some(&key)).try_collect::<Vec<_>>().await
        })?;
        let (_, root) = self.at("")?;
        let mut found = Vec::with_capacity(objects.len());
        for object in objects {
            let key = object.location.as_ref();
            let path = key.strip_prefix(root.as_ref()).unwrap_or(key);
            found.push(StoredFile {
                path: path.trim_start_matches('/').to_string(),
                bytes: object.size,
                modified: object.last_modified.into(),
            });
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn delete(&self, path: &str) -> Result<(), LakeError> {
        self.ask_for("delete", path, |opened, key| async move {
            opened.store.delete(&key).await
        })?;
        Ok(())
    }
}

/// The names of the folders right below a URL, sorted; none when there is nothing.
pub(crate) fn folders_of(url: &str) -> Result<Vec<String>, LakeError> {
    let storage = S3Storage::new(url);
    let listing = storage.ask("list", "", |opened, key| async move {
        opened.store.list_with_delimiter(Some(&key)).await
    })?;
    let prefixes = listing.common_prefixes.iter();
    let mut names: Vec<String> = prefixes
        .filter_map(|prefix| prefix.filename().map(str::to_string))
        .collect();
    names.sort();
    Ok(names)
}

/// True when the table whose folder is `url` has a commit.
pub(crate) fn has_log(url: &str) -> Result<bool, LakeError> {
    let log = format!("{HEADWORKS_FOLDER}/log");
    let first = S3Storage::new(url).ask("list", &log, |opened, key| async move {
        let mut objects = opened.store.list(Some(&key));
        objects.try_next().await
    })?;
    Ok(first.is_some())
}

/// An error of the client as one of the system's: the kind says what can be done, the client's words stay.
fn io_error(error: object_store::Error) -> io::Error {
    io::Error::new(kind_of(class_of(&error)), error)
}

fn kind_of(class: Class) -> ErrorKind {
    match class {
        Class::Transient => ErrorKind::TimedOut,
        Class::Missing => ErrorKind::NotFound,
        Class::Conflict => ErrorKind::AlreadyExists,
        Class::Denied => ErrorKind::PermissionDenied,
        Class::Refused => ErrorKind::InvalidInput,
    }
}

/// An error of the stores' crate, which says itself what and where.
fn unusable(url: &str, error: StoreError) -> LakeError {
    match error {
        StoreError::Url { .. } | StoreError::Settings { .. } => {
            LakeError::invalid(error.to_string(), "then run again")
        }
        StoreError::Request { class, .. } => {
            LakeError::storage("use", url, io::Error::new(kind_of(class), error))
        }
    }
}
