//! What every storage of a lake must do, as one suite that each of them runs: a disk, a bucket in memory, a real
//! server.
//!
//! [`check`] panics at the first thing that is not as the contract of [`LakeStorage`] says.

use std::sync::Arc;
use std::thread;

use super::{LakeStorage, PART_BYTES};
use crate::error::LakeError;

/// Runs the suite over storages of tables that are empty: `make` is called with a name of each table.
///
/// # Panics
/// At the first difference from the contract.
pub fn check(make: &dyn Fn(&str) -> Arc<dyn LakeStorage>) {
    small_files(make("small").as_ref());
    data_files(make("data").as_ref());
    data_files_of_many_parts(make("parts").as_ref());
    given_up(make("given-up").as_ref());
    names(make("names").as_ref());
    races_to_put(&make("races"));
    races_to_change(&make("changes"));
}

fn ok<T>(what: &str, result: Result<T, LakeError>) -> T {
    result.unwrap_or_else(|error| panic!("{what}: {error}"))
}

fn small_files(storage: &dyn LakeStorage) {
    let path = "_headworks/log/1.json";
    assert_eq!(ok("read", storage.read(path)), None);
    assert_eq!(ok("bytes", storage.bytes(path)), None);
    assert!(ok("list", storage.list("")).is_empty());

    assert!(ok("put", storage.put_if_absent(path, b"one")));
    assert!(!ok("put again", storage.put_if_absent(path, b"two")));
    assert_eq!(ok("read", storage.read(path)).as_deref(), Some(&b"one"[..]));
    assert_eq!(ok("bytes", storage.bytes(path)), Some(3));
    assert_eq!(ok("range", storage.read_range(path, 1..3)), b"ne");
    assert!(storage.read_range("none", 0..1).is_err());

    let mark = "_headworks/settled.json";
    let change = |expected: Option<&[u8]>, content: &[u8]| {
        ok("change", storage.put_if_unchanged(mark, expected, content))
    };
    assert!(!change(Some(b"x"), b"a"), "there is no file yet");
    assert!(change(None, b"a"));
    assert!(!change(None, b"b"), "there is a file now");
    assert!(!change(Some(b"b"), b"c"), "it has another content");
    assert!(change(Some(b"a"), b"c"));
    assert_eq!(ok("read", storage.read(mark)).as_deref(), Some(&b"c"[..]));
    ok("persist", storage.persist(&[path, mark]));

    let listed = ok("list", storage.list("_headworks/log"));
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].path.as_str(), listed[0].bytes), (path, 3));
    ok("delete", storage.delete(path));
    ok("delete again", storage.delete(path));
    assert_eq!(ok("read", storage.read(path)), None);
    assert!(ok("list", storage.list("_headworks/log")).is_empty());
    ok("delete", storage.delete(mark));
}

/// Writes a file of `bytes` bytes that tell their places, and finishes it.
fn write(storage: &dyn LakeStorage, name: &str, path: &str, bytes: usize) -> String {
    let mut upload = ok("create", storage.create(name, path));
    for piece in content(bytes).chunks(1 << 20) {
        upload
            .write_all(piece)
            .unwrap_or_else(|error| panic!("write: {error}"));
    }
    ok("finish", upload.finish())
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at / 251 + at) as u8).collect()
}

fn visible(storage: &dyn LakeStorage) -> Vec<String> {
    let files = ok("list", storage.list("")).into_iter();
    files
        .filter(|file| file.is_visible())
        .map(|file| file.path)
        .collect()
}

fn data_files(storage: &dyn LakeStorage) {
    let path = "part=a/x-00000.parquet";
    let token = write(storage, "x-00000", path, 1_000);
    assert!(
        visible(storage).is_empty(),
        "nobody sees it before it is completed"
    );
    assert_eq!(ok("bytes", storage.bytes(path)), None);
    assert_eq!(ok("pending", storage.pending_bytes(&token)), Some(1_000));
    assert_eq!(ok("unfinished", storage.unfinished()).len(), 1);

    ok("complete", storage.complete(&token, path, 1_000));
    ok("complete again", storage.complete(&token, path, 1_000));
    assert_eq!(visible(storage), [path]);
    assert_eq!(ok("read", storage.read(path)), Some(content(1_000)));
    assert_eq!(ok("pending", storage.pending_bytes(&token)), None);
    assert!(ok("unfinished", storage.unfinished()).is_empty());
    ok("abort what is complete", storage.abort(&token));
    assert_eq!(
        visible(storage),
        [path],
        "only what is not complete can be given up"
    );
    assert!(storage.url(path).ends_with(path), "{}", storage.url(path));

    ok("delete", storage.delete(path));
    let error = storage.complete(&token, path, 1_000).err();
    assert!(
        matches!(&error, Some(LakeError::Corrupt { .. })),
        "{error:?}"
    );
    let text = error.map_or_else(String::new, |error| error.to_string());
    assert!(
        text.contains(path) && text.contains("the log says 1000 bytes"),
        "{text}"
    );

    // The object is there, but it is another one.
    let token = write(storage, "x-00001", path, 10);
    ok("complete", storage.complete(&token, path, 10));
    let error = storage.complete(&token, path, 11).err();
    assert!(
        matches!(error, Some(LakeError::Corrupt { .. })),
        "{error:?}"
    );
    ok("delete", storage.delete(path));
}

