//! Definition levels: how many of the fields around a value that may be NULL are there.

use std::ops::Range;

use arrow::buffer::NullBuffer;

/// Adds the levels of these rows. `nulls` are the fields from the column down to the values that may be NULL, at most
/// 255 of them.
pub(super) fn add_levels(nulls: &[Option<NullBuffer>], rows: Range<usize>, levels: &mut Vec<u8>) {
    let from = levels.len();
    let all = u8::try_from(nulls.len()).unwrap_or(u8::MAX);
    levels.resize(from + rows.len(), all);
    // What is NULL further out ends the count before what lies within it.
    for (depth, nulls) in (0..all).zip(nulls).rev() {
        let Some(nulls) = nulls.as_ref().filter(|nulls| nulls.null_count() > 0) else {
            continue;
        };
        for (level, row) in levels[from..].iter_mut().zip(rows.clone()) {
            if nulls.is_null(row) {
                *level = depth;
            }
        }
    }
}
