//! Waiting for something that another process does.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything may take that ought to happen soon.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until `look` finds something, and gives it back with the time that it took.
///
/// # Panics
/// When nothing is found within `limit`.
pub(crate) fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> (T, Duration) {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return (found, start.elapsed());
        }
        assert!(
            start.elapsed() < limit,
            "after {limit:?} there is still not: {what}"
        );
        sleep(LOOK_EVERY);
    }
}
