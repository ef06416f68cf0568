//! Where the reader of a split stands, what it has counted, and what becomes of a bad record.

use super::columns::RecordAt;
use super::options::OnBadRecord;
use super::{BadReason, BadRecord, ReadFailure, Split, SplitReport, Start, SyncKind, SyncPoint};
use crate::bytes::count_newlines;
use crate::charset::SingleByte;

/// The state of one split that does not depend on what its records look like.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) split: Split,
    /// Offset of the next byte to be looked at.
    pub(crate) position: u64,
    pub(crate) report: SplitReport,
    /// How the bytes of the file become characters, if they are not UTF-8: for what is shown of bad records.
    pub(crate) table: Option<SingleByte>,
    on_bad_record: OnBadRecord,
    raw_bytes_max: usize,
    /// Line of the good record at hand.
    record_line: u64,
    /// What has begun and is longer than a buffer, if anything has.
    begun: Option<Begun>,
    /// What is around that: a document of many records.
    document: Option<Begun>,
}

/// What is kept of something that is not held whole.
#[derive(Debug)]
struct Begun {
    at: u64,
    /// The report's two counts of line feeds at its first byte.
    newlines: (u64, u64),
    /// Its first bytes, `raw_bytes_max` at most.
    raw: Vec<u8>,
}

/// What becomes of a bad record.
#[derive(Debug)]
pub(crate) enum Settled {
    /// It is put into quarantine.
    Bad(BadRecord),
    /// It becomes a row.
    Kept { at: RecordAt, bad: BadRecord },
    /// It is left out.
    Dropped,
}

impl Progress {
    /// Stands at the split's start.
    pub(crate) fn new(split: Split, on_bad_record: OnBadRecord, raw_bytes_max: usize) -> Self {
        let offset = split.start.offset();
        let point = |kind| SyncPoint { offset, kind };
        let first = match split.start {
            Start::File | Start::Known(_) => SyncKind::Given,
            Start::Guess(_) => SyncKind::Lost,
        };
        Self {
            split,
            position: offset,
            report: SplitReport::empty(split, point(first), point(SyncKind::Lost)),
            table: None,
            on_bad_record,
            raw_bytes_max,
            record_line: 0,
            begun: None,
            document: None,
        }
    }

    /// The same for another split, of this file or of another.
    pub(crate) fn restart(&mut self, split: Split) {
        *self = Self::new(split, self.on_bad_record, self.raw_bytes_max);
    }

    /// Whether the split's start is a guess, so that what is found may be no record at all.
    pub(crate) fn guesses(&self) -> bool {
        matches!(self.split.start, Start::Guess(_))
    }

