//! What is done to a text before it is read as a value: white space around it goes, and some texts mean NULL.

use super::trim;

/// Says what a text is to be read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cleaner {
    /// White space around it is left out. By far the most common.
    Trims,
    /// It is taken as it stands.
    Keeps,
    /// Some texts mean NULL.
    KnowsNulls(Nulls),
}

/// The texts that mean NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nulls {
    trims: bool,
    texts: Vec<Box<[u8]>>,
}

impl Cleaner {
    /// By the options of a source.
    pub fn new(trims: bool, null_values: &[String]) -> Self {
        match (trims, null_values) {
            (true, []) => Self::Trims,
            (false, []) => Self::Keeps,
            (trims, texts) => Self::KnowsNulls(Nulls {
                trims,
                texts: texts.iter().map(|text| text.as_bytes().into()).collect(),
            }),
        }
    }

    /// The text to be read; `None` for NULL.
    #[inline(always)]
    pub fn clean<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Trims => Some(trim(text)),
            Self::Keeps => Some(text),
            Self::KnowsNulls(nulls) => nulls.clean(text),
        }
    }
}

impl Nulls {
    #[inline(never)]
    fn clean<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let trimmed = trim(text);
        let is_null = self.texts.iter().any(|null| **null == *trimmed);
        if is_null {
            None
        } else if self.trims {
            Some(trimmed)
        } else {
            Some(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_trimmed_or_null() {
        let nulls = ["NA".to_string(), String::new()];
        type Case<'a> = (bool, &'a [String], &'a [u8], Option<&'a [u8]>);
        let cases: &[Case] = &[
            (true, &[], b" a ", Some(b"a")),
            (false, &[], b" a ", Some(b" a ")),
            (true, &nulls, b" a ", Some(b"a")),
            (false, &nulls, b" a ", Some(b" a ")),
            (true, &nulls, b" NA\n", None),
            (false, &nulls, b" NA\n", None),
            (false, &nulls, b" ", None),
            (true, &nulls, b"na", Some(b"na")),
        ];
        for (trims, nulls, text, expected) in cases {
            assert_eq!(Cleaner::new(*trims, nulls).clean(text), *expected);
        }
    }
}
