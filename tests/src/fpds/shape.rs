//! What surrounds the records of a file: roots, pages, entries.

use super::options::{RecordType, Shape};
use super::record::Record;
use super::template::Template;
use crate::text::{push_escaped, push_moment, push_number};

/// The feed's entries on one page.
pub(crate) const ENTRIES_A_PAGE: u64 = 10;

/// The templates of a shape, one a record type.
#[derive(Debug)]
pub(crate) struct Layout {
    shape: Shape,
    templates: Vec<Template>,
    entry: Template,
}

const ENTRY: &str = "  <entry>
{?new}
    <title><![CDATA[New {action_name} {title_number} awarded to {title_vendor} for the amount of ${obligated}]]></title>
{/}
{?modified}
    <title><![CDATA[{action_name} {title_number} ({mod_number}) awarded to {title_vendor}, was modified for the amount of ${obligated}]]></title>
{/}
    <link rel=\"alternate\" type=\"text/html\" href=\"https://feed.example.gov/search.do?s=FPDS&amp;templateName=1.5.3&amp;q={piid}+{agency}+\"></link>
    <modified>{last_modified}</modified>
    <content xmlns:ns1=\"https://www.fpds.gov/FPDS\" type=\"application/xml\">
";

impl Layout {
    /// The layout of `shape`.
    pub(crate) fn new(shape: Shape) -> Self {
        let templates = RecordType::ALL
            .iter()
            .map(|&kind| Template::new(record_template(shape, kind)))
            .collect();
        Self {
            shape,
            templates,
            entry: Template::new(ENTRY),
        }
    }

    /// Whether records of this shape carry the `version` attribute.
    pub(crate) fn versioned(&self) -> bool {
        self.shape != Shape::Archive
    }

    /// Begins a file that will hold `records` records of `kind` (the archive's files have one), the
    /// first of them number `first` of the run.
    pub(crate) fn begin(
        &self,
        out: &mut Vec<u8>,
        kind: RecordType,
        first: u64,
        records: u64,
        total: u64,
    ) {
        match self.shape {
            Shape::Archive => {
                // As in the real files: the vehicles' root binds the prefix to another name than
                // its records do.
                let namespace = match kind {
                    RecordType::Award | RecordType::OtherTransactionAward => {
                        "https://www.fpds.gov/FPDS"
                    }
                    RecordType::Idv | RecordType::OtherTransactionIdv => {
                        "http://www.fpdsng.com/FPDS"
                    }
                };
                out.extend_from_slice(b"<?xml version=\"1.0\"?>\n<ns1:");
                out.extend_from_slice(archive_root(kind).as_bytes());
                out.extend_from_slice(b" xmlns:ns1=\"");
                out.extend_from_slice(namespace.as_bytes());
                out.extend_from_slice(b"\">\n  <ns1:count>\n    <ns1:total>");
                push_number(out, records, 1);
                out.extend_from_slice(b"</ns1:total>\n    <ns1:fetched>");
                push_number(out, records, 1);
                out.extend_from_slice(b"</ns1:fetched>\n  </ns1:count>\n");
            }
            Shape::Atom => begin_page(out, first, total),
            Shape::Flat => {
                out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<awards>\n")
            }
        }
    }

    /// Appends one record. Returns where in `out` the record's own element begins and ends; what
    /// surrounds it (a feed's entry) lies outside.
    pub(crate) fn record(&self, out: &mut Vec<u8>, record: &Record) -> (usize, usize) {
        if self.shape == Shape::Atom {
            self.entry.write(record, out);
        }
        let start = out.len();
        self.templates[record.kind.index()].write(record, out);
        let indent = out[start..]
            .iter()
            .position(|&b| b == b'<')
            .unwrap_or_default();
        // Without the line end behind the end tag.
        (start + indent, out.len() - 1)
    }

    /// Closes what [`Layout::record`] opened around the record.
    pub(crate) fn close_record(&self, out: &mut Vec<u8>) {
        if self.shape == Shape::Atom {
            out.extend_from_slice(b"    </content>\n  </entry>\n");
        }
    }

    /// Ends a file.
    pub(crate) fn end(&self, out: &mut Vec<u8>, kind: RecordType) {
        match self.shape {
            Shape::Archive => {
                out.extend_from_slice(b"</ns1:");
                out.extend_from_slice(archive_root(kind).as_bytes());
                out.extend_from_slice(b">\n");
            }
            // The real pages have no newline at their end.
            Shape::Atom => out.extend_from_slice(b"</feed>"),
            Shape::Flat => out.extend_from_slice(b"</awards>\n"),
        }
    }
}

fn archive_root(kind: RecordType) -> &'static str {
    match kind {
        RecordType::Award => "listOfAwards",
        RecordType::Idv => "listOfIDVs",
        RecordType::OtherTransactionAward => "listOfOtherTransactionAwards",
        RecordType::OtherTransactionIdv => "listOfOtherTransactionIDVs",
    }
}

fn record_template(shape: Shape, kind: RecordType) -> &'static str {
    match (shape, kind) {
        (Shape::Archive, RecordType::Award) => include_str!("templates/archive_award.xml"),
        (Shape::Archive, RecordType::Idv) => include_str!("templates/archive_idv.xml"),
        (Shape::Archive, _) => include_str!("templates/archive_other.xml"),
        (Shape::Atom, RecordType::Award) => include_str!("templates/atom_award.xml"),
        (Shape::Atom, RecordType::Idv) => include_str!("templates/atom_idv.xml"),
        (Shape::Atom, _) => include_str!("templates/atom_other.xml"),
        (Shape::Flat, _) => include_str!("templates/flat_award.xml"),
    }
}

/// The head of a feed's page. Every third page was asked for by a range, whose bracket then stands
/// before the end of the CDATA section: `]]]>`.
fn begin_page(out: &mut Vec<u8>, first: u64, total: u64) {
    let mut query = Vec::new();
    if (first / ENTRIES_A_PAGE).is_multiple_of(3) {
        query.extend_from_slice(b"LAST_MOD_DATE:[");
        let day = crate::text::Day::of(2020, 4, 2);
        let mut date = Vec::new();
        push_moment(&mut date, day, 0);
        for end in [",", "]"] {
            query.extend(date[..10].iter().map(|&b| if b == b'-' { b'/' } else { b }));
            query.extend_from_slice(end.as_bytes());
        }
    } else {
        query.extend_from_slice(b"PIID:\"W900KK");
        push_number(&mut query, first, 7);
        query.push(b'"');
    }
    let query = String::from_utf8_lossy(&query).into_owned();
    out.extend_from_slice(
        b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n  <title>FPDS-NG search results for<![CDATA[: ",
    );
    out.extend_from_slice(query.as_bytes());
    out.extend_from_slice(b"]]></title>\n");
    let last = total.saturating_sub(1) / ENTRIES_A_PAGE * ENTRIES_A_PAGE;
    for (relation, start) in [
        ("alternate", first),
        ("last", last),
        ("next", first + ENTRIES_A_PAGE),
    ] {
        out.extend_from_slice(b"  <link rel=\"");
        out.extend_from_slice(relation.as_bytes());
        out.extend_from_slice(b"\" type=\"text/html\" href=\"https://feed.example.gov/FEEDS/ATOM?s=FPDS&amp;FEEDNAME=PUBLIC&amp;q=");
        push_escaped(out, &query);
        out.extend_from_slice(b"&amp;start=");
        push_number(out, start, 1);
        out.extend_from_slice(b"\"></link>\n");
    }
    out.extend_from_slice(b"  <modified/>\n  <author>\n    <name/>\n  </author>\n");
}
