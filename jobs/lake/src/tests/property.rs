//! Seeded histories of a table: appends and overwrites, of all or of partitions, that succeed, die at any step, are repeated or given up,
//! held against a plain list of rows.

use super::support::{Row, TestLake, sorted};
use crate::log::Mode;
use crate::{CommitError, CrashPoint};

const PARTS: [Option<&str>; 5] = [Some("a"), Some("b/c"), Some(""), None, Some("é %")];

fn random_point(random: &mut fastrand::Rng) -> Option<CrashPoint> {
    let step = random.usize(0..4);
    match random.usize(0..9) {
        0 => Some(CrashPoint::BeforeEntry),
        1 => Some(CrashPoint::AfterEntry),
        2 => Some(CrashPoint::AfterCompleting(step)),
        3 => Some(CrashPoint::BeforeManifest),
        4 => Some(CrashPoint::AfterManifest),
        5 => Some(CrashPoint::AfterDeleting(step)),
        6 => Some(CrashPoint::BeforeSettled),
        _ => None,
    }
}

fn history(seed: u64, lake: &TestLake) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut model: Vec<Row> = Vec::new();
    let mut version = 0;
    for step in 0..random.usize(3..10) {
        let rows: Vec<Row> = (0..random.usize(0..12))
            .map(|n| ((step * 100 + n) as i64, PARTS[random.usize(0..PARTS.len())]))
            .collect();
        let mode = [Mode::Append, Mode::Overwrite, Mode::OverwritePartitions][random.usize(0..3)];
        let id = format!("c{step}");
        let wanted = lake.request(&id, mode, version, &rows);
        let table = match random_point(&mut random) {
            Some(point) => lake.table().stopping_at(point),
            None => lake.table(),
        };
        let committed = match table.commit(&wanted) {
            Ok(_) | Err(CommitError::Unsettled { .. }) => true,
            Err(CommitError::NotCommitted { .. }) => {
                let repeat = random.bool();
                if repeat {
                    lake.table().commit(&wanted).unwrap();
                } else {
                    lake.table().discard(&wanted.files).unwrap();
                }
                repeat
            }
            Err(other) => panic!("seed {seed}: {other}"),
        };
        if committed {
            version += 1;
            // The empty string and NULL are one partition value.
            let rows: Vec<Row> = rows
                .iter()
                .map(|(id, part)| (*id, part.filter(|p| !p.is_empty())))
                .collect();
            match mode {
                Mode::Overwrite => model.clear(),
                Mode::OverwritePartitions => {
                    model.retain(|(_, part)| rows.iter().all(|(_, written)| written != part));
                }
                _ => {}
            }
            model.extend(rows);
        }
        if random.bool() {
            assert_eq!(lake.rows(), sorted(&model), "seed {seed} step {step}");
        }
    }
    assert_eq!(lake.rows(), sorted(&model), "seed {seed}");
    lake.assert_sound();
    assert!(lake.temporaries().is_empty(), "seed {seed}");
    assert_eq!(
        lake.table().log().unwrap().len() as u64,
        version,
        "seed {seed}"
    );
}

#[test]
fn any_history_of_commits_and_crashes_is_that_of_its_model() {
    for seed in 0..60 {
        history(seed, &TestLake::in_memory());
        history(seed, &TestLake::in_bucket());
    }
}
