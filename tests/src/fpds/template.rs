//! A record's form, cut once into text to copy and slots to fill.
//!
//! The templates are XML files beside this module (`templates/`). In them stand:
//! - `{name}`: a value, see [`super::slots::SLOTS`];
//! - `{bool}`: `true` or `false`, each occurrence by a bit of its own of the record's flags;
//! - `{?name}` and `{/}` on lines of their own: the lines between apply if the condition holds;
//! - `{>vendor}` on a line of its own: the vendor's block, indented as that line is.

use super::record::Record;
use super::slots::{CONDITIONS, Fill, Holds, SLOTS};

const VENDOR: &str = include_str!("templates/atom_vendor.xml");

/// A template, ready to fill.
#[derive(Debug)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

enum Part {
    Text(Vec<u8>),
    Slot(Fill),
    /// A flag, by its bit.
    Flag(u32),
    /// Goes on at part `end` unless the condition holds.
    Block {
        holds: Holds,
        end: usize,
    },
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Slot(_) => write!(f, "Slot"),
            Self::Flag(bit) => write!(f, "Flag({bit})"),
            Self::Block { end, .. } => write!(f, "Block(to {end})"),
        }
    }
}

impl Template {
    /// Cuts a template.
    ///
    /// # Panics
    /// On a name that doesn't exist or a block that doesn't close: templates are part of the
    /// program, and a test cuts them all.
    pub(crate) fn new(source: &str) -> Self {
        let mut template = Self { parts: Vec::new() };
        let mut flags = 0;
        let mut open = None;
        for line in with_vendor(source).lines() {
            let word = line.trim();
            if let Some(name) = word.strip_prefix("{?") {
                assert!(open.is_none(), "blocks don't nest: {line}");
                open = Some(template.parts.len());
                let holds = find(CONDITIONS, name.trim_end_matches('}'));
                template.parts.push(Part::Block { holds, end: 0 });
            } else if word == "{/}" {
                let here = template.parts.len();
                let at = open.take().map(|at: usize| &mut template.parts[at]);
                let Some(Part::Block { end, .. }) = at else {
                    panic!("no block to close")
                };
                *end = here;
            } else {
                template.cut_line(line, &mut flags, open);
            }
        }
        assert!(open.is_none(), "a block is left open");
        assert!(
            flags <= u128::BITS,
            "{flags} flags, but a record has {}",
            u128::BITS
        );
        template
    }

    fn cut_line(&mut self, line: &str, flags: &mut u32, open: Option<usize>) {
        let mut rest = line;
        while let Some(start) = rest.find('{') {
            let length = rest[start..]
                .find('}')
                .unwrap_or_else(|| panic!("unclosed slot: {line}"));
            self.text(&rest[..start], open);
            let name = &rest[start + 1..start + length];
            if name == "bool" {
                self.parts.push(Part::Flag(*flags));
                *flags += 1;
            } else {
                self.parts.push(Part::Slot(find(SLOTS, name)));
            }
            rest = &rest[start + length + 1..];
        }
        self.text(rest, open);
        self.text("\n", open);
    }

    /// Adds text, to the last part if that is text too and no block begins or ends between.
    fn text(&mut self, text: &str, open: Option<usize>) {
        let ends_here =
            |part: &Part| matches!(part, Part::Block { end, .. } if *end == self.parts.len());
        let joins = open.is_some() || !self.parts.iter().any(ends_here);
        match self.parts.last_mut() {
            Some(Part::Text(last)) if joins => last.extend_from_slice(text.as_bytes()),
            _ => self.parts.push(Part::Text(text.as_bytes().to_vec())),
        }
    }

    /// Appends `record` in this form.
    pub(crate) fn write(&self, record: &Record, out: &mut Vec<u8>) {
        let mut at = 0;
        while let Some(part) = self.parts.get(at) {
            at += 1;
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Slot(fill) => fill(record, out),
                Part::Flag(bit) => {
                    let set = record.flags >> bit & 1 == 1;
                    out.extend_from_slice(if set { b"true" } else { b"false" });
                }
                Part::Block { holds, end } => {
                    if !holds(record) {
                        at = *end;
                    }
                }
            }
        }
    }
}

fn with_vendor(source: &str) -> String {
    let mut whole = String::new();
    for line in source.lines() {
        if line.trim() == "{>vendor}" {
            let indent = &line[..line.len() - "{>vendor}".len()];
            for vendor_line in VENDOR.lines() {
                if !vendor_line.starts_with('{') {
                    whole.push_str(indent);
                }
                whole.push_str(vendor_line);
                whole.push('\n');
            }
        } else {
            whole.push_str(line);
            whole.push('\n');
        }
    }
    whole
}

fn find<T: Copy>(table: &[(&str, T)], name: &str) -> T {
    match table.iter().find(|(known, _)| *known == name) {
        Some((_, value)) => *value,
        None => panic!("a template names {{{name}}}, which doesn't exist"),
    }
}
