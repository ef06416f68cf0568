//! From a model's rows to its files: which columns its options may name, rows brought together by partition, sorted,
//! and the writer.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::physical_plan::ExecutionPlan;
use headworks_lake::{Compression, SortColumn, TableLocation};
use headworks_sources::SPLIT_COLUMN;
use headworks_spec::{Distribute, Model, SortColumn as Sorted};
use headworks_stores::is_url;

use super::{checks, physical, plain};
use crate::api::{EngineError, ModelRequest};
use crate::nodes::WriteSpec;

/// Refuses options that name a column which the query does not give, or one of a type that does not do for it.
///
/// # Errors
/// In words for the user.
pub(super) fn check_columns(options: &Model, schema: &Schema) -> Result<(), String> {
    let sorted = |columns: &[String]| -> Vec<String> {
        let names = columns.iter().map(|column| Sorted::parse(column).name);
        names.map(str::to_owned).collect()
    };
    for (option, columns) in [
        ("partition_by", options.partition_by.clone()),
        ("key", options.key.clone()),
        ("order_by", sorted(&options.order_by)),
        ("sort_by", sorted(&options.sort_by)),
    ] {
        for column in columns {
            let Ok(field) = schema.field_with_name(&column) else {
                let known: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
                return Err(format!(
                    "{option} names `{column}`, which the SQL does not give; its columns are {}",
                    known.join(", ")
                ));
            };
            let data_type = field.data_type();
            if data_type.is_nested() {
                return Err(format!(
                    "{option} names `{column}`, which is of type {data_type}; it takes columns of single values: \
                     select one of its fields"
                ));
            }
            if option == "partition_by" {
                headworks_lake::partition::check_type(&column, data_type)
                    .map_err(|e| e.to_string())?;
                if column.starts_with(['_', '.']) {
                    return Err(format!(
                        "partition_by names `{column}`, whose folders readers would take for hidden; give the column \
                         another name (AS)"
                    ));
                }
            }
            if option == "key" && data_type.is_floating() {
                return Err(format!(
                    "key names `{column}`, which is of type {data_type}, and rarely equal twice; CAST it to a decimal \
                     in the SQL"
                ));
            }
        }
    }
    let is_in_files =
        |name: &String| options.partition_columns_in_files || !options.partition_by.contains(name);
    if !schema
        .fields()
        .iter()
        .any(|field| is_in_files(field.name()))
    {
        return Err(
            "no column is left to write beside those of partition_by; select one more column, or set \
             `partition_columns_in_files: true`"
                .to_owned(),
        );
    }
    Ok(())
}

/// Writes rows into files of the model's table: together by partition, sorted, as its options say.
///
/// # Errors
/// `Configuration`.
pub(super) fn write(
    plan: Arc<dyn ExecutionPlan>,
    request: &ModelRequest,
    partitions: u32,
    row_wise: bool,
) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
    let options = &request.model.options;
    let failed = |e: datafusion::error::DataFusionError| {
        EngineError::Configuration(format!("model `{}`: {}", request.model.name, plain(&e)))
    };
    let shuffle = match options.distribute {
        Distribute::None => false,
        Distribute::Hash => !options.partition_by.is_empty(),
        Distribute::Auto => !options.partition_by.is_empty() && physical::would_scatter(&plan),
    };
    let plan = if shuffle {
        physical::shuffle_by(plan, &options.partition_by, partitions as usize).map_err(failed)?
    } else {
        plan
    };
    let spec = WriteSpec {
        partition_by: options.partition_by.clone(),
        partition_columns_in_files: options.partition_columns_in_files,
        sorted_by: sort_columns(&options.sort_by),
        ..plain_spec(request, row_wise)?
    };
    let plan = physical::sort_within(plan, &spec.input_order()).map_err(failed)?;
    Ok(physical::write(plan, spec))
}

/// Writes rows into files that later waves of the same model read.
///
/// # Errors
/// `Configuration`.
pub(super) fn stage(
    plan: Arc<dyn ExecutionPlan>,
    request: &ModelRequest,
    row_wise: bool,
) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
    let spec = WriteSpec {
        staged: true,
        with_copies: false,
        ..plain_spec(request, row_wise)?
    };
    Ok(physical::write(plan, spec))
}

/// The columns of `order_by` or `sort_by`.
pub(super) fn sort_columns(columns: &[String]) -> Vec<SortColumn> {
    let parsed = columns.iter().map(|column| Sorted::parse(column));
    parsed
        .map(|column| SortColumn {
            name: column.name.to_owned(),
            descending: column.descending,
        })
        .collect()
}

/// What all writers of the model are told; neither partitioned nor sorted.
fn plain_spec(request: &ModelRequest, row_wise: bool) -> Result<WriteSpec, EngineError> {
    let options = &request.model.options;
    Ok(WriteSpec {
        table: TableLocation::new(&request.lake, &request.model.name)
            .map_err(|e| EngineError::Configuration(e.to_string()))?,
        partition_by: Vec::new(),
        partition_columns_in_files: false,
        target_file_bytes: options.target_file_size.bytes(),
        compression: match options.compression {
            headworks_spec::Compression::Zstd => Compression::default(),
            headworks_spec::Compression::Snappy => Compression::Snappy,
            headworks_spec::Compression::None => Compression::None,
        },
        open_writers_max: request.tuning.open_writers_max as usize,
        split_column: row_wise.then(|| SPLIT_COLUMN.to_owned()),
        sorted_by: Vec::new(),
        staged: false,
        // A disk's hidden files can be read as they are.
        with_copies: is_url(&request.lake) && checks::read_rows(&request.model),
    })
}

/// Whether a column of this type is text.
pub(super) fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}
