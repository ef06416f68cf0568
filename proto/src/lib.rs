//! The wire: JobService, ClusterService, ReportService, and the plan messages of the codec.
//!
//! Generated from `proto/headworks.proto`; the messages are documented there.

/// Version 1 of the protocol.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used)]
pub mod v1 {
    tonic::include_proto!("headworks.v1");
}
