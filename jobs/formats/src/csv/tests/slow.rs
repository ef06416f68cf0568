//! A slow reader, written from the rules alone, byte by byte. It shares no code with the fast one.

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    pub(super) escape: Option<u8>,
    pub(super) comment: Option<u8>,
    pub(super) trims: bool,
    /// Whether a carriage return ends a line, and not a line feed.
    pub(super) returns: bool,
    pub(super) record_bytes_max: usize,
}

/// A record of a file.
#[derive(Debug, PartialEq)]
pub(super) struct Record {
    pub(super) offset: usize,
    pub(super) length: usize,
    /// Its values, NULL being nothing; or what is wrong, and where in the file.
    pub(super) values: Result<Vec<Option<Vec<u8>>>, (usize, Wrong)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wrong {
    Stray,
    Unclosed,
    Long,
    Width,
}

/// All records of a text without header; `width` is the number of columns.
pub(super) fn records(text: &[u8], from: usize, form: &Form, width: usize) -> Vec<Record> {
    let mut found = Vec::new();
    let mut at = from;
    while at < text.len() {
        let rest = &text[at..];
        if form.returns && rest[0] == b'\n' {
            at += 1;
            continue;
        }
        let line = line(rest, form);
        let blank = |byte: &u8| form.trims && is_blank(*byte, form);
        let is_empty = rest[..line.content].iter().all(blank);
        if is_empty || form.comment == Some(rest[0]) {
            at += line.length;
            continue;
        }
        let (length, values) = record(rest, form);
        let values = match values {
            Ok(values) if values.len() == width => Ok(values),
            Ok(_) => Err((at, Wrong::Width)),
            Err((place, wrong)) => Err((at + place, wrong)),
        };
        found.push(Record {
            offset: at,
            length,
            values,
        });
        at += length;
    }
    found
}

/// A line, whatever is quoted in it.
struct Line {
    /// Its length without the line end.
    content: usize,
    length: usize,
}

fn line(text: &[u8], form: &Form) -> Line {
    let byte = if form.returns { b'\r' } else { b'\n' };
    match text.iter().position(|b| *b == byte) {
        Some(end) => Line {
            content: end - usize::from(!form.returns && end > 0 && text[end - 1] == b'\r'),
            length: end + 1,
        },
        None => Line {
            content: text.len() - usize::from(!form.returns && text.last() == Some(&b'\r')),
            length: text.len(),
        },
    }
}

fn is_blank(byte: u8, form: &Form) -> bool {
    (byte == b' ' || byte == b'\t') && byte != form.delimiter
}

/// Where bytes stand in a record.
#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    FieldStart,
    Bare,
    /// Since the quote at this place.
    Quotes(usize),
    /// After the quotes that opened and closed at these places.
    After(usize, usize),
}

type Values = Result<Vec<Option<Vec<u8>>>, (usize, Wrong)>;

fn record(text: &[u8], form: &Form) -> (usize, Values) {
    let reach = form.record_bytes_max + 1;
    let is_full = text.len() >= reach;
    let view = &text[..text.len().min(reach)];
    let line_byte = if form.returns { b'\r' } else { b'\n' };
    let after_line_end = |from: usize, to: usize| {
        let found = text[from..to].iter().position(|b| *b == line_byte)?;
        Some(from + found + 1)
    };
    let mut values = Vec::new();
    let mut value = Vec::new();
    let mut wrong = None;
    let mut at = At::FieldStart;
    let mut field_start = 0;
    let mut p = 0;
    loop {
        if p >= view.len() {
            break;
        }
        let byte = view[p];
        let next = view.get(p + 1).copied();
        // A carriage return that belongs to a line end.
        let returns =
            !form.returns && byte == b'\r' && (next == Some(b'\n') || (next.is_none() && !is_full));
        match at {
            At::FieldStart if form.trims && is_blank(byte, form) => {
                value.push(byte);
                p += 1;
                // Nothing but spaces so far.
                continue;
            }
            At::FieldStart if form.quote == Some(byte) => {
                value.clear();
                at = At::Quotes(p);
                p += 1;
            }
            At::FieldStart | At::Bare => {
                if byte == form.delimiter || byte == line_byte || (returns && next.is_some()) {
                    values.push(bare(&value, form));
                    value.clear();
                    if byte != form.delimiter {
                        let end = p + 1 + usize::from(returns);
                        return (end, wrong.map_or(Ok(values), Err));
                    }
                    at = At::FieldStart;
                    field_start = p + 1;
                } else if !returns {
                    value.push(byte);
                    at = At::Bare;
                }
                p += 1;
            }
            At::Quotes(opened) => {
                let escapable =
                    next.is_some_and(|b| Some(b) == form.quote || Some(b) == form.escape);
                if form.escape == Some(byte) && escapable {
                    value.extend(next);
                    p += 2;
                } else if form.quote == Some(byte) && next == form.quote {
                    value.push(byte);
                    p += 2;
                } else if form.quote == Some(byte) && !(next.is_none() && is_full) {
                    at = At::After(opened, p);
                    p += 1;
                } else {
                    value.push(byte);
                    p += 1;
                }
            }
            At::After(opened, closed) => {
                if form.trims && is_blank(byte, form) {
                    p += 1;
                } else if byte == form.delimiter {
                    values.push(Some(std::mem::take(&mut value)));
                    at = At::FieldStart;
                    field_start = p + 1;
                    p += 1;
                } else if byte == line_byte {
                    values.push(Some(value));
                    return (p + 1, wrong.map_or(Ok(values), Err));
                } else if returns || (!form.returns && byte == b'\r' && next.is_none()) {
                    p += 1;
                } else {
                    let found = wrong.get_or_insert((p, Wrong::Stray));
                    if let Some(end) = after_line_end(opened + 1, closed) {
                        return (end, Err(*found));
                    }
                    value = view[field_start..p].to_vec();
                    at = At::Bare;
                }
            }
        }
    }
    if let At::Quotes(opened) = at {
        let found = wrong.unwrap_or((opened, Wrong::Unclosed));
        if let Some(end) = after_line_end(opened + 1, view.len()) {
            return (end, Err(found));
        }
        wrong = Some(found);
    } else if is_full {
        wrong = wrong.or(Some((0, Wrong::Long)));
    } else {
        values.push(match at {
            At::After(..) => Some(value),
            _ => bare(&value, form),
        });
    }
    let end = if is_full {
        after_line_end(view.len(), text.len()).unwrap_or(text.len())
    } else {
        text.len()
    };
    (end, wrong.map_or(Ok(values), Err))
}

/// The value of a field without quotes.
fn bare(text: &[u8], form: &Form) -> Option<Vec<u8>> {
    let mut text = text;
    if form.trims {
        while let [rest @ .., b' ' | b'\t'] = text {
            text = rest;
        }
        while let [b' ' | b'\t', rest @ ..] = text {
            text = rest;
        }
    }
    (!text.is_empty()).then(|| text.to_vec())
}
