//! What every command knows of its call: the flags that all share, and when
//! it began.

use std::path::PathBuf;
use std::time::Instant;

use crate::cli::{Global, Output};
use crate::config::{Config, scheduler_url};
use crate::errors::Failure;
use crate::progress::{Mode, Progress};

/// A call of this program.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// When the program started: times shown to the user count from here.
    pub(crate) started: Instant,
    /// How results are printed.
    pub(crate) output: Output,
    /// Nothing on stderr but errors.
    pub(crate) quiet: bool,
    /// The scheduler's URL; none to work within this process.
    pub(crate) scheduler: Option<String>,
    /// Where the local journal lies, if not where it does by default.
    pub(crate) state_dir: Option<PathBuf>,
}

impl Context {
    /// From the flags, the environment and the config file, in this order.
    ///
    /// # Errors
    /// When the config file or the scheduler's address is not right.
    pub(crate) fn new(
        global: &Global,
        started: Instant,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let config = Config::load(env)?;
        Ok(Self {
            started,
            output: global.output,
            quiet: global.quiet,
            scheduler: scheduler_url(global.scheduler.as_deref(), &config)?,
            state_dir: global.state_dir.clone().or(config.state_dir),
        })
    }

    /// The scheduler's URL, for a command that cannot do without.
    ///
    /// # Errors
    /// Says why one is needed and what to do.
    pub(crate) fn need_scheduler(&self, command: &str, why: &str) -> Result<&str, Failure> {
        self.scheduler.as_deref().ok_or_else(|| {
            Failure::usage(format!(
                "`headworks {command}` needs a scheduler: {why}\n  \
                 next: start `headworks-scheduler` and `headworks-executor`, then give --scheduler URL, or set \
                 HEADWORKS_SCHEDULER or `scheduler:` in the config file"
            ))
        })
    }

    /// Refuses CSV where rows are not what is printed.
    ///
    /// # Errors
    /// For `-o csv`.
    pub(crate) fn refuse_csv(&self) -> Result<(), Failure> {
        if self.output == Output::Csv {
            return Err(Failure::usage(
                "`-o csv` is for `sql` alone\n  next: use `-o table` or `-o json`",
            ));
        }
        Ok(())
    }

    /// Whether JSON is asked for.
    pub(crate) fn json(&self) -> bool {
        self.output == Output::Json
    }

    /// A progress display as it fits this call.
    pub(crate) fn progress(&self) -> Progress {
        Progress::new(Mode::of_stderr(self.quiet))
    }

    /// Milliseconds since the program started.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
