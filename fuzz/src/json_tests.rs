//! The targets over JSON, taken from the tests as those over XML are.

#[path = "../../jobs/formats/src/json/tests/run.rs"]
mod run;
#[path = "../../jobs/formats/src/json/tests/slow.rs"]
mod slow;
#[path = "../../jobs/formats/src/json/tests/targets.rs"]
mod targets;

use crate::rows;

/// The targets, by name.
pub(crate) fn by_name() -> &'static [(&'static str, fn(&[u8]))] {
    targets::TARGETS
}
