//! Whole commands, from the command line to the exit code, against a double
//! of the scheduler or none at all.

use std::time::{Duration, Instant};

use clap::Parser;
use headworks_proto::v1::{JobState, JobView};

use super::fake_scheduler::FakeScheduler;
use crate::cli::Cli;
use crate::commands::dispatch;
use crate::context::Context;
use crate::errors::{Exit, Failure};

/// Runs a command line; there is no environment and no config file.
async fn headworks(args: &[&str]) -> Result<Exit, Failure> {
    let cli = Cli::try_parse_from(std::iter::once(&"headworks").chain(args)).unwrap();
    let context = Context::new(&cli.global, Instant::now(), &|_| None)?;
    dispatch(context, cli.command).await
}

fn job(state: JobState) -> JobView {
    JobView {
        job_id: "j1".into(),
        name: "demo".into(),
        state: state.into(),
        ..JobView::default()
    }
}

fn job_file(dir: &tempfile::TempDir, row_tag_key: &str) -> String {
    let path = dir.path().join("job.yaml");
    let text = format!(
        "job: demo\nlake: ./lake\nsources:\n  awards:\n    format: xml\n    path: a.xml\n    {row_tag_key}: award\n\
         models:\n  contracts:\n    sql: SELECT * FROM awards\n"
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_needs_a_scheduler_ends_with_2_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = job_file(&dir, "row_tag");
    for command in [
        vec!["submit", &file],
        vec!["executors"],
        vec!["jobs", "watch", "j1"],
        vec!["jobs", "stop", "j1"],
    ] {
        let args = [&["--scheduler", "local"], command.as_slice()].concat();
        let failure = headworks(&args).await.unwrap_err();
        assert_eq!(failure.exit().code(), 2, "{command:?}");
        assert!(
            failure.to_string().contains("needs a scheduler: "),
            "{failure}"
        );
        assert!(
            failure
                .to_string()
                .contains("next: start `headworks-scheduler`"),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn run_waits_and_submit_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let file = job_file(&dir, "row_tag");
    for (state, code) in [
        (JobState::Done, 0),
        (JobState::Failed, 1),
        (JobState::Cancelled, 1),
    ] {
        let fake = FakeScheduler::start(job(JobState::Running));
        let ending = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            fake.set(|view| view.set_state(state));
        };
        let args = [
            "--scheduler",
            &fake.url,
            "-q",
            "-o",
            "json",
            "run",
            &file,
            "--set",
            "lake=/elsewhere",
        ];
        let (exit, ()) = tokio::join!(headworks(&args), ending);
        assert_eq!(exit.unwrap().code(), code, "{state:?}");
        let (spec, request_id) = fake.asked(|asked| asked.submitted[0].clone());
        assert!(
            spec.contains("\"/elsewhere\"") && spec.contains("SELECT * FROM awards"),
            "{spec}"
        );
        assert!(!request_id.is_empty());
    }
    let fake = FakeScheduler::start(job(JobState::Running));
    let exit = headworks(&["--scheduler", &fake.url, "submit", &file])
        .await
        .unwrap();
    assert_eq!(
        (exit, fake.asked(|asked| asked.submitted.len())),
        (Exit::Done, 1)
    );
    assert_eq!(fake.asked(|asked| asked.watches), 0);
}

#[tokio::test]
async fn executors_of_ones_own_and_a_scheduler_do_not_go_together() {
    let dir = tempfile::tempdir().unwrap();
    let file = job_file(&dir, "row_tag");
    let fake = FakeScheduler::start(job(JobState::Running));
    let failure = headworks(&["--scheduler", &fake.url, "run", &file, "--executors", "2"])
        .await
        .unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    assert!(
        failure.to_string().contains("--scheduler local"),
        "{failure}"
    );
    assert_eq!(fake.asked(|asked| asked.submitted.len()), 0);
}

#[tokio::test]
async fn a_job_file_that_is_not_right_never_reaches_the_scheduler() {
    let dir = tempfile::tempdir().unwrap();
    let file = job_file(&dir, "row_tags");
    let fake = FakeScheduler::start(job(JobState::Running));
    for command in ["run", "submit"] {
        let failure = headworks(&["--scheduler", &fake.url, command, &file])
            .await
            .unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.to_string().contains("job.yaml:7:5: "), "{failure}");
    }
    assert_eq!(fake.asked(|asked| asked.submitted.len()), 0);
}

#[tokio::test]
async fn jobs_are_listed_shown_and_stopped() {
    let fake = FakeScheduler::start(job(JobState::Running));
    for output in ["table", "json"] {
        for command in [
            vec!["jobs", "list"],
            vec!["jobs", "show", "j1"],
            vec!["executors"],
        ] {
            let args = [
                &["--scheduler", &fake.url, "-o", output],
                command.as_slice(),
            ]
            .concat();
            assert_eq!(headworks(&args).await.unwrap(), Exit::Done, "{command:?}");
        }
    }
    let failure = headworks(&["--scheduler", &fake.url, "jobs", "show", "j2"])
        .await
        .unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    let stop = [
        "--scheduler",
        &fake.url,
        "jobs",
        "stop",
        "j1",
        "--reason",
        "by Ann",
    ];
    assert_eq!(headworks(&stop).await.unwrap(), Exit::Done);
    assert_eq!(
        headworks(&stop).await.unwrap(),
        Exit::Done,
        "stopping an ended job changes nothing"
    );
    assert_eq!(
        fake.asked(|asked| asked.cancelled.clone()),
        ["by Ann", "by Ann"]
    );
    let watched = headworks(&["--scheduler", &fake.url, "-q", "jobs", "watch", "j1"])
        .await
        .unwrap();
    assert_eq!(watched, Exit::Failed, "someone else stopped it");
}

#[tokio::test]
async fn csv_is_for_sql_alone() {
    let failure = headworks(&["-o", "csv", "executors"]).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    assert!(failure.to_string().contains("`sql` alone"), "{failure}");
}

#[tokio::test]
async fn a_schema_is_taken_from_an_xsd_and_its_includes() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let xs = "xmlns:xs='http://www.w3.org/2001/XMLSchema'";
    std::fs::create_dir(path("types")).unwrap();
    let money = "<xs:simpleType name='money'><xs:restriction base='xs:decimal'>\
                 <xs:fractionDigits value='2'/></xs:restriction></xs:simpleType>";
    let order = "<xs:include schemaLocation='types/money.xsd'/>\
                 <xs:element name='order'><xs:complexType><xs:sequence><xs:element name='sum' type='money'/>\n\
                 <xs:any/></xs:sequence><xs:attribute name='at' type='xs:dateTime'/></xs:complexType></xs:element>";
    std::fs::write(
        path("types/money.xsd"),
        format!("<xs:schema {xs}>{money}</xs:schema>"),
    )
    .unwrap();
    std::fs::write(
        path("o.xsd"),
        format!("<xs:schema {xs}>{order}</xs:schema>"),
    )
    .unwrap();
    let (xsd, out) = (path("o.xsd"), path("s.yaml"));
    let call = [
        "schema",
        "--xsd",
        &xsd,
        "--row-tag",
        "order",
        "--xsd-datetime",
        "text",
        "-O",
        &out,
    ];
    assert_eq!(headworks(&call).await.unwrap(), Exit::Done);
    let yaml = std::fs::read_to_string(&out).unwrap();
    let note = format!("# - {xsd}:2: `order` may hold other elements");
    assert!(yaml.contains(&note), "{yaml}");
    assert!(
        yaml.ends_with("fields:\n  _at: text\n  sum: decimal(38,2)\n"),
        "{yaml}"
    );
    let failure = headworks(&call).await.unwrap_err();
    assert!(
        failure.to_string().contains("is there already"),
        "{failure}"
    );

    std::fs::remove_file(path("types/money.xsd")).unwrap();
    let failure = headworks(&["schema", "--xsd", &xsd, "--row-tag", "order"])
        .await
        .unwrap_err();
    assert_eq!(failure.exit().code(), 2);
    let text = failure.to_string();
    assert!(
        text.contains("o.xsd:1: the schema file ") && text.contains("types/money.xsd cannot be"),
        "{text}"
    );
}
