//! What must go, and what must be read again, when an input has changed.

use std::collections::BTreeSet;

use super::support::{Row, TestLake, input};
use crate::log::Mode;
use crate::{NotReplaceable, Replacement};

/// Commits rows of these inputs, in the place of the files that `remove` names by their commits.
fn commit(lake: &TestLake, id: &str, mode: Mode, rows: &[Row], inputs: &[&str], remove: &[&str]) {
    let base = lake.table().recover().unwrap();
    let mut request = lake.request(id, mode, base, rows);
    request.inputs = inputs.iter().map(|path| input(path, 0)).collect();
    request.audit = crate::Audit::Coverage;
    if !remove.is_empty() {
        let current = lake.table().snapshot().unwrap().unwrap().files.into_iter();
        let made_by = |path: &str| remove.iter().any(|id| path.contains(&format!("/{id}-")));
        request.remove = current.map(|f| f.path).filter(|p| made_by(p)).collect();
    }
    lake.table().commit(&request).unwrap();
}

/// The commits whose files go, and the inputs that are read again.
fn replacing(
    lake: &TestLake,
    changed: &[&str],
) -> Result<(Vec<String>, Vec<String>), NotReplaceable> {
    let changed: BTreeSet<String> = changed.iter().map(|path| (*path).to_owned()).collect();
    let snapshot = lake.table().snapshot().unwrap().unwrap();
    let Replacement { remove, retake } = snapshot.replacing(&changed)?;
    let name = |path: &String| {
        path.rsplit('/')
            .next()
            .unwrap()
            .split('-')
            .next()
            .unwrap()
            .to_owned()
    };
    let mut commits: Vec<String> = remove.iter().map(name).collect();
    commits.sort();
    commits.dedup();
    Ok((commits, retake.into_iter().collect()))
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn an_input_goes_with_all_that_was_taken_in_beside_it_and_no_more() {
    let lake = TestLake::in_memory();
    commit(
        &lake,
        "one",
        Mode::Append,
        &[(1, Some("a")), (2, Some("b"))],
        &["x", "y"],
        &[],
    );
    commit(&lake, "two", Mode::Append, &[(3, Some("a"))], &["z"], &[]);
    let found = replacing(&lake, &["x"]).unwrap();
    assert_eq!(found, (strings(&["one"]), strings(&["x", "y"])));
    let found = replacing(&lake, &["z"]).unwrap();
    assert_eq!(found, (strings(&["two"]), strings(&["z"])));

    // `y` came once more, with `w`: that commit goes too, and so does what came with it.
    commit(
        &lake,
        "three",
        Mode::Append,
        &[(4, Some("a"))],
        &["y", "w"],
        &[],
    );
    let found = replacing(&lake, &["x"]).unwrap();
    assert_eq!(
        found,
        (strings(&["one", "three"]), strings(&["w", "x", "y"]))
    );

    // Once replaced, they came in together.
    commit(
        &lake,
        "four",
        Mode::Append,
        &[(5, Some("a"))],
        &["x", "y", "w"],
        &["one", "three"],
    );
    let found = replacing(&lake, &["w"]).unwrap();
    assert_eq!(found, (strings(&["four"]), strings(&["w", "x", "y"])));
}

#[test]
fn an_overwrite_forgets_what_was_before() {
    let lake = TestLake::in_memory();
    commit(
        &lake,
        "one",
        Mode::Append,
        &[(1, Some("a"))],
        &["x", "y"],
        &[],
    );
    commit(
        &lake,
        "two",
        Mode::Overwrite,
        &[(2, Some("a"))],
        &["x"],
        &[],
    );
    let found = replacing(&lake, &["x"]).unwrap();
    assert_eq!(found, (strings(&["two"]), strings(&["x"])));
}

#[test]
fn a_compaction_joins_the_commits_whose_rows_it_joins() {
    let lake = TestLake::in_memory();
    commit(&lake, "one", Mode::Append, &[(1, Some("a"))], &["x"], &[]);
    commit(&lake, "two", Mode::Append, &[(2, Some("a"))], &["y"], &[]);
    commit(&lake, "three", Mode::Append, &[(3, Some("b"))], &["z"], &[]);
    commit(
        &lake,
        "small",
        Mode::Compact,
        &[(1, Some("a")), (2, Some("a"))],
        &[],
        &["one", "two"],
    );
    let found = replacing(&lake, &["x"]).unwrap();
    assert_eq!(found, (strings(&["small"]), strings(&["x", "y"])));
    let found = replacing(&lake, &["z"]).unwrap();
    assert_eq!(found, (strings(&["three"]), strings(&["z"])));
}

#[test]
fn what_reading_again_would_not_bring_back_is_not_replaced() {
    let lake = TestLake::in_memory();
    commit(
        &lake,
        "one",
        Mode::Append,
        &[(1, Some("a")), (2, Some("b"))],
        &["x"],
        &[],
    );
    commit(&lake, "two", Mode::Append, &[(3, Some("c"))], &["y"], &[]);
    commit(
        &lake,
        "three",
        Mode::OverwritePartitions,
        &[(4, Some("b"))],
        &["z"],
        &[],
    );
    let error = replacing(&lake, &["x"]).unwrap_err();
    assert_eq!((error.version, error.mode), (3, "overwrite_partitions"));
    assert!(replacing(&lake, &["y"]).is_ok());
    commit(
        &lake,
        "four",
        Mode::Upsert,
        &[(3, Some("d"))],
        &["u"],
        &["two"],
    );
    let error = replacing(&lake, &["y"]).unwrap_err();
    assert_eq!((error.version, error.mode), (4, "upsert"));
}
