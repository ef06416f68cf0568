//! What the speed examples measure with.

use std::time::{Duration, Instant};

/// Processor time of this thread, or time on the wall where the system does not tell.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    wall: Instant,
    spent: Option<Duration>,
}

impl Clock {
    /// A clock that begins now.
    pub(crate) fn start() -> Self {
        Self {
            wall: Instant::now(),
            spent: spent(),
        }
    }

    fn seconds(self) -> f64 {
        let spent = self.spent.and_then(|before| Some(spent()? - before));
        spent.unwrap_or_else(|| self.wall.elapsed()).as_secs_f64()
    }
}

/// What the system counts: the first figure of `schedstat` is nanoseconds on a processor.
fn spent() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

/// Prints how fast so many bytes went, and what was found in them.
pub(crate) fn print(what: &str, bytes: usize, started: Clock, found: u64) {
    let seconds = started.seconds();
    println!(
        "{what:26} {:8.0} MB/s  {found} found",
        bytes as f64 / 1e6 / seconds
    );
}
