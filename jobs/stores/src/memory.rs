//! A bucket in memory, for tests: whoever opens its URL in this process gets it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{MultipartId, PutPayload, PutResult, Result};
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

/// [`InMemory`], with a list of what is open.
struct MemoryUploads {
    bucket: String,
    objects: Arc<InMemory>,
    open: Mutex<BTreeMap<(String, String), Open>>,
}

struct Open {
    begun: SystemTime,
    /// The bytes of each part.
    parts: BTreeMap<usize, u64>,
}

impl MemoryUploads {
    /// S3 says `NoSuchUpload` for an upload that is completed or aborted.
    fn check(&self, path: &Path, id: &str) -> Result<()> {
        if self
            .open
            .lock()
            .contains_key(&(path.to_string(), id.to_owned()))
        {
            return Ok(());
        }
        Err(object_store::Error::NotFound {
            path: path.to_string(),
            source: "NoSuchUpload".into(),
        })
    }

    fn forget(&self, path: &Path, id: &str) {
        self.open.lock().remove(&(path.to_string(), id.to_owned()));
    }
}

#[async_trait]
impl MultipartStore for MemoryUploads {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        let id = self.objects.create_multipart(path).await?;
        let begun = Open {
            begun: SystemTime::now(),
            parts: BTreeMap::new(),
        };
        self.open
            .lock()
            .insert((path.to_string(), id.clone()), begun);
        Ok(id)
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        self.check(path, id)?;
        let bytes = data.content_length() as u64;
        let part = self.objects.put_part(path, id, part_idx, data).await?;
        if let Some(open) = self.open.lock().get_mut(&(path.to_string(), id.clone())) {
            open.parts.insert(part_idx, bytes);
        }
        Ok(part)
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        self.check(path, id)?;
        let done = self.objects.complete_multipart(path, id, parts).await?;
        self.forget(path, id);
        Ok(done)
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.check(path, id)?;
        self.objects.abort_multipart(path, id).await?;
        self.forget(path, id);
        Ok(())
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
        Ok(found.map(|open| open.parts.values().sum()))
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
    use object_store::ObjectStoreExt;

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
        let part = bucket
            .multipart
            .put_part(&path, &kept, 0, PutPayload::from_static(b"x"))
            .await
            .unwrap();
        assert!(
            bucket.store.head(&path).await.is_err(),
            "nothing is visible before"
        );
        bucket
            .multipart
            .complete_multipart(&path, &kept, vec![part])
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
        assert_eq!(bucket.store.head(&path).await.unwrap().size, 1);
    }
}
