//! Rules of ARCHITECTURE.md that no compiler checks: which crate may know which, who may name the
//! engine, what the parsers and the decisions must not do.

use std::fs;
use std::path::PathBuf;

/// Each crate's folder, and the crates of this repository that it may depend on.
const MAY_KNOW: [(&str, &[&str]); 11] = [
    ("proto", &[]),
    ("jobs/spec", &[]),
    ("jobs/formats", &[]),
    ("jobs/stores", &[]),
    ("jobs/sources", &["formats", "stores"]),
    ("jobs/lake", &["stores"]),
    (
        "jobs/engine",
        &["formats", "stores", "sources", "lake", "proto", "spec"],
    ),
    ("executor", &["engine"]),
    (
        "scheduler",
        &["spec", "formats", "sources", "lake", "engine", "proto"],
    ),
    (
        "client",
        &[
            "spec",
            "formats",
            "stores",
            "sources",
            "lake",
            "engine",
            "proto",
            "scheduler",
            "executor",
        ],
    ),
    ("tests", &[]),
];

fn repository() -> PathBuf {
    crate::crate_folder().join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The Rust files below a folder that ship: not those in `tests` folders or files.
fn shipped_files(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(repository().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                if !path.ends_with("/tests") {
                    folders.push(path);
                }
            } else if path.ends_with(".rs") && !path.ends_with("tests.rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "no Rust file in {folder}");
    files
}

/// A file's code: comments left out, and the unit tests at its end.
fn code_of(text: &str) -> String {
    let shipped = text
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    shipped
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Lines of code that hold one of `words`, as `file: line`.
fn offences(files: &[String], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for line in code_of(&read(file)).lines() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{file}: {}", line.trim()));
            }
        }
    }
    found
}

/// The keys of one table of a manifest.
fn keys_of(manifest: &str, table: &str) -> Vec<String> {
    let lines = manifest
        .lines()
        .skip_while(|line| *line != format!("[{table}]"))
        .skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines
        .filter_map(|line| line.split(['.', '=', ' ']).next())
        .filter(|key| !key.is_empty() && !key.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn crates_know_only_those_below_them() {
    for (folder, allowed) in MAY_KNOW {
        let keys = keys_of(&read(&format!("{folder}/Cargo.toml")), "dependencies");
        assert!(
            !keys.is_empty(),
            "{folder} has no dependencies: is its manifest read right?"
        );
        for key in keys {
            let Some(name) = key.strip_prefix("headworks-") else {
                continue;
            };
            assert!(
                allowed.contains(&name),
                "{folder} must not depend on {key}: see ARCHITECTURE.md"
            );
        }
    }
}

#[test]
fn ballista_is_named_in_jobs_engine_alone() {
    for (folder, _) in MAY_KNOW
        .into_iter()
        .filter(|(folder, _)| *folder != "jobs/engine")
    {
        let found = offences(&shipped_files(&format!("{folder}/src")), &["ballista_"]);
        assert!(
            found.is_empty(),
            "types of Ballista outside jobs/engine: {found:#?}"
        );
        let manifest = read(&format!("{folder}/Cargo.toml"));
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let named: Vec<_> = keys_of(&manifest, table)
                .into_iter()
                .filter(|key| key.starts_with("ballista"))
                .collect();
            assert!(named.is_empty(), "{folder}/Cargo.toml: {named:?}");
        }
    }
    let engine = offences(&shipped_files("jobs/engine/src"), &["ballista_"]);
    assert!(!engine.is_empty(), "the search finds nothing at all");
}

#[test]
fn nobody_outside_the_engine_sees_ballista_in_its_api() {
    let found = offences(
        &["jobs/engine/src/api.rs".to_owned()],
        &["ballista", "datafusion"],
    );
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn parsers_do_no_io_and_read_no_clock() {
    let words = [
        "std::fs",
        "std::net",
        "std::io",
        "std::env",
        "std::thread",
        "std::time",
        "tokio",
        "datafusion",
    ];
    let found = offences(&shipped_files("jobs/formats/src"), &words);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn decisions_read_no_clock_and_do_no_io() {
    let core = [
        "state",
        "event",
        "action",
        "step",
        "model",
        "wave",
        "chain",
        "audit",
        "warnings",
        "quarantine",
    ];
    let files: Vec<_> = core
        .iter()
        .map(|name| format!("scheduler/src/driver/{name}.rs"))
        .collect();
    let words = [
        "tokio",
        "std::fs",
        "std::env",
        "Instant",
        "SystemTime",
        "now_ms()",
        "uuid",
        "rand",
        "async ",
    ];
    let found = offences(&files, &words);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn only_the_driver_commits() {
    for folder in [
        "jobs/engine/src",
        "jobs/sources/src",
        "executor/src",
        "client/src",
    ] {
        let found = offences(&shipped_files(folder), &[".commit(", "CommitRequest"]);
        assert!(found.is_empty(), "{found:#?}");
    }
    let driver = offences(&shipped_files("scheduler/src/driver"), &["table.commit("]);
    assert_eq!(
        driver.len(),
        1,
        "the driver commits in one place: {driver:#?}"
    );
}

/// The README shows the job as it is.
#[test]
fn the_readme_shows_the_fpds_job() {
    let job = read("jobs/pipelines/fpds/job.yaml");
    assert!(
        read("README.md").contains(&format!("```yaml\n{job}```\n")),
        "README.md: its job file is not jobs/pipelines/fpds/job.yaml: copy that in"
    );
}

/// Every folder and file that the two documents link to is there.
#[test]
fn the_documents_point_at_what_exists() {
    for document in ["README.md", "ARCHITECTURE.md"] {
        let text = read(document);
        let mut links = 0;
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if !link.contains("://") && !link.starts_with('#') {
                links += 1;
                let path = link.split('#').next().unwrap_or_default();
                assert!(
                    repository().join(path).exists(),
                    "{document} links to {link}"
                );
            }
        }
        assert!(links > 0, "{document} has no link");
    }
}

#[test]
fn the_search_sees_code_and_not_comments_or_tests() {
    let text =
        "use ballista_core::x; // y\n// ballista_z\n\n#[cfg(test)]\nmod tests {\n ballista_t\n}\n";
    assert_eq!(code_of(text), "use ballista_core::x; \n");
    assert_eq!(
        keys_of(
            "[a]\nx = 1\n[b]\n# c\ny.workspace = true\nz = {}\n\n[c]\nw = 1\n",
            "b"
        ),
        ["y", "z"]
    );
}
