//! How far a job is, on stderr: one live line on a terminal, else one JSON
//! line an interval. What is shown is computed by pure functions of the views
//! seen and the time given; only [`Progress`] writes.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use headworks_proto::v1::{JobState, JobView};
use serde::Serialize;

use crate::output::job::state_name;
use crate::output::table::one_line;
use crate::output::units::{bytes, count, rough_duration};

/// A live line is drawn anew at most this often.
const LIVE_INTERVAL_MS: u64 = 100;
/// One JSON line this often.
const LINES_INTERVAL_MS: u64 = 1000;
/// Rates are those of the last moments, this long.
const RATE_WINDOW_MS: u64 = 5000;
/// Where the terminal does not tell its width.
const DEFAULT_WIDTH_COLUMNS: usize = 80;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One line, drawn over and over.
    Live,
    /// One JSON line an interval.
    Lines,
    /// Not at all.
    Silent,
}

impl Mode {
    /// What fits stderr and the user's wish.
    pub(crate) fn of_stderr(quiet: bool) -> Self {
        if quiet {
            Self::Silent
        } else if io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
        {
            Self::Live
        } else {
            Self::Lines
        }
    }

    /// How often there is something new to show.
    pub(crate) fn interval(self) -> Duration {
        Duration::from_millis(match self {
            Self::Live => LIVE_INTERVAL_MS,
            Self::Lines | Self::Silent => LINES_INTERVAL_MS,
        })
    }
}

/// Shows a job's progress on stderr.
#[derive(Debug)]
pub(crate) struct Progress {
    mode: Mode,
    meter: Meter,
    /// Whether a live line stands on the terminal now.
    drawn: bool,
}

impl Progress {
    /// Nothing shown yet.
    pub(crate) fn new(mode: Mode) -> Self {
        Self {
            mode,
            meter: Meter::default(),
            drawn: false,
        }
    }

    /// How often `show` is to be called.
    pub(crate) fn interval(&self) -> Duration {
        self.mode.interval()
    }

    /// Shows the newest view; `now_ms` is since the watch began.
    pub(crate) fn show(&mut self, view: &JobView, now_ms: u64) {
        self.meter.observe(view, now_ms);
        match self.mode {
            Mode::Silent => {}
            Mode::Lines => {
                let figures = self.meter.figures(view, now_ms);
                if let Ok(text) = serde_json::to_string(&Line { progress: figures }) {
                    write_stderr(&format!("{text}\n"));
                }
            }
            Mode::Live => {
                let width = terminal_size::terminal_size_of(io::stderr())
                    .map_or(DEFAULT_WIDTH_COLUMNS, |(columns, _)| columns.0.into());
                let line = live_line(&self.meter.figures(view, now_ms), width);
                write_stderr(&format!("\r{line}\u{1b}[K"));
                self.drawn = true;
            }
        }
    }

    /// Takes the live line away, so that something else can be written.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            write_stderr("\r\u{1b}[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn write_stderr(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    progress: Figures<'a>,
}

/// One moment of a job. Rates are of the last five seconds.
#[derive(Debug, Serialize)]
struct Figures<'a> {
    job_id: &'a str,
    job: &'a str,
    state: &'static str,
    /// The model that runs now.
    model: Option<&'a str>,
    bytes_done: u64,
    bytes_total: u64,
    percent: Option<f64>,
    bytes_per_s: u64,
    records: u64,
    records_per_s: u64,
    bad_records: u64,
    tasks_done: u32,
    tasks_total: u32,
    /// Estimated time left of the model that runs now.
    left_s: Option<f64>,
    elapsed_ms: u64,
}

/// The moments seen lately.
#[derive(Debug, Default)]
struct Meter {
    model: Option<String>,
    /// (ms, bytes, records), the oldest first.
    seen: VecDeque<(u64, u64, u64)>,
}

