//! Files on their way from one step of a job to the next: readable, never visible, never in the log.

use std::time::{Duration, SystemTime};

use super::support::{TestLake, batch, request, schema};
use crate::log::Mode;
use crate::writer::PartitionedWriter;
use crate::{PendingFile, Table};

fn staged(lake: &TestLake) -> (Table, Vec<PendingFile>) {
    let mut config = lake.config("w");
    config.staged = true;
    let mut writer = PartitionedWriter::new(config, schema()).unwrap();
    writer
        .write(&batch(&[(1, Some("a")), (2, Some("b"))]))
        .unwrap();
    (lake.table(), writer.finish().unwrap().files)
}

fn is_there(lake: &TestLake, path: &str) -> bool {
    lake.location().root().join(path).exists()
}

#[test]
fn a_staged_file_is_read_under_its_path_and_removed_when_it_is_given_up() {
    let lake = TestLake::new();
    let (table, files) = staged(&lake);
    assert!(
        files
            .iter()
            .all(|f| f.path.starts_with("_headworks/staged/w-0")),
        "{files:?}"
    );
    assert!(!is_there(&lake, &files[0].path));
    // Repeatable, as all acts of a driver are.
    table.stage(&files).unwrap();
    table.stage(&files).unwrap();
    assert!(files.iter().all(|file| is_there(&lake, &file.path)));
    assert_eq!(table.visible_files().unwrap(), []);
    table.discard(&files).unwrap();
    table.discard(&files).unwrap();
    assert!(!files.iter().any(|file| is_there(&lake, &file.path)));
    assert_eq!(lake.temporaries(), Vec::<String>::new());
    // One that never became readable is removed too.
    let lake = TestLake::new();
    let (table, files) = staged(&lake);
    table.discard(&files).unwrap();
    assert_eq!(lake.temporaries(), Vec::<String>::new());
}

#[test]
fn a_staged_file_is_never_committed_and_a_data_file_never_staged() {
    let lake = TestLake::new();
    let (table, files) = staged(&lake);
    let mut wanted = request("c", Mode::Append, 0, files);
    wanted.partition_by.clear();
    for file in &mut wanted.files {
        file.partition.clear();
    }
    let error = table.commit(&wanted).unwrap_err().to_string();
    assert!(
        error.contains("does not lie in the folder of its partition"),
        "{error}"
    );
    let data = lake.write("d", &[(1, Some("a"))]).files;
    let error = table.stage(&data).unwrap_err().to_string();
    assert!(
        error.contains("is one of the table, not a staged one"),
        "{error}"
    );
}

#[test]
fn what_a_dead_job_staged_is_collected() {
    let lake = TestLake::new();
    let (table, files) = staged(&lake);
    table.stage(&files).unwrap();
    let now = SystemTime::now() + Duration::from_secs(60);
    let young = table.gc(now, Duration::from_secs(3600)).unwrap();
    assert_eq!((young.removed.len(), young.kept.len()), (0, files.len()));
    let old = table.gc(now, Duration::from_secs(1)).unwrap();
    assert_eq!(old.removed.len(), files.len());
    assert!(!is_there(&lake, &files[0].path));
}
