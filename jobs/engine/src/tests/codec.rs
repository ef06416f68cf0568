//! Round trips of plans through the codec.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::physical_plan::{ExecutionPlan, displayable};
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use headworks_lake::{DataFile, Snapshot};
use headworks_sources::Member;
use headworks_sources::archive::Method;
use prost::Message;

use super::world::{Setup, World};
use crate::api::{MergeInput, MergeStep, Wave};
use crate::codec::HeadworksCodec;
use crate::nodes::source_of;
use crate::plan::wave_plan;

fn text(plan: &Arc<dyn ExecutionPlan>) -> String {
    displayable(plan.as_ref()).indent(true).to_string()
}

/// How many splits have a proven start, those that lie in an archive, and how many are to hold what was listed.
fn told_of_splits(plan: &Arc<dyn ExecutionPlan>) -> Option<(usize, BTreeMap<i32, Member>, usize)> {
    match source_of(plan.as_ref()) {
        Some((_, source)) => {
            let spec = source.spec();
            let (starts, contents) = (spec.known_starts.len(), spec.contents.len());
            Some((starts, spec.members.clone(), contents))
        }
        None => plan.children().into_iter().find_map(told_of_splits),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_survive_the_wire() {
    let world = World::new(Setup::default()).await;
    let codec = HeadworksCodec::default();
    let member = Member {
        archive: "/d/a.zip".into(),
        archive_size: 9000,
        header_at: 70,
        plain_size: 8000,
        crc32: 0x1234_5678,
        method: Method::Zstd,
    };
    for sql in [
        "SELECT * FROM src",
        "SELECT id * 2 AS twice, k, _hw_file, _hw_offset, _hw_row_tag FROM src WHERE k > 1 AND id IS NOT NULL",
        "SELECT k, sum(id) AS s FROM src GROUP BY k ORDER BY s",
        "SELECT id, unnest(make_array(k, k + 1)) AS v FROM src WHERE id > 5",
        "SELECT id, v FROM (SELECT id, k, unnest(make_array(k, 9)) AS v FROM src WHERE k < 3) t WHERE v > 1",
        "SELECT a.id, b.k FROM src a JOIN src b ON a.id = b.id WHERE b.k = 2",
    ] {
        let mut request = (*world.request(sql, 5).await).clone();
        request.model.options.partition_by = if sql.contains(" k,") && !sql.contains("unnest") {
            vec!["k".into()]
        } else {
            vec![]
        };
        let plan = world.plan(&Arc::new(request.clone())).await;
        let mut wave = plan.waves[0].clone();
        if let Some(split) = wave
            .splits
            .get_mut("src")
            .and_then(|splits| splits.get_mut(1))
        {
            split.known_start = Some(split.start + 3);
            split.member = Some(member.clone());
            assert!(split.content.is_some(), "{sql}");
        }
        let (ctx, physical) = wave_plan(&request, &wave, 2).await.unwrap();
        let bytes = PhysicalPlanNode::try_from_physical_plan(Arc::clone(&physical), &codec)
            .unwrap()
            .encode_to_vec();
        let node = PhysicalPlanNode::decode(bytes.as_slice()).unwrap();
        let back = node
            .try_into_physical_plan(&ctx.task_ctx(), &codec)
            .unwrap();
        assert_eq!(text(&back), text(&physical), "{sql}");
        assert_eq!(back.schema(), physical.schema(), "{sql}");
        let (starts, members, contents) = told_of_splits(&back).unwrap();
        assert_eq!(contents, wave.splits["src"].len(), "{sql}");
        assert_eq!(
            starts, 1,
            "{sql}: the proven start of a split travels along"
        );
        let members: Vec<Member> = members.into_values().collect();
        assert_eq!(
            members,
            std::slice::from_ref(&member),
            "{sql}: and its place in an archive"
        );
    }
}

/// The plans of an upsert's merge, which read nothing but Parquet.
#[tokio::test(flavor = "multi_thread")]
async fn merges_survive_the_wire() {
    let world = World::new(Setup::default()).await;
    let codec = HeadworksCodec::default();
    let mut request = (*world.request("SELECT id, k FROM src", 2).await).clone();
    let options = &mut request.model.options;
    options.mode = headworks_spec::WriteMode::Upsert;
    options.key = vec!["id".into()];
    options.order_by = vec!["k desc".into()];
    options.partition_by = vec!["k".into()];
    options.sort_by = vec!["id desc".into()];
    let fields = ["id", "k"].map(|name| Field::new(name, DataType::Int64, true));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let file = DataFile {
        path: "k=1/a.parquet".into(),
        rows: 3,
        bytes: 300,
        partition: [("k".to_owned(), Some("1".to_owned()))]
            .into_iter()
            .collect(),
        stats: Default::default(),
        added_in: 1,
        schema: Arc::clone(&schema),
    };
    let current = Snapshot {
        version: 1,
        schema: Arc::clone(&schema),
        partition_by: vec!["k".into()],
        partition_columns_in_files: false,
        files: vec![file],
        inputs: Default::default(),
        history: Default::default(),
    };
    request.merge = Some(MergeInput {
        current: Some(Arc::new(current)),
        staged: Vec::new(),
        schema,
    });
    let files = BTreeSet::from([0]);
    for step in [MergeStep::Find, MergeStep::Rewrite { files }] {
        let wave = Wave {
            index: 0,
            splits: BTreeMap::new(),
            bytes: 0,
            merge: Some(step),
        };
        let (ctx, physical) = wave_plan(&request, &wave, 2).await.unwrap();
        let bytes = PhysicalPlanNode::try_from_physical_plan(Arc::clone(&physical), &codec)
            .unwrap()
            .encode_to_vec();
        let node = PhysicalPlanNode::decode(bytes.as_slice()).unwrap();
        let back = node
            .try_into_physical_plan(&ctx.task_ctx(), &codec)
            .unwrap();
        assert_eq!(text(&back), text(&physical));
        assert_eq!(back.schema(), physical.schema());
        let wanted =
            |plan: &Arc<dyn ExecutionPlan>| format!("{:?}", plan.required_input_ordering());
        assert_eq!(
            wanted(&back),
            wanted(&physical),
            "the order of rows is asked for"
        );
    }
}

#[tokio::test]
async fn what_is_not_ours_and_not_ballistas_is_refused() {
    use datafusion_proto::physical_plan::{DefaultPhysicalProtoConverter, PhysicalExtensionCodec};
    let ctx = crate::session::planner(1).unwrap().task_ctx();
    let converter = DefaultPhysicalProtoConverter {};
    for bytes in [&b"HWK1"[..], b"HWK1\x00\x01", b"HWK1\xff\xff\xff", b"junk"] {
        assert!(
            HeadworksCodec::default()
                .try_decode(bytes, &[], &ctx, &converter)
                .is_err(),
            "{bytes:?}"
        );
    }
}
