//! Infers a schema from a sample of a source's records, where all records can bear it out.

use headworks_formats::{FormatOptions, SampleRatio, TypeTree};

use crate::cut::OPEN_COST_BYTES;
use crate::error::SourceError;
use crate::infer::{learn, pieces};
use crate::split::{InputFile, SplitSpec};

/// Bytes of a piece that a sample has: one in 64, in one request.
const SLICE_BYTES: u64 = 256 * 1024;
/// A sample has one of so many small files.
const FILES_A_SAMPLE: usize = 16;
/// Less than this is looked at whole: that takes some hundredths of a second.
const SAMPLE_WORTH_BYTES: u64 = 64 * 1024 * 1024;

/// The types of a sample of the records of `files`, to be borne out by all of them
/// ([`Sampled`](headworks_formats::Sampled)). `None` where a sample would not be worth it, or splits of a file need one
/// another to tell where records begin.
///
/// # Errors
/// [`SourceError::Input`] for a file that cannot be read.
pub async fn sample(
    files: &[InputFile],
    options: &FormatOptions,
) -> Result<Option<TypeTree>, SourceError> {
    if !options.proves_samples() || options.sample_ratio() != SampleRatio::ALL {
        return Ok(None);
    }
    // What a wrong guess would have learned, no record could refute.
    if files.iter().any(|file| file.guessed) {
        return Ok(None);
    }
    let Some(pieces) = sampled(&pieces(files)) else {
        return Ok(None);
    };
    let (mut tree, parts, _) = learn(pieces, options).await?;
    for (part, _) in parts.values() {
        tree.merge(part);
    }
    Ok((tree.records > 0).then_some(tree))
}

/// The beginning of each piece of a file that is cut, and one of [`FILES_A_SAMPLE`] whole files where there are
/// many. `None` if that is not much less than all.
fn sampled(pieces: &[SplitSpec]) -> Option<Vec<SplitSpec>> {
    let cost = |pieces: &[SplitSpec]| -> u64 {
        let each = pieces.iter().map(|p| p.bytes() + OPEN_COST_BYTES);
        each.sum()
    };
    if cost(pieces) < SAMPLE_WORTH_BYTES {
        return None;
    }
    let is_whole = |piece: &SplitSpec| piece.start == 0 && piece.is_last();
    let whole = pieces.iter().filter(|piece| is_whole(piece)).count();
    let step = if whole < 4 * FILES_A_SAMPLE {
        1
    } else {
        FILES_A_SAMPLE
    };
    let mut sample = Vec::new();
    let mut files = 0;
    for piece in pieces {
        if !is_whole(piece) {
            sample.push(SplitSpec {
                end: piece.end.min(piece.start + SLICE_BYTES),
                ..piece.clone()
            });
            continue;
        }
        if files % step == 0 {
            sample.push(piece.clone());
        }
        files += 1;
    }
    (cost(&sample) <= cost(pieces) / 4).then_some(sample)
}
