//! Which quarantine files of a wave are to be committed.
//!
//! A bad record stands in quarantine once for each job, however often its
//! file is scanned. Of two scans in one query the first stands for both; the
//! tasks of a later model, or of one that began anew, leave out what is there.

use std::collections::{BTreeMap, BTreeSet};

use headworks_engine::api::{ScannedSplit, WaveDiscard, WaveResult};
use headworks_lake::PendingFile;

use super::audit::one_scan_a_split;
use super::state::ModelRun;

/// Sorts a wave's quarantine files into those to be committed and those that
/// repeat them.
pub(super) fn sort_wave(
    run: &mut ModelRun,
    scans: &BTreeMap<i32, &ScannedSplit>,
    repeated: &[&ScannedSplit],
) {
    let mut seen = BTreeSet::new();
    for scan in scans.values() {
        add(&mut run.quarantine, &mut seen, scan);
    }
    for scan in repeated {
        add(&mut run.quarantine_surplus, &mut seen, scan);
    }
}

/// The quarantine files of a model's accepted waves that are to be committed,
/// by source: what [`sort_wave`] keeps of each.
pub(crate) fn kept_files<'a>(
    results: impl Iterator<Item = &'a WaveResult>,
) -> BTreeMap<String, Vec<PendingFile>> {
    let mut kept = BTreeMap::new();
    for result in results {
        let mut seen = BTreeSet::new();
        let (scans, _) = one_scan_a_split(result);
        for scan in scans.values() {
            add(&mut kept, &mut seen, scan);
        }
    }
    kept
}

/// Adds a split's files that have not been added anywhere: the splits of one
/// task may share a file.
fn add(
    to: &mut BTreeMap<String, Vec<PendingFile>>,
    seen: &mut BTreeSet<String>,
    scan: &ScannedSplit,
) {
    for file in &scan.quarantine {
        if seen.insert(file.temp.clone()) {
            to.entry(scan.source.clone())
                .or_default()
                .push(file.clone());
        }
    }
}

/// All files of a wave whose result is not used.
pub(super) fn all_files(result: &WaveResult) -> WaveDiscard {
    let mut discard = WaveDiscard {
        files: result.files.clone(),
        quarantine: BTreeMap::new(),
    };
    let mut seen = BTreeSet::new();
    for scan in &result.scans {
        add(&mut discard.quarantine, &mut seen, scan);
    }
    discard
}
