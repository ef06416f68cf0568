//! Following a job to its end: views from the scheduler, progress on stderr,
//! and what the user means by Ctrl-C.

use std::time::{Duration, Instant};

use headworks_proto::v1::JobView;
use tonic::{Code, Status, Streaming};

use crate::errors::{Exit, Failure};
use crate::interrupts::{Answer, Interrupts};
use crate::output::job::has_ended;
use crate::output::note;
use crate::progress::Progress;
use crate::service::Scheduler;

/// Views come at least this often while the job changes: what is shown is never older.
const VIEWS_INTERVAL_MS: u64 = 200;
/// How long a scheduler that went away is waited for.
const RECONNECT_MS_MAX: u64 = 30_000;
/// Between two attempts to reach it again.
const RECONNECT_PAUSE_MS: u64 = 500;
/// How long the end of a job that was asked to stop is waited for.
const STOP_WAIT_MS_MAX: u64 = 5000;

/// What a watcher may do to its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The job lives in this process: it stops when the command ends.
    Own,
    /// The job goes on at a scheduler; the command may leave it.
    Submitted,
    /// Someone else's job: Ctrl-C ends the watching alone.
    Watching,
}

/// How watching ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Watched {
    /// The job has ended; its last view.
    Ended(Box<JobView>),
    /// The user stopped the job; its last view, if it ended soon enough.
    Stopped(Option<Box<JobView>>),
    /// The user left the job running.
    Left,
}

impl Watched {
    /// How the command is to end.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Ended(view) => Exit::of_job(view),
            Self::Stopped(_) | Self::Left => Exit::Interrupted,
        }
    }
}

/// Follows a job to its end.
///
/// # Errors
/// When there is no such job, or the scheduler does not come back.
pub(crate) async fn watch(
    scheduler: &Scheduler,
    job_id: &str,
    hold: Hold,
    progress: &mut Progress,
    interrupts: &mut Interrupts,
) -> Result<Watched, Failure> {
    let begun = Instant::now();
    let mut views = Views::new(
        scheduler,
        job_id,
        progress
            .interval()
            .min(Duration::from_millis(VIEWS_INTERVAL_MS)),
    );
    let mut newest: Option<JobView> = None;
    let mut tick = tokio::time::interval(progress.interval());
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let watched = loop {
        tokio::select! {
            view = views.next() => {
                let view = view?;
                if has_ended(view.state()) {
                    break Watched::Ended(Box::new(view));
                }
                newest = Some(view);
            }
            _ = tick.tick() => {
                if let Some(view) = &newest {
                    progress.show(view, elapsed_ms(begun));
                }
            }
            signal = interrupts.next() => {
                progress.clear();
                if hold == Hold::Watching {
                    break Watched::Left;
                }
                match interrupts.meaning(signal, hold == Hold::Submitted).await {
                    Answer::GoOn => {}
                    Answer::Detach => break Watched::Left,
                    Answer::Stop => break Watched::Stopped(stop(scheduler, job_id, &mut views).await),
                }
            }
        }
    };
    // The last figures, however short the job: a reader of JSON lines sees each job at least once.
    if let Watched::Ended(view) = &watched {
        progress.show(view, elapsed_ms(begun));
    }
    progress.clear();
    Ok(watched)
}

/// Asks the job to stop and waits for its end, both together for a bounded time.
async fn stop(scheduler: &Scheduler, job_id: &str, views: &mut Views<'_>) -> Option<Box<JobView>> {
    let to_the_end = async {
        scheduler.cancel(job_id, "interrupted by the user").await?;
        loop {
            let view = views.next().await?;
            if has_ended(view.state()) {
                return Ok::<_, Failure>(view);
            }
        }
    };
    match tokio::time::timeout(Duration::from_millis(STOP_WAIT_MS_MAX), to_the_end).await {
        Ok(Ok(view)) => Some(Box::new(view)),
        Ok(Err(failure)) => {
            note(&format!("the job could not be stopped: {failure}"));
            None
        }
        Err(_) => {
            note(&format!(
                "the job has not ended within {} s of being stopped",
                STOP_WAIT_MS_MAX / 1000
            ));
            None
        }
    }
}

/// The views of a job over as many connections as it takes.
struct Views<'a> {
    scheduler: &'a Scheduler,
    job_id: &'a str,
    interval: Duration,
    stream: Option<Streaming<JobView>>,
    /// Since when the scheduler has not answered.
    silent_since: Option<Instant>,
}

impl<'a> Views<'a> {
    fn new(scheduler: &'a Scheduler, job_id: &'a str, interval: Duration) -> Self {
        Self {
            scheduler,
            job_id,
            interval,
            stream: None,
            silent_since: None,
        }
    }

    /// The next view. Safe to drop between awaits: at worst the stream is opened anew.
    async fn next(&mut self) -> Result<JobView, Failure> {
        loop {
            let failed = match self.stream.as_mut() {
                None => match self.scheduler.views(self.job_id, self.interval).await {
                    Ok(stream) => {
                        self.stream = Some(stream);
                        continue;
                    }
                    Err(status) => status,
                },
                Some(stream) => match stream.message().await {
                    Ok(Some(view)) => {
                        self.silent_since = None;
                        return Ok(view);
                    }
                    // The stream ends with the last view; before it, the scheduler is going away.
                    Ok(None) => Status::unavailable("it ended the watch before the job had ended"),
                    Err(status) => status,
                },
            };
            self.stream = None;
            let since = *self.silent_since.get_or_insert_with(Instant::now);
            let lost = matches!(
                failed.code(),
                Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal
            );
            if !lost {
                return Err(self.scheduler.failure("watch the job", &failed));
            }
            if since.elapsed() >= Duration::from_millis(RECONNECT_MS_MAX) {
                return Err(Failure::failed(format!(
                    "lost the scheduler at {} while job {} was running: {}\n  \
                     next: when it is back, `headworks jobs show {}` tells what became of the job",
                    self.scheduler.url(),
                    self.job_id,
                    failed.message(),
                    self.job_id
                )));
            }
            tokio::time::sleep(Duration::from_millis(RECONNECT_PAUSE_MS)).await;
        }
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
