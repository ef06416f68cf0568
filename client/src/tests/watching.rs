//! Watching a job over the wire: its end, Ctrl-C, a scheduler that goes away.

use std::time::{Duration, Instant};

use headworks_proto::v1::{JobState, JobView};

use super::fake_scheduler::FakeScheduler;
use crate::errors::{Exit, Failure};
use crate::interrupts::{Answer, Interrupts, Signal};
use crate::progress::{Mode, Progress};
use crate::service::Scheduler;
use crate::watch::{Hold, Watched, watch};

fn running() -> JobView {
    JobView {
        job_id: "j1".into(),
        name: "fpds".into(),
        state: JobState::Running.into(),
        ..JobView::default()
    }
}

async fn follow(
    fake: &FakeScheduler,
    hold: Hold,
    interrupts: &mut Interrupts,
) -> Result<Watched, Failure> {
    let scheduler = Scheduler::connect(&fake.url).await.unwrap();
    watch(
        &scheduler,
        "j1",
        hold,
        &mut Progress::new(Mode::Silent),
        interrupts,
    )
    .await
}

#[tokio::test]
async fn the_end_of_the_job_is_the_end_of_the_watch() {
    for (state, class, exit) in [
        (JobState::Done, "", Exit::Done),
        (JobState::Failed, "input", Exit::Failed),
        (JobState::Failed, "configuration", Exit::Usage),
        (JobState::Failed, "check", Exit::Check),
        (JobState::Cancelled, "", Exit::Failed),
    ] {
        let fake = FakeScheduler::start(running());
        let (_signals, mut interrupts) = Interrupts::scripted(None);
        let ending = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            fake.set(|view| {
                view.set_state(state);
                view.error_class = class.into();
            });
        };
        let (watched, ()) = tokio::join!(follow(&fake, Hold::Own, &mut interrupts), ending);
        let watched = watched.unwrap();
        assert_eq!(watched.exit(), exit, "{state:?} {class}");
        assert!(matches!(watched, Watched::Ended(_)));
        assert_eq!(fake.asked(|asked| asked.cancelled.len()), 0);
    }
}

#[tokio::test]
async fn ctrl_c_without_a_terminal_cancels_and_ends_with_130() {
    let fake = FakeScheduler::start(running());
    let (signals, mut interrupts) = Interrupts::scripted(None);
    signals.send(Signal::Keyboard).unwrap();
    let watched = follow(&fake, Hold::Submitted, &mut interrupts)
        .await
        .unwrap();
    let Watched::Stopped(Some(view)) = &watched else {
        panic!("{watched:?}")
    };
    assert_eq!(view.state(), JobState::Cancelled);
    assert_eq!(watched.exit().code(), 130);
    assert_eq!(
        fake.asked(|asked| asked.cancelled.clone()),
        ["interrupted by the user"]
    );
}

#[tokio::test]
async fn the_answer_decides_what_ctrl_c_does() {
    // Going on: the job ends later, by itself.
    let fake = FakeScheduler::start(running());
    let (signals, mut interrupts) = Interrupts::scripted(Some(Answer::GoOn));
    signals.send(Signal::Keyboard).unwrap();
    let ending = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        fake.set(|view| view.set_state(JobState::Done));
    };
    let (watched, ()) = tokio::join!(follow(&fake, Hold::Own, &mut interrupts), ending);
    assert_eq!(watched.unwrap().exit(), Exit::Done);

    // Detaching: nothing is cancelled.
    let fake = FakeScheduler::start(running());
    let (signals, mut interrupts) = Interrupts::scripted(Some(Answer::Detach));
    signals.send(Signal::Keyboard).unwrap();
    assert_eq!(
        follow(&fake, Hold::Submitted, &mut interrupts)
            .await
            .unwrap(),
        Watched::Left
    );
    assert_eq!(fake.asked(|asked| asked.cancelled.len()), 0);
}

#[tokio::test]
async fn ctrl_c_ends_the_watching_of_someone_elses_job_and_not_the_job() {
    let fake = FakeScheduler::start(running());
    let (signals, mut interrupts) = Interrupts::scripted(Some(Answer::Stop));
    signals.send(Signal::Keyboard).unwrap();
    let watched = follow(&fake, Hold::Watching, &mut interrupts)
        .await
        .unwrap();
    assert_eq!((watched.exit().code(), watched), (130, Watched::Left));
    assert_eq!(fake.asked(|asked| asked.cancelled.len()), 0);
}

