//! What the types of a source's keys cannot say: which keys belong to which format, and which values need each other.

use crate::error::{Mark, SpecError, nearest, quoted_list};
use crate::job_file::{Format, OnBadRecord, Source};
use crate::names::{pattern_fault, row_tag_fault};
use crate::yaml::{Key, Kind, Node};

/// The keys that every source may have.
const EVERY_KEYS: [&str; 2] = ["format", "path"];
/// The keys of sources that are read record by record.
const RECORD_KEYS: [&str; 14] = [
    "corrupt_record_column",
    "date_format",
    "encoding",
    "null_values",
    "on_bad_record",
    "on_bad_value",
    "on_unknown",
    "raw_bytes_max",
    "record_bytes_max",
    "rename",
    "sample_files",
    "sample_ratio",
    "schema",
    "timestamp_format",
];
const XML_KEYS: [&str; 7] = [
    "attribute_prefix",
    "exclude_attributes",
    "ignore_namespaces",
    "ignore_surrounding_spaces",
    "row_tag",
    "value_tag",
    "wildcard_column",
];
const JSON_KEYS: [&str; 4] = ["keep", "key_column", "layout", "records"];
const CSV_KEYS: [&str; 7] = [
    "columns",
    "comment",
    "delimiter",
    "escape",
    "header",
    "ignore_surrounding_spaces",
    "quote",
];

/// The keys of a format, sorted, and its word.
fn keys_of(format: Format) -> (Vec<&'static str>, &'static str) {
    let (own, word): (&[&str], _) = match format {
        Format::Xml => (&XML_KEYS, "xml"),
        Format::Json => (&JSON_KEYS, "json"),
        Format::Csv => (&CSV_KEYS, "csv"),
        Format::Parquet => (&[], "parquet"),
    };
    let records: &[&str] = if format == Format::Parquet {
        &[]
    } else {
        &RECORD_KEYS
    };
    let mut keys = [&EVERY_KEYS, records, own].concat();
    keys.sort_unstable();
    (keys, word)
}

/// Reports what is wrong with the options of the source `key`, as they are written in `node`.
pub(crate) fn check_source(key: &Key, node: &Node, source: &Source, errors: &mut Vec<SpecError>) {
    let mut check = Check { key, node, errors };
    check.keys(source.format);
    check.patterns(source);
    check.own_columns(source);
    check.rename(source);
    match source.format {
        Format::Xml => check.xml(source),
        Format::Json => check.json(source),
        Format::Csv => check.csv(source),
        Format::Parquet => {}
    }
}

struct Check<'a> {
    key: &'a Key,
    node: &'a Node,
    errors: &'a mut Vec<SpecError>,
}

