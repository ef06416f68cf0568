//! Several runs of batches as one: merged if they are sorted, else one behind the other.
//!
//! The merge holds one batch of each run, compares rows in arrow's row format, and takes the smallest; of equal ones
//! that of the oldest file. That a run is sorted is checked row by row on the way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use arrow::array::RecordBatch;
use arrow::compute::{SortOptions, interleave_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::row::{OwnedRow, RowConverter, Rows, SortField};

use super::read::Run;
use crate::error::LakeError;
use crate::writer::SortColumn;

/// The rows of a merged batch, at most.
const MERGED_ROWS_MAX: usize = 8192;

/// The batches of all runs.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, LakeError>>>;

/// Puts the runs together; in the order `by` if it has columns.
pub(super) fn merge(
    runs: Vec<Run>,
    by: &[SortColumn],
    schema: &SchemaRef,
) -> Result<Batches, LakeError> {
    if by.is_empty() {
        let behind = runs
            .into_iter()
            .flat_map(|mut run| std::iter::from_fn(move || run.next().transpose()));
        return Ok(Box::new(behind));
    }
    let mut keys = Vec::with_capacity(by.len());
    let mut fields = Vec::with_capacity(by.len());
    for column in by {
        let index = schema.index_of(&column.name).map_err(unmergeable)?;
        keys.push(index);
        fields.push(SortField::new_with_options(
            schema.field(index).data_type().clone(),
            SortOptions {
                descending: column.descending,
                nulls_first: !column.descending,
            },
        ));
    }
    let mut merge = Merge {
        heads: Vec::with_capacity(runs.len()),
        heap: BinaryHeap::with_capacity(runs.len()),
        keys: Keys {
            converter: RowConverter::new(fields).map_err(unmergeable)?,
            columns: keys,
        },
    };
    for run in runs {
        merge.add(run)?;
    }
    Ok(Box::new(std::iter::from_fn(move || {
        merge.next().transpose()
    })))
}

struct Merge {
    heads: Vec<Head>,
    /// The next row of each run that has one.
    heap: BinaryHeap<Reverse<(OwnedRow, usize)>>,
    keys: Keys,
}

/// What rows are compared by.
struct Keys {
    converter: RowConverter,
    /// The columns' places.
    columns: Vec<usize>,
}

/// Where a run stands.
struct Head {
    run: Run,
    batch: RecordBatch,
    rows: Rows,
    at: usize,
}

impl Keys {
    /// A run's next batch that has rows.
    fn load(&self, run: &mut Run) -> Result<Option<(RecordBatch, Rows)>, LakeError> {
        while let Some(batch) = run.next()? {
            if batch.num_rows() > 0 {
                let keys = batch.project(&self.columns).map_err(unmergeable)?;
                let rows = self.converter.convert_columns(keys.columns());
                return Ok(Some((batch, rows.map_err(unmergeable)?)));
            }
        }
        Ok(None)
    }
}

impl Merge {
    fn add(&mut self, mut run: Run) -> Result<(), LakeError> {
        if let Some((batch, rows)) = self.keys.load(&mut run)? {
            let first = rows.row(0).owned();
            self.heap.push(Reverse((first, self.heads.len())));
            self.heads.push(Head {
                run,
                batch,
                rows,
                at: 0,
            });
        }
        Ok(())
    }

    /// The next rows of all.
    fn next(&mut self) -> Result<Option<RecordBatch>, LakeError> {
        let mut taken: Vec<(usize, usize)> = Vec::new();
        while let Some(Reverse((row, index))) = self.heap.pop() {
            let head = &mut self.heads[index];
            taken.push((index, head.at));
            head.at += 1;
            if head.at < head.rows.num_rows() {
                self.put_back(row, index)?;
                if taken.len() < MERGED_ROWS_MAX {
                    continue;
                }
                return self.rows_at(&taken).map(Some);
            }
            // Rows that were taken lie in the batch that is replaced now.
            let merged = self.rows_at(&taken)?;
            let head = &mut self.heads[index];
            if let Some((batch, rows)) = self.keys.load(&mut head.run)? {
                (head.batch, head.rows, head.at) = (batch, rows, 0);
                self.put_back(row, index)?;
            }
            return Ok(Some(merged));
        }
        Ok(None)
    }

    /// A run's next row takes part again; `before` is the one before it.
    fn put_back(&mut self, before: OwnedRow, index: usize) -> Result<(), LakeError> {
        let head = &self.heads[index];
        let next = head.rows.row(head.at).owned();
        if next < before {
            return Err(head
                .run
                .broken("its footer says that it is sorted, and it is not"));
        }
        self.heap.push(Reverse((next, index)));
        Ok(())
    }

    fn rows_at(&self, taken: &[(usize, usize)]) -> Result<RecordBatch, LakeError> {
        let batches: Vec<&RecordBatch> = self.heads.iter().map(|head| &head.batch).collect();
        interleave_record_batch(&batches, taken).map_err(unmergeable)
    }
}

fn unmergeable(error: ArrowError) -> LakeError {
    LakeError::invalid(
        format!("sorted files cannot be merged: {error}"),
        "please report it",
    )
}
