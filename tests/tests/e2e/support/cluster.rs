//! A scheduler and its executors, each a process of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::place::{Outcome, Place, Running};
use super::process::Process;
use super::wait::until;

/// How long a lost executor may stay in the list: it is noticed within 10 s.
const ALL_FREE_WITHIN: Duration = Duration::from_secs(30);

/// A cluster on loopback. Its processes end with it.
pub(crate) struct Cluster<'a> {
    place: &'a Place,
    url: String,
    scheduler: Option<Process>,
    executors: Vec<Process>,
}

impl<'a> Cluster<'a> {
    /// A scheduler with its journal in `state_dir`, and no executor.
    pub(crate) fn scheduler_only(place: &'a Place, state_dir: &str) -> Self {
        let mut command = place.command("headworks-scheduler");
        command
            .args(["--bind", "127.0.0.1:0", "--state-dir"])
            .arg(place.path(state_dir));
        let errors = place.path(&format!("scheduler-{}.stderr", place.next()));
        let (scheduler, line) = Process::server(command, errors);
        let address = line
            .strip_prefix("headworks-scheduler ready on ")
            .unwrap_or_else(|| panic!("not a ready line: {line}"));
        Self {
            place,
            url: format!("http://{address}"),
            scheduler: Some(scheduler),
            executors: Vec::new(),
        }
    }

    /// A scheduler and `executors` executors of one core each.
    pub(crate) fn start(place: &'a Place, executors: usize) -> Self {
        let mut cluster = Self::scheduler_only(place, "state");
        for _ in 0..executors {
            cluster.add_executor();
        }
        cluster.wait_until_all_free();
        cluster
    }

    /// Starts one more executor, of one core. Returns its process id.
    pub(crate) fn add_executor(&mut self) -> u32 {
        let command = self.place.command("headworks-executor");
        self.add_executor_as(command)
    }

    /// The same, with a command that ends in the program `headworks-executor`.
    pub(crate) fn add_executor_as(&mut self, mut command: Command) -> u32 {
        let number = self.place.next();
        command
            .args(["--scheduler", &self.url, "--cores", "1", "--work-dir"])
            .arg(self.place.path(&format!("work-{number}")));
        let errors = self.place.path(&format!("executor-{number}.stderr"));
        let (executor, line) = Process::server(command, errors);
        assert!(
            line.starts_with("headworks-executor ready on 127.0.0.1:"),
            "not a ready line: {line}"
        );
        let id = executor.id();
        self.executors.push(executor);
        id
    }

    /// Kills an executor with SIGKILL.
    pub(crate) fn kill_executor(&mut self, index: usize) {
        self.executors.remove(index).kill();
    }

    /// Kills the scheduler with SIGKILL.
    pub(crate) fn kill_scheduler(&mut self) {
        if let Some(scheduler) = self.scheduler.take() {
            scheduler.kill();
        }
    }

    /// The process ids of the executors that should live.
    pub(crate) fn executor_ids(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self.executors.iter().map(|e| u64::from(e.id())).collect();
        ids.sort_unstable();
        ids
    }

    /// Runs the client against this cluster.
    pub(crate) fn headworks(&self, args: &[&str]) -> Outcome {
        self.start_client(args).wait()
    }

    /// Starts the client against this cluster.
    pub(crate) fn start_client(&self, args: &[&str]) -> Running {
        let mut all = vec!["--scheduler", &self.url];
        all.extend(args);
        self.place.start(&all)
    }

    /// Runs a job here.
    pub(crate) fn run(&self, job: &Path, more: &[&str]) -> Outcome {
        self.start_run(job, more).wait()
    }

    /// Starts `run` of a job here.
    pub(crate) fn start_run(&self, job: &Path, more: &[&str]) -> Running {
        let mut args = vec!["run", job.to_str().unwrap(), "-o", "json", "-q"];
        args.extend(more);
        self.start_client(&args)
    }

    /// The executors, as the client lists them.
    pub(crate) fn executors(&self) -> Vec<Value> {
        let list = self.headworks(&["executors", "-o", "json"]).expect(0);
        list.json().as_array().unwrap().clone()
    }

    /// How many slots are taken.
    pub(crate) fn slots_taken(&self) -> u64 {
        self.executors()
            .iter()
            .map(|e| e["slots_total"].as_u64().unwrap() - e["slots_free"].as_u64().unwrap())
            .sum()
    }

    /// Waits until the list holds the living executors, no others, and all slots are free. Returns how long it took.
    pub(crate) fn wait_until_all_free(&self) -> Duration {
        let expected = self.executor_ids();
        let mut last = Vec::new();
        let what = format!("a list of the executors {expected:?} with all slots free");
        let ((), took) = until(&what, ALL_FREE_WITHIN, || {
            last = self.executors();
            let mut ids: Vec<u64> = last.iter().map(|e| e["pid"].as_u64().unwrap()).collect();
            ids.sort_unstable();
            let free = last.iter().all(|e| e["slots_free"] == e["slots_total"]);
            (ids == expected && free).then_some(())
        });
        took
    }

    /// The jobs, newest first.
    pub(crate) fn jobs(&self) -> Vec<Value> {
        let list = self.headworks(&["jobs", "list", "-o", "json"]).expect(0);
        list.json().as_array().unwrap().clone()
    }

    /// One job's account.
    pub(crate) fn job(&self, id: &str) -> Value {
        self.headworks(&["jobs", "show", id, "-o", "json"])
            .expect(0)
            .json()
    }

    /// Waits for the newest job, after `earlier` others, to be running with a task that has ended. Returns its id.
    pub(crate) fn wait_until_at_work(&self, earlier: usize) -> String {
        let (id, _) = until("a job at work", super::wait::SOON, || {
            let jobs = self.jobs();
            let job = jobs.first().filter(|_| jobs.len() > earlier)?;
            let at_work = job["state"] == "running" && !job["timing"]["first_task_ms"].is_null();
            assert_ne!(job["state"], "done", "the job is too small for this test");
            at_work.then(|| job["job_id"].as_str().unwrap().to_owned())
        });
        id
    }
}