impl Check<'_> {
    /// Keys of other formats. What no format knows has been reported.
    fn keys(&mut self, format: Format) {
        let (source, node) = (self.key, self.node);
        let (allowed, word) = keys_of(format);
        let others = [Format::Xml, Format::Json, Format::Csv];
        for (key, _) in node.entries() {
            let name = key.text.as_str();
            let is_known = others.iter().any(|other| keys_of(*other).0.contains(&name));
            if is_known && !allowed.contains(&name) {
                let message = format!(
                    "`{name}` in source `{}` has no meaning for format `{word}`. Allowed: {}",
                    source.text,
                    quoted_list(allowed.iter().copied())
                );
                self.errors.push(key.at.error(message));
            }
        }
    }

    fn xml(&mut self, source: &Source) {
        let (key, node) = (self.key, self.node);
        let stands_for_it = |key: &str| nearest(key, ["row_tag"]).is_some();
        if !node
            .entries()
            .iter()
            .any(|(key, _)| stands_for_it(&key.text))
        {
            let message = format!(
                "source `{}` lacks `row_tag`: the elements that are rows, one name or a list",
                key.text
            );
            self.errors.push(key.at.error(message));
        }
        let Some(tags) = node.find(&["row_tag"]) else {
            return;
        };
        for (at, tag) in source.row_tag.iter().enumerate() {
            let mark = item_mark(tags, at);
            if let Some(fault) = row_tag_fault(tag) {
                self.errors.push(mark.error(fault));
            }
        }
    }

    fn patterns(&mut self, source: &Source) {
        let (key, node) = (self.key, self.node);
        let patterns = [
            ("date_format", &source.date_format),
            ("timestamp_format", &source.timestamp_format),
        ];
        for (option, pattern) in patterns {
            let fault = pattern.as_deref().and_then(pattern_fault);
            if let Some((fault, written)) = fault.zip(node.find(&[option])) {
                let message = format!(
                    "`{option}` in source `{}` is not a pattern of dates and times: {fault}",
                    key.text
                );
                self.errors.push(written.at.error(message));
            }
        }
    }

    /// The columns that options ask for.
    fn own_columns(&mut self, source: &Source) {
        let keeps = source.on_bad_record == OnBadRecord::Keep;
        let fault = match (keeps, &source.corrupt_record_column) {
            (true, None) => Some((
                "on_bad_record",
                "`on_bad_record: keep`",
                "needs `corrupt_record_column`, the column for the text of what is kept",
            )),
            (false, Some(_)) => Some((
                "corrupt_record_column",
                "`corrupt_record_column`",
                "has no meaning without `on_bad_record: keep`",
            )),
            _ => None,
        };
        if let Some((option, what, fault)) = fault {
            self.fault(option, &format!("{what} in"), fault);
        }
        let own = [
            ("corrupt_record_column", &source.corrupt_record_column),
            ("wildcard_column", &source.wildcard_column),
            ("key_column", &source.key_column),
        ];
        for (at, (option, name)) in own.iter().enumerate() {
            let Some(name) = name.as_ref() else {
                continue;
            };
            let twice = own[..at]
                .iter()
                .any(|(_, other)| other.as_ref() == Some(name));
            if twice || *name == source.value_tag || source.keep.contains_key(name) {
                let fault =
                    format!("is `{name}`, as another column; each column has a name of its own");
                self.fault(option, &format!("`{option}` in"), &fault);
            }
        }
    }

    fn rename(&mut self, source: &Source) {
        for (at, (from, to)) in source.rename.iter().enumerate() {
            let mut before = source.rename.values().take(at);
            let fault = if to.is_empty() {
                format!("gives `{from}` an empty name")
            } else if before.any(|other| other == to) {
                format!("gives two columns the name `{to}`; each column has a name of its own")
            } else {
                continue;
            };
            self.fault("rename", "`rename` in", &fault);
        }
    }

    fn json(&mut self, source: &Source) {
        let paths = source
            .keep
            .iter()
            .map(|(column, path)| ("keep", format!("`{column}` in `keep`"), path));
        let records = source.records.iter();
        let records = records.map(|path| ("records", "`records`".to_owned(), path));
        for (option, what, path) in records.chain(paths) {
            if !path.starts_with('$') {
                let fault = format!(
                    "is `{path}`, which is no path; it begins with `$`, the document, as `$.data.items[*]`"
                );
                self.fault(option, &format!("{what} in"), &fault);
            }
        }
        let fault = match &source.records {
            None if source.key_column.is_some() => Some(("key_column", "needs `records`")),
            None if !source.keep.is_empty() => Some((
                "keep",
                "needs `records`: without it a document is a record, with all its fields",
            )),
            Some(path) if source.key_column.is_some() && !path.ends_with(".*") => Some((
                "key_column",
                "needs `records` that end in `.*`: only the entries of a map have keys",
            )),
            _ => None,
        };
        if let Some((option, fault)) = fault {
            self.fault(option, &format!("`{option}` in"), fault);
        }
    }

    fn csv(&mut self, source: &Source) {
        let fault = match (source.header, source.columns.is_empty()) {
            (false, true) => Some((
                "header",
                "`header: false` in",
                "needs `columns`, the names of the columns in their order",
            )),
            (true, false) => Some((
                "columns",
                "`columns` in",
                "has no meaning without `header: false`; to name columns otherwise than the files do, use `rename`",
            )),
            _ => None,
        };
        if let Some((option, what, fault)) = fault {
            self.fault(option, what, fault);
        }
        if let Some(written) = self.node.find(&["columns"]) {
            for (at, name) in source.columns.iter().enumerate() {
                if name.is_empty() || source.columns[..at].contains(name) {
                    let what = if name.is_empty() {
                        "an empty name".to_owned()
                    } else {
                        format!("`{name}` a second time")
                    };
                    let message = format!(
                        "{what} in `columns` of source `{}`; each column has a name of its own",
                        self.key.text
                    );
                    self.errors.push(item_mark(written, at).error(message));
                }
            }
        }
        let delimiter = source.delimiter().to_owned();
        let characters = [
            ("delimiter", Some(&delimiter)),
            (
                "quote",
                Some(&source.quote).filter(|quote| !quote.is_empty()),
            ),
            ("escape", source.escape.as_ref()),
            ("comment", source.comment.as_ref()),
        ];
        for (at, (option, text)) in characters.iter().enumerate() {
            let Some(text) = text else { continue };
            let what = format!("`{option}` in");
            if Source::csv_character(text).is_none() {
                let shown = text.escape_default();
                let fault =
                    format!("is `{shown}`; allowed: one ASCII character, no line end, or `\\t`");
                self.fault(option, &what, &fault);
                continue;
            }
            // A quote that escapes itself is the usual doubling.
            let same = characters[..at].iter().find(|(other, before)| {
                *before == Some(text) && (*other, *option) != ("quote", "escape")
            });
            if let Some((other, _)) = same {
                let fault = format!("is the same character as `{other}`");
                self.fault(option, &what, &fault);
            }
        }
    }

    /// Reports that something about an option is wrong, where it is written: `what` and the source, then `fault`.
    fn fault(&mut self, option: &str, what: &str, fault: &str) {
        let (key, node) = (self.key, self.node);
        let at = node.find(&[option]).map_or(&key.at, |written| &written.at);
        let message = format!("{what} source `{}` {fault}", key.text);
        self.errors.push(at.error(message));
    }
}

/// Where an item of a list is written, or the value that stands for the list.
fn item_mark(written: &Node, at: usize) -> &Mark {
    match &written.kind {
        Kind::List(items) => items.get(at).map_or(&written.at, |item| &item.at),
        Kind::Scalar(_) | Kind::Map(_) => &written.at,
    }
}
