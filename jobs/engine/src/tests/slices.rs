//! A scan is sliced over executors: each byte is read once, each record written once.

use super::world::{RECORDS, Setup, World, accepted, rows_in_files};
use headworks_formats::{Chain, verify_chain};

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_sliced_over_n_executors_reads_each_byte_once() {
    for executors in [1, 2, 3, 7] {
        let world = World::new(Setup {
            executors,
            cores: 1,
            ..Setup::default()
        })
        .await;
        let request = world.request("SELECT id, k FROM src", 14).await;
        let result = accepted(world.run(&request, |_| {}).await);
        assert_eq!(result.rows, RECORDS, "{executors} executors");
        assert_eq!(rows_in_files(&result), RECORDS);
        assert_eq!(result.written.values().sum::<u64>(), RECORDS);
        assert_eq!(
            result.tasks.len(),
            executors,
            "every executor gets tasks: {:?}",
            result.tasks
        );

        let mut scans = result.scans;
        scans.sort_by_key(|s| s.split.start);
        assert_eq!(scans.iter().map(|s| s.report.read).sum::<u64>(), RECORDS);
        assert_eq!(scans[0].split.start, 0);
        assert!(scans.windows(2).all(|w| w[0].split.end == w[1].split.start
            && verify_chain(&w[0].report, &w[1].report) == Chain::Verified));
        assert!(scans.last().unwrap().split.is_last());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_and_a_shuffle_count_every_record() {
    let world = World::new(Setup {
        executors: 2,
        cores: 2,
        ..Setup::default()
    })
    .await;
    let request = world.request("SELECT id, k FROM src WHERE k < 3", 6).await;
    let result = accepted(world.run(&request, |_| {}).await);
    let (written, filtered) = (
        result.written.values().sum::<u64>(),
        result.filtered.values().sum::<u64>(),
    );
    assert_eq!(written, (0..RECORDS).filter(|i| i % 7 < 3).count() as u64);
    assert_eq!(written + filtered, RECORDS);

    let mut request = (*world.request("SELECT id, k FROM src", 6).await).clone();
    request.model.options.partition_by = vec!["k".into()];
    let result = accepted(world.run(&std::sync::Arc::new(request), |_| {}).await);
    assert_eq!(result.rows, RECORDS);
    assert_eq!(
        result.files.len(),
        7,
        "one file a partition: rows came together before the write"
    );
    assert_eq!(result.written.values().sum::<u64>(), RECORDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_shuffles_add_up() {
    let world = World::new(Setup {
        executors: 2,
        cores: 2,
        ..Setup::default()
    })
    .await;
    let sql =
        "SELECT n, count(*) AS ks FROM (SELECT k, count(*) AS n FROM src GROUP BY k) GROUP BY n";
    let plan = world.plan(&world.request(sql, 4).await).await;
    assert!(!plan.row_wise);
    let result = accepted(world.run(&world.request(sql, 4).await, |_| {}).await);
    assert_eq!(result.rows, 2, "4,000 records: 571 or 572 for each k");
}

/// A filter behind an unnest removes rows, one before it records: the audit
/// refused the first kind when only the second was counted.
#[tokio::test(flavor = "multi_thread")]
async fn filters_on_both_sides_of_an_unnest_are_counted() {
    let world = World::new(Setup {
        executors: 1,
        cores: 2,
        ..Setup::default()
    })
    .await;
    let sql = "SELECT id, v FROM (SELECT id, k, unnest(make_array(k, 9)) AS v FROM src WHERE k < 3) t WHERE v > 1";
    let result = accepted(world.run(&world.request(sql, 4).await, |_| {}).await);
    let sum = |counts: &std::collections::BTreeMap<i32, u64>| counts.values().sum::<u64>();
    let into_unnest = (0..RECORDS).filter(|i| i % 7 < 3).count() as u64;
    let written = into_unnest + (0..RECORDS).filter(|i| i % 7 == 2).count() as u64;
    assert_eq!(sum(&result.unnest_in), into_unnest);
    assert_eq!(sum(&result.unnest_out), 2 * into_unnest);
    assert_eq!(sum(&result.written), written);
    assert_eq!(
        sum(&result.filtered),
        (RECORDS - into_unnest) + (2 * into_unnest - written)
    );
}
