//! Our nodes in Ballista's plans, as bytes.
//!
//! Our messages begin with a magic: Ballista's own codec tries to read
//! anything. All else is handed to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::arrow::datatypes::Schema;
use datafusion::common::ScalarValue;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::from_proto::parse_protobuf_file_scan_config;
use datafusion_proto::physical_plan::to_proto::serialize_file_scan_config;
use datafusion_proto::physical_plan::{
    PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::{FileScanExecConf, PhysicalExprNode};
use headworks_proto::v1::plan_node::Node;
use headworks_proto::v1::{
    CheckReportNode, FirstOfKeyNode, LakeWriteNode, LedgerFilterNode, PlanNode, ScanReportNode,
    SourceScanNode, TouchedFilesNode, UnnestReportNode, UpsertNode,
};
use headworks_sources::RecordSource;
use prost::Message;

use crate::nodes::{
    CheckReportExec, FirstOfKeyExec, LakeWriteExec, LedgerFilterExec, ScanReportExec,
    TouchedFilesExec, UnnestReportExec, UnnestSide, UpsertExec, source_of,
};

/// Opens each of our messages.
const MAGIC: &[u8; 4] = b"HWK1";

/// Reads and writes our nodes, and Ballista's.
#[derive(Debug, Default)]
pub struct HeadworksCodec {
    ballista: BallistaPhysicalExtensionCodec,
}

impl PhysicalExtensionCodec for HeadworksCodec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(ours) = buf.strip_prefix(MAGIC) else {
            return self.ballista.try_decode(buf, inputs, ctx, converter);
        };
        let node = PlanNode::decode(ours)
            .map_err(|e| bad(&e))?
            .node
            .ok_or_else(|| bad(&"an empty node"))?;
        let input = || {
            inputs
                .first()
                .cloned()
                .ok_or_else(|| bad(&"a node without its input"))
        };
        let decode = PhysicalPlanDecodeContext::new(ctx, self);
        Ok(match node {
            Node::SourceScan(scan) => {
                let base =
                    FileScanExecConf::decode(scan.base_config.as_slice()).map_err(|e| bad(&e))?;
                let spec = serde_json::from_str(&scan.scan_json).map_err(|e| bad(&e))?;
                let source = Arc::new(RecordSource::try_new(spec)?);
                DataSourceExec::from_data_source(parse_protobuf_file_scan_config(
                    &base, &decode, converter, source,
                )?)
            }
            Node::ScanReport(ScanReportNode {}) => Arc::new(ScanReportExec::new(input()?)),
            Node::LedgerFilter(filter) => {
                let input = input()?;
                let expr =
                    PhysicalExprNode::decode(filter.predicate.as_slice()).map_err(|e| bad(&e))?;
                let schema: &Schema = &input.schema();
                let predicate = converter.proto_to_physical_expr(&expr, schema, &decode)?;
                Arc::new(LedgerFilterExec::new(input, predicate, filter.split_column))
            }
            Node::LakeWrite(write) => {
                let spec = serde_json::from_str(&write.write_json).map_err(|e| bad(&e))?;
                Arc::new(LakeWriteExec::new(input()?, Arc::new(spec)))
            }
            Node::CheckReport(check) => {
                Arc::new(CheckReportExec::new(input()?, check.count_column))
            }
            Node::FirstOfKey(first) => {
                let spec = serde_json::from_str(&first.first_json).map_err(|e| bad(&e))?;
                Arc::new(FirstOfKeyExec::new(input()?, Arc::new(spec)))
            }
            Node::UnnestReport(unnest) => {
                let side = if unnest.out {
                    UnnestSide::Out
                } else {
                    UnnestSide::In
                };
                Arc::new(UnnestReportExec::new(input()?, unnest.split_column, side))
            }
            Node::TouchedFiles(TouchedFilesNode {}) => Arc::new(TouchedFilesExec::new(input()?)),
            Node::Upsert(upsert) => {
                let spec = serde_json::from_str(&upsert.upsert_json).map_err(|e| bad(&e))?;
                Arc::new(UpsertExec::new(input()?, Arc::new(spec)))
            }
        })
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let ours = if let Some((config, source)) = source_of(node.as_ref()) {
            let base = serialize_file_scan_config(config, self, converter)?;
            let mut spec = source.spec().clone();
            let here = split_ids(config);
            spec.retain_splits(|id| here.contains(id));
            Node::SourceScan(SourceScanNode {
                base_config: base.encode_to_vec(),
                scan_json: json(&spec)?,
            })
        } else if node.is::<ScanReportExec>() {
            Node::ScanReport(ScanReportNode {})
        } else if let Some(filter) = node.downcast_ref::<LedgerFilterExec>() {
            let predicate = converter
                .physical_expr_to_proto(filter.predicate(), self)?
                .encode_to_vec();
            Node::LedgerFilter(LedgerFilterNode {
                predicate,
                split_column: filter.split_column().to_owned(),
            })
        } else if let Some(write) = node.downcast_ref::<LakeWriteExec>() {
            Node::LakeWrite(LakeWriteNode {
                write_json: json(write.spec())?,
            })
        } else if let Some(check) = node.downcast_ref::<CheckReportExec>() {
            Node::CheckReport(CheckReportNode {
                count_column: check.count_column().map(str::to_owned),
            })
        } else if let Some(unnest) = node.downcast_ref::<UnnestReportExec>() {
            let split_column = unnest.split_column().to_owned();
            Node::UnnestReport(UnnestReportNode {
                split_column,
                out: unnest.side() == UnnestSide::Out,
            })
        } else if let Some(first) = node.downcast_ref::<FirstOfKeyExec>() {
            Node::FirstOfKey(FirstOfKeyNode {
                first_json: json(first.spec())?,
            })
        } else if node.is::<TouchedFilesExec>() {
            Node::TouchedFiles(TouchedFilesNode {})
        } else if let Some(upsert) = node.downcast_ref::<UpsertExec>() {
            Node::Upsert(UpsertNode {
                upsert_json: json(upsert.spec())?,
            })
        } else {
            return self.ballista.try_encode(node, buf, converter);
        };
        buf.extend_from_slice(MAGIC);
        buf.extend_from_slice(&PlanNode { node: Some(ours) }.encode_to_vec());
        Ok(())
    }

    fn try_decode_udf(&self, name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        self.ballista.try_decode_udf(name, buf)
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        self.ballista.try_encode_udf(node, buf)
    }

    fn try_decode_udaf(&self, name: &str, buf: &[u8]) -> Result<Arc<AggregateUDF>> {
        self.ballista.try_decode_udaf(name, buf)
    }

    fn try_encode_udaf(&self, node: &AggregateUDF, buf: &mut Vec<u8>) -> Result<()> {
        self.ballista.try_encode_udaf(node, buf)
    }

    fn try_decode_udwf(&self, name: &str, buf: &[u8]) -> Result<Arc<WindowUDF>> {
        self.ballista.try_decode_udwf(name, buf)
    }

    fn try_encode_udwf(&self, node: &WindowUDF, buf: &mut Vec<u8>) -> Result<()> {
        self.ballista.try_encode_udwf(node, buf)
    }
}

/// The ids of the splits that a (sliced) scan reads.
fn split_ids(config: &FileScanConfig) -> BTreeSet<i32> {
    let files = config.file_groups.iter().flat_map(|group| group.files());
    files
        .filter_map(|file| match file.partition_values.get(1) {
            Some(ScalarValue::Int32(id)) => *id,
            _ => None,
        })
        .collect()
}

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| bad(&e))
}

fn bad(what: &dyn std::fmt::Display) -> DataFusionError {
    DataFusionError::Internal(format!(
        "a plan node of Headworks' cannot be read or written: {what}"
    ))
}