impl Meter {
    fn observe(&mut self, view: &JobView, now_ms: u64) {
        let progress = view.progress.unwrap_or_default();
        let model = running_model(view);
        let last_ms = self.seen.back().map(|&(ms, ..)| ms);
        let went_back = self
            .seen
            .back()
            .is_some_and(|&(_, bytes, _)| progress.bytes_done < bytes);
        // A wave that runs again counts anew.
        if went_back {
            self.seen.clear();
        }
        // So does the next model, which has begun at nothing since the last look.
        if self.model.as_deref() != model {
            self.model = model.map(str::to_owned);
            self.seen.clear();
            self.seen.extend(last_ms.map(|ms| (ms, 0, 0)));
        }
        while self.seen.len() > 1 && self.seen[1].0 + RATE_WINDOW_MS <= now_ms {
            self.seen.pop_front();
        }
        self.seen
            .push_back((now_ms, progress.bytes_done, progress.records));
    }

    /// Bytes and records a second over the window.
    fn rates(&self) -> (f64, f64) {
        match (self.seen.front(), self.seen.back()) {
            (Some(first), Some(last)) if last.0 > first.0 => {
                let seconds = (last.0 - first.0) as f64 / 1000.0;
                (
                    last.1.saturating_sub(first.1) as f64 / seconds,
                    last.2.saturating_sub(first.2) as f64 / seconds,
                )
            }
            _ => (0.0, 0.0),
        }
    }

    fn figures<'a>(&self, view: &'a JobView, now_ms: u64) -> Figures<'a> {
        let progress = view.progress.unwrap_or_default();
        let (bytes_per_s, records_per_s) = self.rates();
        let (done, total) = (progress.bytes_done, progress.bytes_total);
        let percent =
            (total > 0).then(|| (done as f64 / total as f64 * 1000.0).floor().min(1000.0) / 10.0);
        let left_s = (total > 0 && bytes_per_s > 0.0)
            .then(|| (total.saturating_sub(done) as f64 / bytes_per_s * 10.0).round() / 10.0);
        Figures {
            job_id: &view.job_id,
            job: &view.name,
            state: state_name(view.state()),
            model: running_model(view),
            bytes_done: done,
            bytes_total: total,
            percent,
            bytes_per_s: bytes_per_s as u64,
            records: progress.records,
            records_per_s: records_per_s as u64,
            bad_records: progress.bad_records,
            tasks_done: progress.tasks_done,
            tasks_total: progress.tasks_total,
            left_s,
            elapsed_ms: now_ms,
        }
    }
}

fn running_model(view: &JobView) -> Option<&str> {
    view.models
        .iter()
        .find(|m| m.state == "running")
        .map(|m| m.table.as_str())
}

/// The live line: what matters most first, whole parts only, never wider than the terminal.
fn live_line(figures: &Figures<'_>, width: usize) -> String {
    let mut parts = vec![match figures.model {
        Some(model) => format!("{} · {model}", figures.job),
        None => format!("{} · {}", figures.job, figures.state),
    }];
    if figures.state == state_name(JobState::Committing) && figures.model.is_some() {
        parts.push("committing".to_owned());
    } else if let Some(percent) = figures.percent {
        parts.push(format!("{percent:.0} %"));
        parts.push(format!(
            "{} of {}",
            bytes(figures.bytes_done),
            bytes(figures.bytes_total)
        ));
        if figures.bytes_per_s > 0 {
            parts.push(format!("{}/s", bytes(figures.bytes_per_s)));
        }
        if let Some(left) = figures
            .left_s
            .filter(|_| figures.bytes_done < figures.bytes_total)
        {
            parts.push(format!("{} left", rough_duration(left)));
        }
        if figures.records_per_s > 0 {
            parts.push(format!("{} records/s", count(figures.records_per_s)));
        }
    } else if figures.elapsed_ms >= 1000 {
        parts.push(rough_duration(figures.elapsed_ms as f64 / 1000.0));
    }
    if figures.bad_records > 0 {
        parts.insert(1, format!("{} bad", count(figures.bad_records)));
    }
    // One column stays free: a full line wraps on some terminals.
    let room = width.saturating_sub(1);
    let mut line = String::new();
    for part in parts {
        let part = one_line(&part);
        let gap = if line.is_empty() { "" } else { "  " };
        if line.chars().count() + gap.len() + part.chars().count() > room {
            if line.is_empty() {
                line = part.chars().take(room).collect();
            }
            break;
        }
        line.push_str(gap);
        line.push_str(&part);
    }
    line
}

#[cfg(test)]
mod tests {
    use headworks_proto::v1::{ModelView, Progress as WireProgress};