#[tokio::test]
async fn a_job_that_does_not_stop_holds_nobody_up_longer_than_five_seconds() {
    let fake = FakeScheduler::start_deaf(running());
    let (signals, mut interrupts) = Interrupts::scripted(None);
    signals.send(Signal::End).unwrap();
    let begun = Instant::now();
    let watched = follow(&fake, Hold::Own, &mut interrupts).await.unwrap();
    assert_eq!(
        (watched.exit().code(), watched),
        (130, Watched::Stopped(None))
    );
    let waited = begun.elapsed();
    assert!(
        waited >= Duration::from_secs(4) && waited < Duration::from_secs(8),
        "{waited:?}"
    );
}

#[tokio::test]
async fn a_scheduler_that_comes_back_is_watched_again() {
    let fake = FakeScheduler::start(running());
    let address = fake.address;
    let scheduler = Scheduler::connect(&fake.url).await.unwrap();
    let (_signals, mut interrupts) = Interrupts::scripted(None);
    let mut progress = Progress::new(Mode::Silent);
    let restart = async {
        while fake.asked(|asked| asked.watches) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(fake);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut view = running();
        view.set_state(JobState::Interrupted);
        FakeScheduler::start_at(address, view, true)
    };
    let (watched, _again) = tokio::join!(
        watch(
            &scheduler,
            "j1",
            Hold::Submitted,
            &mut progress,
            &mut interrupts
        ),
        restart
    );
    let Watched::Ended(view) = watched.unwrap() else {
        panic!()
    };
    assert_eq!(view.state(), JobState::Interrupted);
}

#[tokio::test]
async fn an_unknown_job_and_a_refused_one_are_wrong_usage_and_say_what_to_do() {
    let fake = FakeScheduler::start(running());
    let scheduler = Scheduler::connect(&fake.url).await.unwrap();
    let (_signals, mut interrupts) = Interrupts::scripted(None);
    let mut progress = Progress::new(Mode::Silent);
    let failure = watch(
        &scheduler,
        "j2",
        Hold::Watching,
        &mut progress,
        &mut interrupts,
    )
    .await
    .unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    assert!(
        failure
            .to_string()
            .starts_with("there is no job `j2`; `headworks jobs list`"),
        "{failure}"
    );

    let failure = scheduler
        .submit("bad".into(), String::new())
        .await
        .unwrap_err();
    assert_eq!(
        (failure.exit(), failure.to_string().as_str()),
        (Exit::Usage, "the spec is bad")
    );
    assert_eq!(
        scheduler.submit("{}".into(), "r".into()).await.unwrap(),
        "j1"
    );
    assert_eq!(scheduler.list(10).await.unwrap().len(), 1);
    assert_eq!(scheduler.executors().await.unwrap()[0].id, "e1");
    assert!(scheduler.cancel("j1", "why").await.unwrap());
    assert!(
        !scheduler.cancel("j1", "why").await.unwrap(),
        "it has ended"
    );
}

#[tokio::test]
async fn nobody_at_the_address_is_said_so() {
    let address = FakeScheduler::start(running()).url.clone();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let failure = Scheduler::connect(&address).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    assert!(
        failure
            .to_string()
            .contains("cannot reach the scheduler at http://127.0.0.1:"),
        "{failure}"
    );
    assert!(failure.to_string().contains("refused"), "{failure}");
}

#[tokio::test]
async fn a_scheduler_that_is_starting_is_asked_again_under_the_same_request_id() {
    let fake = FakeScheduler::start(running());
    fake.refuse(2);
    let scheduler = Scheduler::connect(&fake.url).await.unwrap();
    assert_eq!(
        scheduler.submit("{}".into(), "r1".into()).await.unwrap(),
        "j1"
    );
    let submitted = fake.asked(|asked| asked.submitted.clone());
    assert_eq!(submitted, [("{}".to_owned(), "r1".to_owned())]);
}
