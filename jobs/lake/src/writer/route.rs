//! Finds, for each row of a batch, the partition it belongs to.
//!
//! Rows are compared in arrow's row format; a partition's folder is made once for each value that is new. A batch
//! with one value, and rows that lie together, are passed on without a copy: that is the common case, since a
//! source's files mostly hold one period each.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::Schema;
use arrow::row::{RowConverter, SortField};

use crate::error::LakeError;
use crate::partition::{PartitionValues, folder, plain_values, value_text};

/// The number of partition values whose folder is remembered.
const KNOWN_VALUES_MAX: usize = 16_384;

/// A partition: its folder (empty for a table without partitions) and its values.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) folder: Arc<str>,
    pub(super) values: PartitionValues,
}

/// A partition and the positions of its rows in a batch.
type Group = (Arc<Partition>, Vec<u32>);

/// Sorts rows into partitions.
#[derive(Debug)]
pub(super) struct Router {
    names: Vec<String>,
    columns: Vec<usize>,
    converter: RowConverter,
    /// By the values in arrow's row format.
    known: HashMap<Box<[u8]>, Arc<Partition>>,
    whole: Arc<Partition>,
}

impl Router {
    /// A router for the partition columns at these positions of `input`.
    pub(super) fn new(input: &Schema, columns: &[usize]) -> Result<Self, LakeError> {
        let mut sort_fields = Vec::new();
        for index in columns {
            let plain = arrow::array::new_empty_array(input.field(*index).data_type());
            sort_fields.push(SortField::new(plain_values(&plain)?.data_type().clone()));
        }
        Ok(Router {
            names: columns
                .iter()
                .map(|index| input.field(*index).name().clone())
                .collect(),
            columns: columns.to_vec(),
            converter: RowConverter::new(sort_fields).map_err(unroutable)?,
            known: HashMap::new(),
            whole: Arc::new(Partition {
                folder: "".into(),
                values: PartitionValues::new(),
            }),
        })
    }

    /// Splits a batch by partition. `keys` has the partition columns, `data` the columns that are written.
    pub(super) fn route(
        &mut self,
        keys: &RecordBatch,
        data: &RecordBatch,
    ) -> Result<Vec<(Arc<Partition>, RecordBatch)>, LakeError> {
        if self.columns.is_empty() {
            return Ok(vec![(Arc::clone(&self.whole), data.clone())]);
        }
        let mut groups = self.group(keys)?;
        if groups.len() == 1 {
            return Ok(groups
                .drain(..)
                .map(|(partition, _)| (partition, data.clone()))
                .collect());
        }
        let mut routed = Vec::with_capacity(groups.len());
        for (partition, rows) in groups {
            let (first, last) = (rows[0] as usize, rows[rows.len() - 1] as usize);
            let part = if last - first + 1 == rows.len() {
                data.slice(first, rows.len())
            } else {
                take_record_batch(data, &UInt32Array::from(rows)).map_err(unroutable)?
            };
            routed.push((partition, part));
        }
        Ok(routed)
    }

    /// The partitions of a batch with the positions of their rows, ascending.
    fn group(&mut self, keys: &RecordBatch) -> Result<Vec<Group>, LakeError> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        for index in &self.columns {
            arrays.push(plain_values(keys.column(*index))?);
        }
        let rows = self
            .converter
            .convert_columns(&arrays)
            .map_err(unroutable)?;
        let mut groups: Vec<Group> = Vec::new();
        // Different rows can share a folder (NULL and the empty string), so groups are found by folder.
        let mut by_folder: HashMap<Arc<str>, usize> = HashMap::new();
        let mut current = 0;
        for row in 0..keys.num_rows() {
            if row == 0 || rows.row(row) != rows.row(row - 1) {
                let partition = self.partition(rows.row(row).as_ref(), &arrays, row)?;
                current = *by_folder
                    .entry(Arc::clone(&partition.folder))
                    .or_insert_with(|| {
                        groups.push((partition, Vec::new()));
                        groups.len() - 1
                    });
            }
            groups[current].1.push(row as u32);
        }
        Ok(groups)
    }

    fn partition(
        &mut self,
        key: &[u8],
        arrays: &[ArrayRef],
        row: usize,
    ) -> Result<Arc<Partition>, LakeError> {
        if let Some(partition) = self.known.get(key) {
            return Ok(Arc::clone(partition));
        }
        let mut values = PartitionValues::new();
        for (name, array) in self.names.iter().zip(arrays) {
            values.insert(name.clone(), value_text(array, row));
        }
        let partition = Arc::new(Partition {
            folder: folder(&values)?.into(),
            values,
        });
        if self.known.len() >= KNOWN_VALUES_MAX {
            self.known.clear();
        }
        self.known.insert(key.into(), Arc::clone(&partition));
        Ok(partition)
    }
}

fn unroutable(error: arrow::error::ArrowError) -> LakeError {
    LakeError::invalid(
        format!("cannot sort rows into partitions: {error}"),
        "see `partition_by`",
    )
}
