//! Where the splits of one array meet: the reader of one in mid-file guesses where a record begins, and each ends before the
//! first record of the next. Whether the guess was right is for [`verify_chain`](crate::verify_chain) to say.

use memchr::memchr;

use super::{Documents, Frame, State};
use crate::bytes::skip_space;
use crate::json::scanner::{Common, Next};
use crate::record::scan::Step;
use crate::record::{SyncKind, SyncPoint};

/// White space that is looked behind for a record's beginning.
const SPACE_BYTES_MAX: usize = 1 << 20;

impl Documents {
    /// Goes on to where a record probably begins: as the first one of the file does, behind a comma, and the same white
    /// space if that breaks lines. (In a string no name can stand with its quotes; but it may be an object inside of a
    /// record, and then the guess is wrong.)
    pub(super) fn seek(
        &mut self,
        common: &mut Common,
        rest: &[u8],
        eof: bool,
        fresh: bool,
    ) -> Next {
        let progress = &mut common.progress;
        let Some(lead) = self.lead.clone() else {
            return lost(common);
        };
        let breaks_lines = lead.space.contains(&b'\n');
        // The comma may stand before the split.
        let mut comma = if fresh { None } else { memchr(b',', rest) };
        while fresh || comma.is_some() {
            let after = comma.map_or(0, |comma| comma + 1);
            let record = skip_space(rest, after);
            let (space, begin) = rest.split_at_checked(record).unwrap_or((rest, &[]));
            let space = space.get(after..).unwrap_or_default();
            let has_space = comma.is_none() || !breaks_lines || *space == *lead.space;
            if has_space && begin.starts_with(&lead.begin) {
                progress.advance(rest, record);
                self.state = State::Entering;
                self.found = true;
                self.frames.push(Frame::of_records(&self.around));
                return Next::Again;
            }
            if !eof && lead.begin.starts_with(begin) && space.len() <= SPACE_BYTES_MAX {
                let from = comma.unwrap_or(0);
                progress.advance(rest, from);
                return Next::Step(common.need_more(rest.len() - from));
            }
            if fresh && comma.is_none() {
                self.state = State::Seeking { fresh: false };
                return Next::Again;
            }
            let more = rest.get(after..).unwrap_or_default();
            comma = memchr(b',', more).map(|comma| after + comma);
        }
        progress.advance(rest, rest.len());
        if eof {
            progress.end_of_file();
            return Next::Step(Step::Done);
        }
        let lost_after = progress.split.end.saturating_add(self.sync_bytes_max);
        if progress.position >= lost_after {
            return lost(common);
        }
        Next::Step(common.need(1))
    }
}

/// Whether the record that begins at the position is of the next split: then this one ends.
pub(super) fn is_beyond(common: &mut Common) -> bool {
    let progress = &mut common.progress;
    let point = SyncPoint {
        offset: progress.position,
        kind: SyncKind::Record,
    };
    progress.sync(point);
    let is_beyond = point.offset >= progress.split.end;
    if is_beyond {
        progress.finish(point);
    }
    is_beyond
}

/// No record was found from a guess on.
fn lost(common: &mut Common) -> Next {
    let offset = common.progress.position;
    let kind = SyncKind::Lost;
    common.progress.finish(SyncPoint { offset, kind });
    Next::Step(Step::Done)
}
