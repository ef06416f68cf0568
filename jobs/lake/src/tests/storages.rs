//! Every storage by one suite; and what a table is like in a bucket.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::support::{Row, TestLake, batch, schema, sorted};
use crate::log::Mode;
use crate::storage::{LakeStorage, LocalStorage, PART_BYTES, S3Storage, StoredFile, conformance};
use crate::{PartitionedWriter, Table, TableLocation, tables, tables_begun};

const ROWS: &[Row] = &[(1, Some("a")), (2, Some("b=c")), (3, None)];

#[test]
fn a_disk_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    conformance::check(&|name| Arc::new(LocalStorage::new(folder.path().join(name))));
    let left = LocalStorage::new(folder.path().to_path_buf())
        .list("")
        .unwrap();
    let is_lock = |file: &StoredFile| file.path.ends_with("/_headworks/.lock");
    assert!(left.iter().all(is_lock), "{left:?}");
}

#[test]
fn a_bucket_in_memory_keeps_the_contract() {
    let bucket = headworks_stores::memory::mount("conformance");
    conformance::check(&|name| Arc::new(S3Storage::new(&format!("s3://conformance/lake/{name}"))));
    let left = headworks_stores::wait(async move { bucket.uploads.list("").await });
    assert_eq!(left.unwrap(), []);
    // A table may be the bucket itself.
    headworks_stores::memory::mount("conformance-root");
    conformance::check(&|_| Arc::new(S3Storage::new("s3://conformance-root")));
}

#[test]
fn a_table_in_a_bucket_shows_nothing_before_the_commit_and_all_after_it() {
    let lake = TestLake::in_bucket();
    let wanted = lake.request("c1", Mode::Append, 0, ROWS);
    assert!(lake.table().visible_files().unwrap().is_empty());
    assert_eq!(lake.temporaries().len(), 3);
    assert!(wanted.files.iter().all(|file| file.check().is_ok()));

    lake.table().commit(&wanted).unwrap();
    assert_eq!(lake.rows(), sorted(ROWS));
    assert_eq!(tables(lake.path()).unwrap(), [lake.location()]);
    lake.assert_sound();
    assert!(lake.temporaries().is_empty());
    let files = lake.table().visible_files().unwrap();
    let folders: Vec<&str> = files
        .iter()
        .map(|f| crate::modes::partition_of(&f.path))
        .collect();
    assert_eq!(
        folders,
        ["part=__HIVE_DEFAULT_PARTITION__", "part=a", "part=b%3Dc"]
    );
    assert!(
        !std::path::Path::new("s3:").exists(),
        "nothing was written to the disk"
    );
}

#[test]
fn what_is_given_up_in_a_bucket_leaves_no_upload() {
    let lake = TestLake::in_bucket();
    let files = lake.write("job", ROWS).files;
    lake.table().discard(&files).unwrap();
    lake.table().discard(&files).unwrap();
    let mut writer = PartitionedWriter::new(lake.config("dropped"), schema()).unwrap();
    writer.write(&batch(ROWS)).unwrap();
    drop(writer);
    assert!(lake.temporaries().is_empty());
    assert!(lake.location().storage().list("").unwrap().is_empty());
}

/// An upload that a lifecycle rule took away is found before the log names it.
#[test]
fn an_upload_that_is_gone_is_found_before_the_commit() {
    let lake = TestLake::in_bucket();
    let wanted = lake.request("c1", Mode::Append, 0, ROWS);
    lake.location()
        .storage()
        .abort(&wanted.files[1].temp)
        .unwrap();
    let error = lake.table().commit(&wanted).unwrap_err().to_string();
    assert!(
        error.contains(&wanted.files[1].path) && error.contains("it is gone"),
        "{error}"
    );
    assert_eq!(lake.table().recover().unwrap(), 0);
}

#[test]
fn old_uploads_that_no_entry_names_are_collected() {
    let lake = TestLake::in_bucket();
    lake.table()
        .commit(&lake.request("c1", Mode::Append, 0, ROWS))
        .unwrap();
    let dead = lake.write("dead", ROWS).files;
    let wanted = lake.request("c2", Mode::Append, 1, ROWS);
    let stopped = lake.table().stopping_at(crate::CrashPoint::AfterEntry);
    stopped.commit(&wanted).unwrap_err();

    let (now, hour) = (SystemTime::now(), Duration::from_secs(3_600));
    let young = lake.table().gc(now, hour).unwrap();
    // Those of the commit are finished, and not unfinished any more.
    assert_eq!((young.removed.len(), young.kept.len()), (0, 3));
    let old = lake.table().gc(now + 2 * hour, hour).unwrap();
    let mut expected: Vec<&str> = dead.iter().map(|file| file.path.as_str()).collect();
    expected.sort_unstable();
    assert_eq!(old.removed, expected);
    assert!(old.kept.is_empty());
    assert_eq!(lake.rows(), sorted(&[ROWS, ROWS].concat()));
    lake.assert_sound();
}

