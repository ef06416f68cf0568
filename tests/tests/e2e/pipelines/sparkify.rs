//! Songs, listeners and plays.

use headworks_tests::{real_data, songs};
use serde_json::Value;

use super::Pipeline;
use crate::support::place::{counts_of, model};
use crate::support::{Lake, Place};

const SPARKIFY: Pipeline = Pipeline {
    name: "sparkify",
    variable: "SPARKIFY_DATA",
};

/// Holds a job's account and lake against the generator's truth.
#[track_caller]
fn assert_truth(job: &Value, lake: &Lake, truth: &Value) {
    for (table, count) in [
        ("songs", "songs"),
        ("artists", "artists"),
        ("users", "users"),
        ("songplays", "songplays"),
        ("time", "times"),
    ] {
        assert_eq!(model(job, table)["rows"], truth[count], "{table}");
    }
    let known = lake.row("select count(*) n from songplays where song_id is not null");
    assert_eq!(known["n"], truth["known_songplays"]);
    let paid = lake.row("select count(*) n from users where level = 'paid'");
    assert_eq!(paid["n"], truth["paid_users"]);
    for day in lake.query("select weekday::varchar d, plays from plays_by_weekday") {
        let weekday = day["d"].as_str().unwrap();
        assert_eq!(
            day["plays"], truth["songplays_by_weekday"][weekday],
            "{weekday}"
        );
    }
    // Every line of a log was read, whatever its page.
    assert_eq!(counts_of(job, "log_events")[0], truth["events"]);
    assert_eq!(counts_of(job, "song_files")[0], truth["song_files"]);
}

#[test]
fn the_sample_of_sparkify_gives_the_generators_answers() {
    let place = Place::new();
    let lake = place.lake("lake");
    let (sample, truth) = SPARKIFY.sample();
    let job = SPARKIFY.run_and_compare(&place, &sample, &lake);
    assert_truth(&job, &lake, &truth);
    // Without the variable it is the sample too.
    place.set_variable(SPARKIFY.variable, "");
    let again = place.lake("again");
    let job = place
        .run(&SPARKIFY.job(), &["--set", &again.setting()])
        .done();
    assert_truth(&job, &again, &truth);
}

#[test]
fn sparkify_on_two_executors_from_bucket_to_bucket() {
    let place = Place::new();
    let data = place.path("data");
    let options = songs::Options {
        songs: 120,
        days: 12,
        ..songs::Options::new(71)
    };
    let truth = songs::generate(&options, &data).unwrap();
    let (job, lake) = SPARKIFY.run_in_buckets_and_compare(&place, &data);
    assert_truth(&job, &lake, &serde_json::to_value(truth).unwrap());
}

#[test]
fn the_real_songs_and_logs_give_the_answers_that_others_published() {
    let test = "the real songs and logs";
    let Some(folder) = real_data::unpacked(test, "sparkify/sparkify.tar.zst").unwrap() else {
        return;
    };
    let place = Place::new();
    let (job, lake) = SPARKIFY.run_in_buckets_and_compare(&place, &folder.join("data"));
    for (table, rows) in [
        ("songs", 71),
        ("artists", 69),
        ("users", 96),
        ("time", 6_813),
        ("songplays", 6_820),
    ] {
        assert_eq!(model(&job, table)["rows"], rows, "{table}");
    }
    assert_eq!(counts_of(&job, "log_events")[0], 8_056);
    let known = lake.query("select song_id, artist_id from songplays where song_id is not null");
    assert_eq!(
        known,
        [serde_json::json!({"song_id": "SOZCTXZ12AB0182364", "artist_id": "AR5KOSW1187FB35FF4"})]
    );
    let levels = lake.row(
        "select count(*) filter (level = 'free') f, count(*) filter (level = 'paid') p from users",
    );
    assert_eq!(levels, serde_json::json!({"f": 74, "p": 22}));
    // Most is listened to on Wednesdays, least on Sundays.
    let days = lake.query("select weekday, plays from plays_by_weekday order by plays");
    assert_eq!(days[0], serde_json::json!({"weekday": 7, "plays": 396}));
    assert_eq!(days[6], serde_json::json!({"weekday": 3, "plays": 1_364}));
    let top = lake
        .query("select user_id u, count(*) n from songplays group by all order by n desc limit 5");
    let top: Vec<(&str, u64)> = top
        .iter()
        .map(|row| (row["u"].as_str().unwrap(), row["n"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        top,
        [
            ("49", 689),
            ("80", 665),
            ("97", 557),
            ("15", 463),
            ("44", 397)
        ]
    );
    let names = lake.row("select first_name || ' ' || last_name n from users where user_id = '49'");
    assert_eq!(names["n"], "Chloe Cuevas");
}