    /// Moves the position; `rest` begins at it.
    pub(crate) fn advance(&mut self, rest: &[u8], by: usize) {
        let passed = rest.get(..by).unwrap_or(rest);
        let ours =
            usize::try_from(self.split.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let (inside, beyond) = passed.split_at(ours.min(passed.len()));
        self.report.newlines += count_newlines(inside);
        self.report.newlines_past_end += count_newlines(beyond);
        self.moved(passed);
    }

    /// The same for bytes without a line feed.
    #[inline]
    pub(crate) fn advance_in_line(&mut self, by: usize) {
        debug_assert!(self.begun.is_none(), "what has begun is not held whole");
        self.position += by as u64;
    }

    /// The same for bytes whose last is a line feed, and the only one.
    #[inline]
    pub(crate) fn end_line(&mut self, by: usize) {
        self.advance_in_line(by);
        if self.position <= self.split.end {
            self.report.newlines += 1;
        } else {
            self.report.newlines_past_end += 1;
        }
    }

    fn moved(&mut self, passed: &[u8]) {
        self.position += passed.len() as u64;
        if self.begun.is_none() && self.document.is_none() {
            return;
        }
        for begun in [&mut self.begun, &mut self.document].into_iter().flatten() {
            let room = self.raw_bytes_max.saturating_sub(begun.raw.len());
            begun
                .raw
                .extend_from_slice(passed.get(..room).unwrap_or(passed));
        }
    }

    /// Line feeds of the split before the position. What is bad may stand behind the split's end, and still be its own:
    /// between its last record and the next one's first.
    fn line(&self) -> u64 {
        self.report.newlines + self.report.newlines_past_end
    }

    /// Notes a good record at the position, which is given back.
    #[inline]
    pub(crate) fn good(&mut self) -> u64 {
        self.good_on_line(self.report.newlines);
        self.position
    }

    /// Line feeds of the split before the last good record.
    pub(crate) fn record_line(&self) -> u64 {
        self.record_line
    }

    /// Notes a good record that begins so many line feeds after the split's start.
    #[inline]
    pub(crate) fn good_on_line(&mut self, line: u64) {
        self.report.read += 1;
        self.record_line = line;
    }

    /// Something begins at the position that may be longer than a buffer: what is passed from here on belongs to it.
    pub(crate) fn begin(&mut self) {
        self.begun = Some(self.here());
    }

    /// Where what has begun begins.
    pub(crate) fn begun_at(&self) -> Option<u64> {
        self.begun.as_ref().map(|begun| begun.at)
    }

    /// What has begun has ended, and means nothing.
    pub(crate) fn forget_begun(&mut self) {
        self.begun = None;
    }

    /// What has begun is of the next split: this one ends where it begins.
    pub(crate) fn finish_before_begun(&mut self, kind: SyncKind) {
        let begun = self.begun.take().unwrap_or_else(|| self.here());
        self.report.newlines_past_end = begun.newlines.1;
        let offset = begun.at;
        self.finish(SyncPoint { offset, kind });
    }

    /// A document begins at the position that may turn out to be bad as a whole.
    pub(crate) fn begin_document(&mut self) {
        self.document = Some(self.here());
    }

    /// The document ends, and is not bad as a whole.
    pub(crate) fn end_document(&mut self) {
        self.document = None;
    }

    fn here(&self) -> Begun {
        Begun {
            at: self.position,
            newlines: (self.report.newlines, self.report.newlines_past_end),
            raw: Vec::new(),
        }
    }

    /// What has begun is a bad record, and ends at the position. `tag`: that of its row; none if it can be none.
    ///
    /// # Errors
    /// [`ReadFailure::BadRecord`]
    pub(crate) fn bad_begun(
        &mut self,
        reason: BadReason,
        tag: Option<usize>,
    ) -> Result<Settled, ReadFailure> {
        let begun = self.begun.take();
        self.bad(begun, reason, tag)
    }

    /// The document that has begun is a bad record, and ends at the position.
    ///
    /// # Errors
    /// [`ReadFailure::BadRecord`]
    pub(crate) fn bad_document(
        &mut self,
        reason: BadReason,
        tag: Option<usize>,
    ) -> Result<Settled, ReadFailure> {
        let begun = self.document.take();
        self.bad(begun, reason, tag)
    }

    fn bad(
        &mut self,
        begun: Option<Begun>,
        reason: BadReason,
        tag: Option<usize>,
    ) -> Result<Settled, ReadFailure> {
        let begun = begun.unwrap_or_else(|| self.here());
        let (inside, beyond) = begun.newlines;
        let (at, line, max) = (begun.at, inside + beyond, self.raw_bytes_max);
        let mut bad = BadRecord::new(at, line, &begun.raw, reason, max, self.table);
        bad.raw_bytes = self.position - at;
        self.report.read += 1;
        self.settle(bad, tag)
    }

    /// A bad record of `raw` begins at the position.
    ///
    /// # Errors
    /// [`ReadFailure::BadRecord`]
    pub(crate) fn bad_here(
        &mut self,
        raw: &[u8],
        reason: BadReason,
        tag: Option<usize>,
    ) -> Result<Settled, ReadFailure> {
        let (at, line, max) = (self.position, self.line(), self.raw_bytes_max);
        let bad = BadRecord::new(at, line, raw, reason, max, self.table);
        self.report.read += 1;
        self.settle(bad, tag)
    }

    /// The good record at hand has a value that does not fit. `record` is its text.
    ///
    /// # Errors
    /// [`ReadFailure::BadRecord`]
    pub(crate) fn refuse(
        &mut self,
        at: RecordAt,
        line: u64,
        record: &[u8],
        reason: BadReason,
    ) -> Result<Settled, ReadFailure> {
        let max = self.raw_bytes_max;
        let bad = BadRecord::new(at.offset, line, record, reason, max, self.table);
        self.settle(bad, Some(at.tag))
    }

    /// Does with a bad record what the configuration says. `tag` is that of its row; it has none if it can be none.
    fn settle(&mut self, bad: BadRecord, tag: Option<usize>) -> Result<Settled, ReadFailure> {
        match (self.on_bad_record, tag) {
            (OnBadRecord::Fail, _) if !self.guesses() => Err(ReadFailure::BadRecord(Box::new(bad))),
            (OnBadRecord::Keep, Some(tag)) => {
                let offset = bad.offset;
                let at = RecordAt { offset, tag };
                Ok(Settled::Kept { at, bad })
            }
            (OnBadRecord::Fail | OnBadRecord::Quarantine | OnBadRecord::Keep, _) => {
                self.report.quarantined += 1;
                Ok(Settled::Bad(bad))
            }
            (OnBadRecord::Drop, _) => {
                self.report.dropped += 1;
                Ok(Settled::Dropped)
            }
        }
    }

    /// The file ends at the position, and the split with it.
    pub(crate) fn end_of_file(&mut self) {
        let point = SyncPoint {
            offset: self.position,
            kind: SyncKind::Eof,
        };
        self.sync(point);
        self.report.end = self.split.end.min(self.position);
        self.finish(point);
    }

    /// Whether the first sync point was found, so that what is read is ours if the split's start was guessed right.
    pub(crate) fn is_synced(&self) -> bool {
        self.report.first.kind != SyncKind::Lost
    }

    /// Notes the first sync point, if it is.
    pub(crate) fn sync(&mut self, point: SyncPoint) {
        if !self.is_synced() {
            self.report.first = point;
        }
    }

    /// The split ends.
    pub(crate) fn finish(&mut self, reached: SyncPoint) {
        self.report.reached = reached;
        self.report.done = true;
    }
}
