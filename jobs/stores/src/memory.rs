//! A bucket in memory, for tests: whoever opens its URL in this process gets it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use async_trait::async_trait;
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{MultipartId, ObjectStoreExt, PutPayload, PutResult, Result};
use parking_lot::Mutex;

use crate::bucket::{Bucket, mount as mount_bucket};
use crate::error::{Class, StoreError};
use crate::uploads::{OpenUpload, Uploads};

/// Puts an empty bucket of this name in the place of whatever [`open`](crate::open) would find.
pub fn mount(name: &str) -> Arc<Bucket> {
    let objects = Arc::new(InMemory::new());
    let uploads = Arc::new(MemoryUploads {
        bucket: name.to_owned(),
        objects: Arc::clone(&objects),
        begun: AtomicU64::new(0),
        open: Mutex::new(BTreeMap::new()),
    });
    let bucket = Arc::new(Bucket {
        name: name.to_owned(),
        store: objects,
        multipart: Arc::clone(&uploads) as Arc<dyn MultipartStore>,
        uploads,
    });
    mount_bucket(Arc::clone(&bucket));
    bucket
}

/// The multipart uploads of a bucket. [`InMemory`]'s own want their parts in order, and are in no list.
struct MemoryUploads {
    bucket: String,
    objects: Arc<InMemory>,
    begun: AtomicU64,
    /// By key and id.
    open: Mutex<BTreeMap<(String, String), Open>>,
}

struct Open {
    begun: SystemTime,
    parts: BTreeMap<usize, PutPayload>,
}

impl Open {
    fn bytes(&self) -> u64 {
        let parts = self.parts.values();
        parts.map(|part| part.content_length() as u64).sum()
    }
}

/// What S3 says of an upload that is completed or aborted.
fn no_such_upload(path: &Path) -> object_store::Error {
    object_store::Error::NotFound {
        path: path.to_string(),
        source: "NoSuchUpload".into(),
    }
}

fn invalid_part(path: &Path) -> object_store::Error {
    object_store::Error::Generic {
        store: "memory",
        source: format!("InvalidPart: {path}").into(),
    }
}

fn part_id(index: usize, part: &PutPayload) -> PartId {
    PartId {
        content_id: format!("{index}-{}", part.content_length()),
    }
}

#[async_trait]
impl MultipartStore for MemoryUploads {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        let id = self.begun.fetch_add(1, Ordering::Relaxed).to_string();
        let upload = Open {
            begun: SystemTime::now(),
            parts: BTreeMap::new(),
        };
        self.open
            .lock()
            .insert((path.to_string(), id.clone()), upload);
        Ok(id)
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        let mut open = self.open.lock();
        let upload = open
            .get_mut(&(path.to_string(), id.clone()))
            .ok_or_else(|| no_such_upload(path))?;
        let part = part_id(part_idx, &data);
        upload.parts.insert(part_idx, data);
        Ok(part)
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        let key = (path.to_string(), id.clone());
        let content: PutPayload = {
            let open = self.open.lock();
            let upload = open.get(&key).ok_or_else(|| no_such_upload(path))?;
            let sent = upload
                .parts
                .iter()
                .map(|(index, part)| part_id(*index, part).content_id);
            if !sent.eq(parts.iter().map(|part| part.content_id.clone())) {
                return Err(invalid_part(path));
            }
            upload
                .parts
                .values()
                .flat_map(|part| part.iter().cloned())
                .collect()
        };
        let done = self.objects.put(path, content).await?;
        self.open.lock().remove(&key);
        Ok(done)
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        let gone = self.open.lock().remove(&(path.to_string(), id.clone()));
        gone.map(drop).ok_or_else(|| no_such_upload(path))
    }
}

#[async_trait]
impl Uploads for MemoryUploads {
    async fn list(&self, prefix: &str) -> Result<Vec<OpenUpload>, StoreError> {
        let open = self.open.lock();
        let found = open.iter().filter(|((key, _), _)| key.starts_with(prefix));
        Ok(found
            .map(|((key, id), open)| OpenUpload {
                key: key.clone(),
                id: id.clone(),
                begun: Some(open.begun),
            })
            .collect())
    }

    async fn bytes(&self, key: &str, id: &str) -> Result<Option<u64>, StoreError> {
        let open = self.open.lock();
        let found = open.get(&(key.to_owned(), id.to_owned()));
        Ok(found.map(Open::bytes))
    }

    async fn abort(&self, key: &str, id: &str) -> Result<(), StoreError> {
        let operation = format!("abort the upload of `{key}`");
        let failed = |error| StoreError::request(&self.bucket, operation, error);
        let path = Path::parse(key).map_err(object_store::Error::from);
        let aborted = match path {
            Ok(path) => self.abort_multipart(&path, &id.to_owned()).await,
            Err(error) => Err(error),
        };
        match aborted.map_err(failed) {
            Err(error) if error.class() != Class::Missing => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn open_uploads_are_listed_until_they_are_completed_or_aborted() {
        let bucket = mount("memory-uploads");
        let path = Path::from("t/a");
        let kept = bucket.multipart.create_multipart(&path).await.unwrap();
        let given_up = bucket
            .multipart
            .create_multipart(&Path::from("t/b"))
            .await
            .unwrap();
        assert_eq!(bucket.uploads.list("t/").await.unwrap().len(), 2);
        assert!(bucket.uploads.list("u/").await.unwrap().is_empty());
        // Parts come in any order.
        let mut parts = Vec::new();
        for (index, content) in [(1, "yz"), (0, "x")] {
            let part = bucket
                .multipart
                .put_part(&path, &kept, index, content.into());
            parts.insert(0, part.await.unwrap());
        }
        assert!(
            bucket.store.head(&path).await.is_err(),
            "nothing is visible before"
        );
        bucket
            .multipart
            .complete_multipart(&path, &kept, parts)
            .await
            .unwrap();
        assert_eq!(
            bucket.uploads.bytes("t/b", &given_up).await.unwrap(),
            Some(0)
        );
        assert_eq!(bucket.uploads.bytes("t/a", &kept).await.unwrap(), None);
        bucket.uploads.abort("t/b", &given_up).await.unwrap();
        bucket.uploads.abort("t/b", &given_up).await.unwrap();
        assert!(bucket.uploads.list("").await.unwrap().is_empty());
        let content = bucket
            .store
            .get(&path)
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        assert_eq!(content, "xyz");
    }
}
