//! Which columns of a batch name the folder, which are written, and which only counts.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int32Type, Schema, SchemaRef};
use std::collections::BTreeMap;

use super::config::WriterConfig;
use crate::error::LakeError;
use crate::partition::check_type;

/// The use of each column of the input.
#[derive(Debug)]
pub(super) struct Columns {
    /// Positions of the partition columns, in the order of the folders.
    pub(super) partition: Vec<usize>,
    /// Positions of the columns that are written.
    pub(super) file: Vec<usize>,
    /// The position of the split column.
    pub(super) split: Option<usize>,
    /// The schema of the files.
    pub(super) file_schema: SchemaRef,
}

impl Columns {
    pub(super) fn new(config: &WriterConfig, input: &Schema) -> Result<Self, LakeError> {
        let mut partition = Vec::new();
        for name in &config.partition_by {
            let index = find(input, name, "partition")?;
            check_type(name, input.field(index).data_type())?;
            if partition.contains(&index) {
                return Err(LakeError::invalid(
                    format!("column `{name}` stands twice in `partition_by`"),
                    "name it once",
                ));
            }
            partition.push(index);
        }
        let split = match &config.split_column {
            None => None,
            Some(name) => {
                let index = find(input, name, "split")?;
                let found = input.field(index).data_type();
                if *found != DataType::Int32 {
                    return Err(LakeError::invalid(
                        format!("split column `{name}` is {found}, not Int32"),
                        "this is a defect of Headworks: please report it",
                    ));
                }
                Some(index)
            }
        };
        let kept = |index: &usize| {
            Some(*index) != split
                && (config.partition_columns_in_files || !partition.contains(index))
        };
        let file: Vec<usize> = (0..input.fields().len()).filter(kept).collect();
        if file.is_empty() {
            return Err(LakeError::invalid(
                "no column is left to write beside those of `partition_by`",
                "select one more column, or set `partition_columns_in_files: true`",
            ));
        }
        for (i, a) in file.iter().enumerate() {
            if let Some(b) = file[..i]
                .iter()
                .find(|b| input.field(**b).name() == input.field(*a).name())
            {
                return Err(LakeError::invalid(
                    format!("two columns are named `{}`", input.field(*b).name()),
                    "give one of them another name (AS)",
                ));
            }
        }
        let fields: Vec<_> = file
            .iter()
            .map(|index| Arc::clone(&input.fields()[*index]))
            .collect();
        Ok(Columns {
            partition,
            file,
            split,
            file_schema: Arc::new(Schema::new(fields)),
        })
    }

    /// Counts a batch's rows by split.
    pub(super) fn count_splits(
        &self,
        batch: &RecordBatch,
        counts: &mut BTreeMap<i32, u64>,
    ) -> Result<(), LakeError> {
        let Some(index) = self.split else {
            return Ok(());
        };
        let column = batch.column(index);
        let Some(splits) = column
            .as_primitive_opt::<Int32Type>()
            .filter(|s| s.null_count() == 0)
        else {
            return Err(LakeError::invalid(
                "a row does not say which split it came from",
                "this is a defect of Headworks: please report it",
            ));
        };
        let mut run: Option<(i32, u64)> = None;
        for split in splits.values().iter().copied() {
            match &mut run {
                Some((current, rows)) if *current == split => *rows += 1,
                _ => {
                    if let Some((done, rows)) = run.replace((split, 1)) {
                        *counts.entry(done).or_default() += rows;
                    }
                }
            }
        }
        if let Some((done, rows)) = run {
            *counts.entry(done).or_default() += rows;
        }
        Ok(())
    }
}

/// The schema of the table that a writer's input makes: all its columns but the split column.
pub fn table_schema(input: &Schema, split_column: Option<&str>) -> SchemaRef {
    let fields = input
        .fields()
        .iter()
        .filter(|field| Some(field.name().as_str()) != split_column);
    Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()))
}

fn find(input: &Schema, name: &str, role: &str) -> Result<usize, LakeError> {
    let mut matches = input
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| field.name() == name)
        .map(|(i, _)| i);
    match (matches.next(), matches.next()) {
        (Some(index), None) => Ok(index),
        (Some(_), Some(_)) => Err(LakeError::invalid(
            format!("two columns are named `{name}`, the {role} column"),
            "give one of them another name (AS)",
        )),
        (None, _) => {
            let known: Vec<&str> = input
                .fields()
                .iter()
                .map(|field| field.name().as_str())
                .collect();
            Err(LakeError::invalid(
                format!(
                    "there is no {role} column `{name}`; the columns are {}",
                    known.join(", ")
                ),
                "select it in the SQL",
            ))
        }
    }
}
