//! A folder of a test's own, and the client run in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use headworks_tests::seaweed::SeaweedFs;
use serde_json::Value;
use tempfile::TempDir;

use super::lake::Lake;
use super::process::{Process, command, program};

/// How long one run of the client may take.
const RUN_WITHIN: Duration = Duration::from_secs(300);

/// A folder that vanishes with the test.
pub(crate) struct Place {
    // Ends before the folder goes that it works in.
    s3: OnceLock<SeaweedFs>,
    folder: TempDir,
    runs: AtomicU32,
    variables: Mutex<BTreeMap<String, String>>,
}

/// How a run of the client ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The exit code.
    pub(crate) code: i32,
    /// Its data.
    pub(crate) stdout: String,
    /// All else.
    pub(crate) stderr: String,
}

/// A client that is at work.
pub(crate) struct Running {
    process: Process,
    stdout: PathBuf,
}

impl Place {
    /// A new, empty folder.
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            runs: AtomicU32::new(0),
            variables: Mutex::default(),
            s3: OnceLock::new(),
        }
    }

    /// The S3 server of this place, started when it is first asked for: commands that are made from then on know it.
    pub(crate) fn s3(&self) -> &SeaweedFs {
        self.s3
            .get_or_init(|| SeaweedFs::start(&self.path("seaweed")).unwrap())
    }

    /// A path in it.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The lake of that name in it.
    pub(crate) fn lake(&self, name: &str) -> Lake {
        Lake::new(self.path(name))
    }

    /// A command for a program under test, here.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = command(&program(name), self.folder.path());
        command.current_dir(self.folder.path());
        if let Some(s3) = self.s3.get() {
            command.envs(s3.environment());
        }
        command.envs(self.variables.lock().unwrap().iter());
        command
    }

    /// Sets a variable in the environment of the commands that are made from then on.
    pub(crate) fn set_variable(&self, name: &str, value: impl Into<String>) {
        let mut variables = self.variables.lock().unwrap();
        variables.insert(name.to_owned(), value.into());
    }

    /// A number that no other run here has.
    pub(crate) fn next(&self) -> u32 {
        self.runs.fetch_add(1, Ordering::Relaxed)
    }

    /// Starts the client. Without `--scheduler` among `args` it works in its own process, with a journal of this
    /// folder.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut client = self.command("headworks");
        client.args(args);
        self.start_command(client)
    }

    /// Starts a command whose output is wanted.
    pub(crate) fn start_command(&self, mut command: Command) -> Running {
        let run = self.next();
        let stdout = self.path(&format!("run-{run}.stdout"));
        command.stdout(File::create(&stdout).unwrap());
        Running {
            process: Process::start(command, self.path(&format!("run-{run}.stderr"))),
            stdout,
        }
    }

    /// Runs the client to its end.
    pub(crate) fn headworks(&self, args: &[&str]) -> Outcome {
        self.start(args).wait()
    }

    /// Runs a job in-process, with `-o json`.
    pub(crate) fn run(&self, job: &Path, more: &[&str]) -> Outcome {
        let mut args = vec!["run", job.to_str().unwrap(), "-o", "json", "-q"];
        args.extend(more);
        self.headworks(&args)
    }
}

impl Running {
    /// The process.
    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Outcome {
        let code = self.process.wait(RUN_WITHIN);
        Outcome {
            code,
            stdout: String::from_utf8(std::fs::read(&self.stdout).unwrap()).unwrap(),
            stderr: self.process.errors(),
        }
    }
}

impl Outcome {
    /// Itself, if the exit code is as expected.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "exit code\nstdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }

    /// The JSON on the last line of standard output.
    #[track_caller]
    pub(crate) fn last_line(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The JSON that all of standard output is.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The job's account, if it is done.
    #[track_caller]
    pub(crate) fn done(self) -> Value {
        let job = self.expect(0).last_line();
        assert_eq!(job["state"], "done", "{job}");
        job
    }

    /// The error of a run that ended with `code`, which must hold each of `words`.
    #[track_caller]
    pub(crate) fn says(self, code: i32, words: &[&str]) -> String {
        let outcome = self.expect(code);
        for word in words {
            assert!(
                outcome.stderr.contains(word),
                "no `{word}` in: {}",
                outcome.stderr
            );
        }
        outcome.stderr
    }
}

/// A model of a job's account.
#[track_caller]
pub(crate) fn model<'a>(job: &'a Value, table: &str) -> &'a Value {
    job["models"]
        .as_array()
        .unwrap()
        .iter()
        .find(|model| model["table"] == table)
        .unwrap_or_else(|| panic!("no model {table} in {job}"))
}

/// The counts of the account's only source: read, written, filtered, dropped, quarantined.
#[track_caller]
pub(crate) fn counts(job: &Value) -> [u64; 5] {
    assert_eq!(job["sources"].as_array().unwrap().len(), 1, "{job}");
    let name = job["sources"][0]["name"].as_str().unwrap();
    counts_of(job, name)
}

/// The same counts of one of several sources.
#[track_caller]
pub(crate) fn counts_of(job: &Value, name: &str) -> [u64; 5] {
    let sources = job["sources"].as_array().unwrap();
    let source = sources.iter().find(|source| source["name"] == name);
    let source = source.unwrap_or_else(|| panic!("no source {name} in {job}"));
    ["read", "written", "filtered", "dropped", "quarantined"]
        .map(|count| source[count].as_u64().unwrap())
}
