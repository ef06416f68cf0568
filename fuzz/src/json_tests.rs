//! The targets over JSON, taken from the tests as those over XML are.

#[path = "../../jobs/formats/src/json/tests/run.rs"]
mod run;
#[path = "../../jobs/formats/src/json/tests/slow.rs"]
mod slow;
#[path = "../../jobs/formats/src/json/tests/targets.rs"]
pub(crate) mod targets;

use crate::rows;
