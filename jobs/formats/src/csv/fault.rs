//! What can be wrong with the form of a record.

/// What is wrong with a record's form. Positions count from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A character follows a closing quote.
    AfterQuote { at: usize },
    /// A quote is not closed before the file ends.
    Unclosed { at: usize },
    /// A quote is not closed within reach.
    UnclosedWithin { at: usize },
    /// It is longer than allowed.
    TooLarge,
    /// It has too many fields.
    TooMany {
        at: usize,
        fields: usize,
        columns: usize,
    },
    /// It has too few fields, and ends here.
    TooFew {
        at: usize,
        fields: usize,
        columns: usize,
    },
}

impl Fault {
    /// Where it is; of a record that is too long, where that begins.
    pub(super) fn at(self) -> usize {
        match self {
            Self::AfterQuote { at }
            | Self::Unclosed { at }
            | Self::UnclosedWithin { at }
            | Self::TooMany { at, .. }
            | Self::TooFew { at, .. } => at,
            Self::TooLarge => 0,
        }
    }

    /// What is wrong, for a person; a record may have so many bytes.
    pub(super) fn shown(self, bytes_max: usize) -> String {
        match self {
            Self::AfterQuote { .. } => {
                "a closing quote is followed by something else than a delimiter or a line end; a quote between quotes \
                 is written twice"
                    .to_string()
            }
            Self::Unclosed { .. } => "the quote is not closed before the end of the file".to_string(),
            Self::UnclosedWithin { .. } => {
                format!("the quote is not closed within {bytes_max} bytes of the record's first")
            }
            Self::TooLarge => format!("no line end follows within {bytes_max} bytes"),
            Self::TooMany { fields, columns, .. } | Self::TooFew { fields, columns, .. } => {
                format!("the record has {fields} fields, but the file has {columns} columns")
            }
        }
    }
}
