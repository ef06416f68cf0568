//! Where broken text ends: brackets are matched outside strings, and nothing else is looked at.
//!
//! Goes byte by byte in whatever pieces the bytes come, with memory bounded whatever they are. A string ends at its
//! quote, or, since no line feed may stand in one, before the next line feed: so a quote that is missing does not turn
//! the rest of the file inside out. (Brackets in what was taken for a string do not count, so the value may end later than
//! its line: with what contains it, at the latest.)

/// Brackets whose kinds are remembered. Of those deeper only the number is, and each closing one closes one.
const OPEN_MAX: usize = 4096;

/// What is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// A value that begins with a bracket: up to its closing bracket, or before one that matches none of those open.
    Value,
    /// A part of a container: up to a comma or closing bracket of the container itself, which is left.
    Part,
    /// What stands between documents and begins none: up to a bracket or a line feed, which is left.
    Between,
}

/// A walk over broken text, which may go on in later buffers.
#[derive(Debug, Clone)]
pub(crate) struct Skip {
    what: What,
    /// The brackets that are open.
    open: Vec<u8>,
    deeper: usize,
    in_string: bool,
    escaped: bool,
    /// Whether any byte was passed.
    begun: bool,
}

impl Skip {
    fn new(what: What) -> Self {
        Self {
            what,
            open: Vec::new(),
            deeper: 0,
            in_string: false,
            escaped: false,
            begun: false,
        }
    }

    /// Of a value that begins with a bracket.
    pub(crate) fn value() -> Self {
        Self::new(What::Value)
    }

    /// Of what cannot be read inside a container.
    pub(crate) fn part() -> Self {
        Self::new(What::Part)
    }

    /// Of what stands between documents.
    pub(crate) fn between() -> Self {
        Self::new(What::Between)
    }

    /// Goes on through these bytes: how many of them belong to what is passed over, if it ends here.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            let is_first = !std::mem::replace(&mut self.begun, true);
            if self.in_string {
                match byte {
                    _ if self.escaped && byte != b'\n' => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    b'\n' => {
                        (self.in_string, self.escaped) = (false, false);
                        at -= 1; // It may end more than the string.
                    }
                    _ => {
                        let rest = bytes.get(at..).unwrap_or_default();
                        at += memchr::memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len());
                    }
                }
                continue;
            }
            let outermost = self.open.is_empty();
            match byte {
                b'"' => self.in_string = true,
                b',' if outermost && self.what == What::Part => return Some(at - 1),
                b'\n' if outermost && self.what == What::Between => return Some(at - 1),
                b'{' | b'[' if self.what == What::Between && !is_first => {
                    return Some(at - 1);
                }
                b'{' | b'[' if self.what == What::Between => {}
                b'{' | b'[' if self.open.len() < OPEN_MAX => self.open.push(byte),
                b'{' | b'[' => self.deeper += 1,
                b'}' | b']' if self.what == What::Between => {}
                b'}' | b']' if self.deeper > 0 => self.deeper -= 1,
                b'}' | b']' => {
                    let matches = self.open.last() == Some(&(byte - 2));
                    if !matches {
                        return Some(at - 1);
                    }
                    self.open.pop();
                    if self.open.is_empty() && self.what == What::Value {
                        return Some(at);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_text_ends_as_the_rule_says_in_whatever_pieces() {
        let value = Skip::value;
        type Case<'a> = (fn() -> Skip, &'a str, &'a str);
        let cases: &[Case] = &[
            (value, r#"{"a":x}"#, ", 2"),
            (value, r#"{"a":"}\"}"}"#, "}"),
            (value, r#"[[1,{"a":[]}],2]"#, "]"),
            (value, r#"{"a":[1"#, "},{}]"),
            (value, "{\"a\":\"x}\n}", ",1"),
            (value, "{\"a\":\"x\\\n}", ",1"),
            (Skip::part, "oops {,} [,] \",\" ", ",1"),
            (Skip::part, "", ",1"),
            (Skip::part, "a", "]"),
            (Skip::between, "} ] abc \"{", "\n{}"),
            (Skip::between, "abc", "{}"),
        ];
        for (skip, broken, after) in cases {
            let text = format!("{broken}{after}");
            let expected = Some(broken.len());
            assert_eq!(skip().pass(text.as_bytes()), expected, "{text}");
            for cut in 0..text.len() {
                let mut skip = skip();
                let (head, tail) = text.as_bytes().split_at(cut);
                let found = skip.pass(head);
                let found = found.or_else(|| skip.pass(tail).map(|length| cut + length));
                assert_eq!(found, expected, "{text}, cut at {cut}");
            }
        }
    }

    #[test]
    fn depth_has_a_bound_and_brackets_beyond_it_are_counted() {
        let deep = OPEN_MAX + 100;
        let text = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
        let mut skip = Skip::value();
        assert_eq!(skip.pass(text.as_bytes()), Some(2 * deep));
        assert!(skip.open.capacity() <= 2 * OPEN_MAX);
    }
}