/// A job that died before a table's first commit: there is no log, and there is something to collect.
#[test]
fn what_a_first_job_left_is_found_without_a_log() {
    let (now, hour) = (SystemTime::now(), Duration::from_secs(3_600));
    for lake in [TestLake::in_memory(), TestLake::in_bucket()] {
        assert_eq!(tables_begun(lake.path()).unwrap(), []);
        lake.write("dead", ROWS);
        assert_eq!(tables(lake.path()).unwrap(), []);
        assert_eq!(tables_begun(lake.path()).unwrap(), [lake.location()]);
        let report = lake.table().gc(now + 2 * hour, hour).unwrap();
        assert_eq!(report.removed.len(), 3);
        assert_eq!(tables_begun(lake.path()).unwrap(), []);

        lake.table()
            .commit(&lake.request("c1", Mode::Append, 0, ROWS))
            .unwrap();
        assert_eq!(tables_begun(lake.path()).unwrap(), [lake.location()]);
    }
}

/// A process that was overtaken completed an upload that another had taken out meanwhile.
#[test]
fn a_file_that_the_log_has_taken_out_is_collected_and_others_are_not() {
    let lake = TestLake::in_bucket();
    lake.table()
        .commit(&lake.request("c1", Mode::Append, 0, ROWS))
        .unwrap();
    let old = lake.files_of(&["a"]).remove(0);
    let storage = lake.location().storage();
    let content = storage.read(&old).unwrap().unwrap();
    lake.table()
        .commit(&lake.request("c2", Mode::Overwrite, 1, &[(9, Some("z"))]))
        .unwrap();
    assert!(storage.put_if_absent(&old, &content).unwrap());
    assert!(
        storage
            .put_if_absent("part=a/foreign.parquet", &content)
            .unwrap()
    );
    let report = lake.table().gc(SystemTime::now(), Duration::ZERO).unwrap();
    assert_eq!(report.removed, [old]);
    let problems = lake.table().verify().unwrap().problems;
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].to_string().contains("part=a/foreign.parquet"),
        "{}",
        problems[0]
    );
}

/// Open files whose bytes are too few for a part are closed before they take more memory than is allowed.
#[test]
fn bytes_that_wait_for_a_part_count_as_memory() {
    let lake = TestLake::in_bucket();
    let mut config = lake.config("w");
    config.buffer_bytes_max = 2_048;
    let mut writer = PartitionedWriter::new(config, schema()).unwrap();
    for round in 0..50 {
        let rows: Vec<Row> = (0..100)
            .map(|n| (round * 100 + n, Some(["a", "b"][n as usize % 2])))
            .collect();
        writer.write(&batch(&rows)).unwrap();
        assert!(writer.memory_bytes() <= 2_048, "{}", writer.memory_bytes());
    }
    let outcome = writer.finish().unwrap();
    assert!(outcome.files.len() > 2, "files were closed early");
    assert!(
        outcome
            .files
            .iter()
            .all(|file| file.bytes < PART_BYTES as u64)
    );
    assert_eq!(outcome.rows, 5_000);
    lake.table().discard(&outcome.files).unwrap();
}

#[test]
fn an_entry_that_is_no_json_is_named_by_its_url() {
    let location = TableLocation::new("s3://bucket/x", "t").unwrap();
    assert_eq!(Table::open(location.clone()).location(), &location);
    let bucket = headworks_stores::memory::mount("unreadable");
    let entry = Path::from("lake/t/_headworks/log/00000000000000000001.json");
    let store = Arc::clone(&bucket.store);
    headworks_stores::wait(async move { store.put(&entry, "{".into()).await }).unwrap();
    let table = Table::open(TableLocation::new("s3://unreadable/lake", "t").unwrap());
    let error = table.snapshot().unwrap_err().to_string();
    assert!(
        error.contains("s3://unreadable/lake/t/_headworks/log/"),
        "{error}"
    );
    assert!(error.contains("not JSON"), "{error}");
}