    use super::*;

    fn view(bytes_done: u64, records: u64) -> JobView {
        JobView {
            job_id: "j".into(),
            name: "fpds".into(),
            state: JobState::Running.into(),
            models: vec![
                ModelView {
                    table: "first".into(),
                    state: "committed".into(),
                    ..ModelView::default()
                },
                ModelView {
                    table: "contracts".into(),
                    state: "running".into(),
                    ..ModelView::default()
                },
            ],
            progress: Some(WireProgress {
                bytes_total: 1_000_000_000,
                bytes_done,
                records,
                bad_records: 3,
                tasks_done: 1,
                tasks_total: 8,
            }),
            ..JobView::default()
        }
    }

    fn line_after(moments: &[(u64, u64, u64)], width: usize) -> String {
        let mut meter = Meter::default();
        let mut line = String::new();
        for &(now_ms, bytes, records) in moments {
            let view = view(bytes, records);
            meter.observe(&view, now_ms);
            line = live_line(&meter.figures(&view, now_ms), width);
        }
        line
    }

    #[test]
    fn the_live_line_shows_share_speed_and_time_left() {
        let moments = [(0, 0, 0), (1000, 400_000_000, 170_000)];
        assert_eq!(
            line_after(&moments, 200),
            "fpds · contracts  3 bad  40 %  400 MB of 1 GB  400 MB/s  2 s left  170,000 records/s"
        );
    }

    #[test]
    fn the_live_line_never_fills_the_terminal() {
        let moments = [(0, 0, 0), (1000, 400_000_000, 170_000)];
        for width in 0..120 {
            assert!(
                line_after(&moments, width).chars().count() < width.max(1),
                "{width}"
            );
        }
        assert_eq!(line_after(&moments, 42), "fpds · contracts  3 bad  40 %");
    }

    #[test]
    fn rates_forget_what_is_older_than_the_window_and_start_anew_when_counts_go_back() {
        let mut meter = Meter::default();
        for (now_ms, bytes) in [(0, 0), (1000, 900), (6000, 900), (11_000, 900)] {
            meter.observe(&view(bytes, 0), now_ms);
        }
        assert_eq!(
            meter.rates().0,
            0.0,
            "nothing came in during the last five seconds"
        );
        meter.observe(&view(100, 0), 12_000);
        assert_eq!(
            meter.rates(),
            (0.0, 0.0),
            "a wave that runs again has no rate yet"
        );
        meter.observe(&view(300, 50), 13_000);
        assert_eq!(meter.rates(), (200.0, 50.0));
    }

    #[test]
    fn the_next_model_begins_at_nothing() {
        let mut meter = Meter::default();
        let discovering = JobView {
            state: JobState::Discovering.into(),
            ..JobView::default()
        };
        meter.observe(&discovering, 1000);
        meter.observe(&view(500, 20), 2000);
        assert_eq!(meter.rates(), (500.0, 20.0));
    }

    #[test]
    fn the_json_line_has_every_figure() {
        let mut meter = Meter::default();
        meter.observe(&view(0, 0), 0);
        let last = view(250_000_000, 1000);
        meter.observe(&last, 1000);
        let json = serde_json::to_string(&Line {
            progress: meter.figures(&last, 1000),
        })
        .unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"progress":{"job_id":"j","job":"fpds","state":"running","model":"contracts","#,
                r#""bytes_done":250000000,"bytes_total":1000000000,"percent":25.0,"bytes_per_s":250000000,"#,
                r#""records":1000,"records_per_s":1000,"bad_records":3,"tasks_done":1,"tasks_total":8,"#,
                r#""left_s":3.0,"elapsed_ms":1000}}"#
            )
        );
    }

    #[test]
    fn a_job_without_bytes_to_count_shows_its_state_and_how_long_it_takes() {
        let view = JobView {
            name: "fpds".into(),
            state: JobState::Discovering.into(),
            ..JobView::default()
        };
        let meter = Meter::default();
        assert_eq!(
            live_line(&meter.figures(&view, 400), 80),
            "fpds · discovering"
        );
        assert_eq!(
            live_line(&meter.figures(&view, 3100), 80),
            "fpds · discovering  3 s"
        );
    }
}
