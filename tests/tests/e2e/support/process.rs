//! The programs under test, and processes of them that end with the test.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread::spawn;
use std::time::Duration;

use super::wait::until;

/// How long a server may take to say that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A program that was built beside this test. `cargo test` alone does not build it anew.
///
/// # Panics
/// When it isn't there.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // <target>/<profile>/deps/<test>
    let folder = test.parent().and_then(Path::parent).unwrap();
    let program = folder.join(name);
    assert!(
        program.is_file(),
        "there is no {}: build it first, with the same profile: `cargo build --release --workspace`, or run `tests/run`",
        program.display()
    );
    program
}

/// A command without what this machine's user has set.
pub(crate) fn command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let known = name.to_string_lossy();
        let ours = known.starts_with("HEADWORKS_") && known != "HEADWORKS_CACHE";
        if ours || known.starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("XDG_CONFIG_HOME", home)
        .env("XDG_STATE_HOME", home)
        .stdin(Stdio::null());
    command
}

/// A process that is killed, by its id, when it is dropped.
pub(crate) struct Process {
    child: Child,
    errors: PathBuf,
}

impl Process {
    /// Starts a server. Returns it with the line that it printed when it was ready.
    pub(crate) fn server(mut command: Command, errors: PathBuf) -> (Self, String) {
        command
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).unwrap());
        let child = command.spawn().unwrap();
        let mut process = Self { child, errors };
        let output = process.child.stdout.take().unwrap();
        let (sender, receiver) = channel();
        // Read to the end, so that the server never waits for a reader.
        spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let line = receiver.recv_timeout(READY_WITHIN).unwrap_or_else(|_| {
            panic!("{command:?} never got ready: {}", process.errors());
        });
        (process, line)
    }

    /// Starts a program whose standard error goes to a file. Its standard output is `command`'s affair.
    pub(crate) fn start(mut command: Command, errors: PathBuf) -> Self {
        command.stderr(File::create(&errors).unwrap());
        Self {
            child: command.spawn().unwrap(),
            errors,
        }
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard error so far.
    pub(crate) fn errors(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.errors).unwrap_or_default()).into_owned()
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end. Returns its exit code; -1 for one that a signal ended.
    pub(crate) fn wait(&mut self, limit: Duration) -> i32 {
        let (status, _) = until("the end of a process", limit, || {
            self.child.try_wait().unwrap()
        });
        status.code().unwrap_or(-1)
    }

    /// Ends it at once, as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Killing one that has ended already is no error worth a word.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
