//! A music service's song files and event logs, in the shape of the real ones.
//!
//! - `song_data/A/B/C/TRABC....json`: one song a file, some 250 bytes, in folders by three letters of the file's name. A
//!   few are pretty-printed over several lines, and a few songs stand in two files.
//! - `log_data/2018/11/2018-11-01-events.json`: a day's events, one a line, the last line without a newline. Whoever is
//!   not logged in has an empty `userId`; times are milliseconds since 1970.
//!
//! Some plays are of a song that a song file has, with the same title, artist and length; most are not.

mod catalogue;
mod logs;
#[cfg(test)]
mod tests;
mod truth;

use std::path::Path;

pub use truth::Truth;

use crate::folder::{self, Error};
use catalogue::Catalogue;
use logs::Listeners;
use truth::TruthBuilder;

/// The whole order.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many song files.
    pub songs: u64,
    /// How many log files, a day each.
    pub days: u64,
    /// How many events a day, about.
    pub events_a_day: u64,
    /// One song file in so many is written over several lines; 0 for none, so that all together are one line a record.
    pub pretty_one_in: u64,
    /// The same seed and options give the same bytes.
    pub seed: u64,
}

impl Options {
    /// About as much as the real set has.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            songs: 71,
            days: 30,
            events_a_day: 270,
            pretty_one_in: 20,
            seed,
        }
    }
}

/// Writes the data that `options` order into `folder`, and its truth as [`folder::TRUTH_FILE`]. What an earlier run
/// left there is removed first.
///
/// # Errors
/// [`Error::Io`] for a folder that can't be written.
pub fn generate(options: &Options, folder: &Path) -> Result<Truth, Error> {
    folder::remove_earlier_run(folder)?;
    let mut truth = TruthBuilder::default();
    let catalogue = Catalogue::draw(options);
    catalogue.write(folder, options, &mut truth)?;
    Listeners::draw(options.seed).write(folder, options, &catalogue, &mut truth)?;
    let truth = truth.finish(options.seed);
    folder::write_truth(&truth, folder)?;
    Ok(truth)
}
