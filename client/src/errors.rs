//! How a command ends: the exit codes others rely on, and failures that say
//! what failed and what to do next.

use std::fmt;
use std::io;

use headworks_proto::v1::{JobState, JobView};

/// How a command ended. The numbers are a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done.
    Done,
    /// The job failed, or someone else stopped it.
    Failed,
    /// Wrong usage or configuration: the same call cannot succeed.
    Usage,
    /// A check failed.
    Check,
    /// Interrupted by the user.
    Interrupted,
}

impl Exit {
    /// The process' exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Check => 3,
            Self::Interrupted => 130,
        }
    }

    /// What the end of a job means for the command that waited for it.
    pub(crate) fn of_job(view: &JobView) -> Self {
        match view.state() {
            JobState::Done => Self::Done,
            JobState::Failed => match view.error_class.as_str() {
                "configuration" => Self::Usage,
                "check" => Self::Check,
                _ => Self::Failed,
            },
            _ => Self::Failed,
        }
    }
}

/// A command that could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    /// What failed, where, what next; empty when nothing is left to say.
    message: String,
}

impl Failure {
    /// Wrong usage or configuration.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.into(),
        }
    }

    /// The work itself failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            message: message.into(),
        }
    }

    /// Stdout could not be written. When its reader has gone away the command
    /// has done all that anyone wanted of it.
    pub(crate) fn from_output(e: io::Error) -> Self {
        if e.kind() == io::ErrorKind::BrokenPipe {
            Self {
                exit: Exit::Done,
                message: String::new(),
            }
        } else {
            Self::failed(format!(
                "cannot write to stdout: {e}; is the disk behind it full?"
            ))
        }
    }

    /// How the process is to end.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// What a service answered, in the user's words.
    pub(crate) fn from_status(doing: &str, url: &str, status: &tonic::Status) -> Self {
        use tonic::Code;
        let message = status.message();
        match status.code() {
            // An unknown job's message suggests the list already.
            Code::NotFound
            | Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::AlreadyExists
            | Code::OutOfRange => Self::usage(message.to_owned()),
            Code::Unavailable => Self::usage(unreachable(url, message)),
            Code::Unimplemented => Self::usage(format!(
                "cannot {doing}: what answers at {url} is no Headworks scheduler of this version\n  \
                 next: check --scheduler"
            )),
            code => Self::failed(format!(
                "cannot {doing}: the scheduler at {url} answered: {message} ({code:?})"
            )),
        }
    }
}

/// A scheduler that does not answer.
pub(crate) fn unreachable(url: &str, why: &str) -> String {
    let why = if why.is_empty() { "no answer" } else { why };
    format!(
        "cannot reach the scheduler at {url}: {why}\n  \
         next: start one with `headworks-scheduler`, or correct --scheduler, HEADWORKS_SCHEDULER or the config file"
    )
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jobs_end_maps_to_the_exit_code_scripts_rely_on() {
        for (state, class, code) in [
            (JobState::Done, "", 0),
            (JobState::Failed, "input", 1),
            (JobState::Failed, "engine", 1),
            (JobState::Failed, "lake", 1),
            (JobState::Failed, "configuration", 2),
            (JobState::Failed, "check", 3),
            (JobState::Cancelled, "", 1),
            (JobState::Interrupted, "", 1),
        ] {
            let view = JobView {
                state: state.into(),
                error_class: class.into(),
                ..JobView::default()
            };
            assert_eq!(Exit::of_job(&view).code(), code, "{state:?} {class}");
        }
        assert_eq!(Exit::Interrupted.code(), 130);
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let failure = Failure::from_output(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(
            (failure.exit(), failure.to_string()),
            (Exit::Done, String::new())
        );
        let failure = Failure::from_output(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(failure.exit(), Exit::Failed);
    }

    #[test]
    fn what_a_scheduler_refuses_is_wrong_usage_and_a_dead_one_says_how_to_start_it() {
        let failure =
            Failure::from_status("show", "http://x", &tonic::Status::not_found("no job `a`"));
        assert_eq!(
            (failure.exit(), failure.to_string().as_str()),
            (Exit::Usage, "no job `a`")
        );
        let failure = Failure::from_status(
            "show",
            "http://x",
            &tonic::Status::unavailable("tcp connect error"),
        );
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(
            failure.to_string().contains("headworks-scheduler"),
            "{failure}"
        );
        let failure = Failure::from_status("show", "http://x", &tonic::Status::internal("journal"));
        assert_eq!(failure.exit(), Exit::Failed);
    }
}
