//! Executors that are killed at random moments: every job ends with the exact rows, nothing that the log doesn't name
//! can be seen, no slot is lost, and the executor that takes the place of a dead one gets work.

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use fastrand::Rng;
use headworks_tests::fpds::Truth;

use crate::support::data::{awards_job, fpds_folder, one_file};
use crate::support::wait::until;
use crate::support::{Cluster, Lake, Place};

const DATA_BYTES: u64 = 100_000_000;
/// An executor is given up some seconds after its last word.
const LOSS_WAIT_MAX: Duration = Duration::from_secs(30);
const KILLS: u32 = 3;
const KILLS_LONG: u32 = 20;

/// No kill is nearer to the job's start: the client takes that long to submit it.
const DELAY_MS_MIN: u64 = 50;

/// How many jobs may end before their kill, for each kill that meets one.
const MISSES_MAX: u32 = 5;

const TWO_SHUFFLES: &str = "\
WITH by_vendor AS (
    SELECT
        awardID.awardContractID.agencyID._VALUE AS agency_id,
        vendor.vendorHeader.vendorName AS vendor_name,
        count(*) AS actions,
        sum(dollarValues.obligatedAmount) AS amount
    FROM awards
    GROUP BY 1, 2
)
SELECT agency_id, count(*) AS vendors, sum(actions) AS actions, sum(amount) AS amount
FROM by_vendor
GROUP BY agency_id
";

#[test]
fn killed_executors_cost_a_scan_no_row() {
    let place = Place::new();
    let truth = one_file(&place, "data", DATA_BYTES, 0, 51);
    let sql = fpds_folder().join("contracts.sql").canonicalize().unwrap();
    let job = awards_job(
        &place,
        "data",
        "contracts",
        sql.to_str().unwrap(),
        &["partition_by: [fiscal_year]", "distribute: none"],
        &["split_size: 1MB", "wave_size: 30MB"],
    );
    kill_at_random_moments(&place, &job, |lake| {
        let row = lake.row(
            "select count(*) n, sum(obligated_amount) s, count(distinct source_offset) d from contracts",
        );
        assert_eq!(row["n"], truth.records);
        assert_eq!(row["d"], truth.records);
        assert_eq!(row["s"], truth.sum_obligated);
    });
}

#[test]
fn killed_executors_cost_two_shuffles_no_row() {
    let place = Place::new();
    let truth = one_file(&place, "data", DATA_BYTES, 0, 52);
    place.write("two_shuffles.sql", TWO_SHUFFLES);
    let job = awards_job(
        &place,
        "data",
        "by_agency",
        "two_shuffles.sql",
        &[],
        &["split_size: 1MB", "shuffle_partitions: 4"],
    );
    kill_at_random_moments(&place, &job, |lake| assert_by_agency(lake, &truth));
}

#[track_caller]
fn assert_by_agency(lake: &Lake, truth: &Truth) {
    let rows = lake.query("select agency_id, actions, amount from by_agency");
    assert_eq!(rows.len(), truth.records_by_agency.len());
    for row in rows {
        let agency = row["agency_id"].as_str().unwrap();
        assert_eq!(row["actions"], truth.records_by_agency[agency], "{agency}");
        assert_eq!(
            row["amount"].as_str().unwrap(),
            truth.sum_obligated_by_agency[agency],
            "{agency}"
        );
    }
}

fn kill_at_random_moments(place: &Place, job: &Path, exact: impl Fn(&Lake)) {
    let kills = if std::env::var_os("HEADWORKS_LONG").is_some() {
        KILLS_LONG
    } else {
        KILLS
    };
    let seed = std::env::var("HEADWORKS_SEED").map_or(2026, |seed| seed.parse().unwrap());
    println!("HEADWORKS_SEED={seed} HEADWORKS_LONG: {kills} kills");
    let mut rng = Rng::with_seed(seed);
    let mut cluster = Cluster::start(place, 2);

    // How long the job takes when nobody is killed.
    let lake = place.lake("lake-quiet");
    let quiet = cluster.run(job, &["--set", &lake.setting()]).done();
    exact(&lake);
    // The shortest run seen: other tests may have slowed the first one down.
    let mut quiet_ms = quiet["timing"]["total_ms"].as_u64().unwrap();

    let (mut killed, mut missed) = (0, 0);
    while killed < kills {
        let lake = place.lake(&format!("lake-{killed}-{missed}"));
        let mut run = cluster.start_run(job, &["--set", &lake.setting()]);
        let delay_ms = rng.u64(DELAY_MS_MIN..quiet_ms.max(DELAY_MS_MIN + 1));
        let victim = rng.usize(0..2);
        sleep(Duration::from_millis(delay_ms));
        let met = !run.process().has_ended();
        if met {
            cluster.kill_executor(victim);
            cluster.add_executor();
        }
        let job = run.wait().done();
        println!(
            "kill of executor {victim} after {delay_ms} of {quiet_ms} ms: met {met}, total {} ms, waves run {}, again {}",
            job["timing"]["total_ms"], job["waves_run"], job["waves_rerun"]
        );
        exact(&lake);
        lake.audit();
        cluster.wait_until_all_free();
        if met {
            killed += 1;
        } else {
            quiet_ms = quiet_ms.min(job["timing"]["total_ms"].as_u64().unwrap());
            missed += 1;
            assert!(missed < MISSES_MAX * kills, "jobs end before they are hit");
        }
        std::fs::remove_dir_all(lake.folder()).unwrap();
    }

    // Both, each new by now or not, get work.
    let lake = place.lake("lake-after");
    let job = cluster.run(job, &["--set", &lake.setting()]).done();
    exact(&lake);
    let mut ids: Vec<u64> = job["executors"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["tasks"].as_u64().unwrap() > 0)
        .map(|e| e["pid"].as_u64().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, cluster.executor_ids(), "{job}");
    cluster.wait_until_all_free();
}

/// A machine may stand still for longer than an executor may be silent: then it is given up, and comes back.
#[test]
fn an_executor_that_was_frozen_is_counted_once() {
    let place = Place::new();
    let cluster = Cluster::start(&place, 2);
    let frozen = cluster.executor_ids()[0].to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &frozen]).status();
        assert!(sent.unwrap().success());
    };
    for _ in 0..2 {
        signal("-STOP");
        until("the loss of an executor", LOSS_WAIT_MAX, || {
            (cluster.executors().len() == 1).then_some(())
        });
        signal("-CONT");
        cluster.wait_until_all_free();
    }
    // What it were to send under its old names would have come by now.
    sleep(Duration::from_secs(3));
    assert_eq!(cluster.executors().len(), 2, "{:?}", cluster.executors());
}