fn data_files_of_many_parts(storage: &dyn LakeStorage) {
    for (index, bytes) in [PART_BYTES, 2 * PART_BYTES + 1].into_iter().enumerate() {
        let (name, path) = (format!("big-{index}"), format!("big-{index}.parquet"));
        let token = write(storage, &name, &path, bytes);
        assert_eq!(
            ok("pending", storage.pending_bytes(&token)),
            Some(bytes as u64)
        );
        ok("complete", storage.complete(&token, &path, bytes as u64));
        let at = PART_BYTES as u64;
        let around = ok("range", storage.read_range(&path, at - 3..at));
        assert_eq!(around, content(bytes)[PART_BYTES - 3..PART_BYTES]);
        assert!(
            ok("read", storage.read(&path)) == Some(content(bytes)),
            "{path} is another file"
        );
        ok("delete", storage.delete(&path));
    }
}

fn given_up(storage: &dyn LakeStorage) {
    let token = write(storage, "a", "part=a/a.parquet", 10);
    let unfinished = ok("unfinished", storage.unfinished());
    assert_eq!(unfinished.len(), 1);
    ok("abort", storage.abort(&token));
    ok("abort again", storage.abort(&token));
    assert_eq!(ok("pending", storage.pending_bytes(&token)), None);

    // What a listing says of it is enough to give it up.
    write(storage, "b", "part=a/b.parquet", 10);
    for file in ok("unfinished", storage.unfinished()) {
        ok("abort", storage.abort(&file.token));
    }
    // Dropped before it has finished, with and without a part that was sent.
    for bytes in [10, PART_BYTES + 10] {
        let mut upload = ok("create", storage.create("c", "part=a/c.parquet"));
        let written = upload.write_all(&content(bytes));
        written.unwrap_or_else(|error| panic!("write: {error}"));
        drop(upload);
    }
    assert!(ok("unfinished", storage.unfinished()).is_empty());
    assert!(ok("list", storage.list("")).is_empty());
}

/// Partition values make names that a URL would write otherwise.
fn names(storage: &dyn LakeStorage) {
    for path in [
        "part=a%3Db/x.parquet",
        "part=2024-01-01 00%3A00/x.parquet",
        "part=é/x.parquet",
        "part=a+b&c#d/x.parquet",
    ] {
        let token = write(storage, "x", path, 5);
        ok(path, storage.complete(&token, path, 5));
        assert_eq!(visible(storage), [path]);
        assert_eq!(ok(path, storage.bytes(path)), Some(5));
        assert_eq!(
            ok(
                path,
                storage.list(path.split('/').next().unwrap_or_default())
            )
            .len(),
            1
        );
        ok(path, storage.delete(path));
    }
    assert!(ok("list", storage.list("")).is_empty());
}

fn races_to_put(storage: &Arc<dyn LakeStorage>) {
    const WRITERS: usize = 8;
    for round in 0..4 {
        let path = format!("_headworks/log/{round}.json");
        let winners: Vec<usize> = thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let path = &path;
                    scope.spawn(move || {
                        let content = writer.to_string().repeat(1_000);
                        ok("put", storage.put_if_absent(path, content.as_bytes()))
                    })
                })
                .collect();
            let won = writers
                .into_iter()
                .map(|writer| writer.join().unwrap_or(false));
            won.enumerate()
                .filter_map(|(writer, won)| won.then_some(writer))
                .collect()
        });
        assert_eq!(winners.len(), 1, "of {WRITERS} that put one file, one wins");
        let expected = winners[0].to_string().repeat(1_000).into_bytes();
        assert!(
            ok("read", storage.read(&path)) == Some(expected),
            "the winner's content stays"
        );
        ok("delete", storage.delete(&path));
    }
}

/// Counting up by several at once: none of their steps is lost.
fn races_to_change(storage: &Arc<dyn LakeStorage>) {
    const WRITERS: usize = 4;
    const STEPS: usize = 5;
    let path = "_headworks/settled.json";
    assert!(ok("put", storage.put_if_absent(path, b"0")));
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let mut done = 0;
                while done < STEPS {
                    let now = ok("read", storage.read(path)).unwrap_or_default();
                    let count: usize = String::from_utf8_lossy(&now).parse().unwrap_or(0);
                    let next = (count + 1).to_string();
                    let changed = storage.put_if_unchanged(path, Some(&now), next.as_bytes());
                    done += usize::from(ok("change", changed));
                }
            });
        }
    });
    let total = (WRITERS * STEPS).to_string().into_bytes();
    assert_eq!(ok("read", storage.read(path)), Some(total));
    ok("delete", storage.delete(path));
}
