//! `headworks lake verify [TABLE]`: every file's footer against the log, and
//! no visible file that the log does not name. A problem ends with 3.

use headworks_lake::{Table, VerifyReport};
use serde::Serialize;

use super::failure;
use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::output;
use crate::output::job::counted;
use crate::output::table::{Align, Table as Columns};
use crate::output::units::{bytes, count};

#[derive(Debug, Serialize)]
struct VerifiedJson<'a> {
    table: &'a str,
    version: u64,
    files: u64,
    rows: u64,
    bytes: u64,
    problems: Vec<ProblemJson<'a>>,
}

#[derive(Debug, Serialize)]
struct ProblemJson<'a> {
    path: &'a str,
    what: &'a str,
}

/// Verifies tables.
///
/// # Errors
/// When a log cannot be read; what is wrong with files is data, on stdout.
pub(super) fn run(context: &Context, tables: &[Table]) -> Result<Exit, Failure> {
    let mut reports = Vec::new();
    for table in tables {
        reports.push((table.location().table(), table.verify().map_err(failure)?));
    }
    if context.json() {
        output::json(
            &reports
                .iter()
                .map(|(table, report)| json(table, report))
                .collect::<Vec<_>>(),
        )?;
    } else {
        output::data(&text(&reports))?;
    }
    let problems: usize = reports
        .iter()
        .map(|(_, report)| report.problems.len())
        .sum();
    if problems == 0 {
        return Ok(Exit::Done);
    }
    output::error(&format!(
        "{} in the lake\n  next: keep the files as they are, and run the jobs that write these tables again",
        counted(problems as u64, "problem", "problems")
    ));
    Ok(Exit::Check)
}

fn json<'a>(table: &'a str, report: &'a VerifyReport) -> VerifiedJson<'a> {
    VerifiedJson {
        table,
        version: report.version,
        files: report.files,
        rows: report.rows,
        bytes: report.bytes,
        problems: report
            .problems
            .iter()
            .map(|p| ProblemJson {
                path: &p.path,
                what: &p.what,
            })
            .collect(),
    }
}

fn text(reports: &[(&str, VerifyReport)]) -> String {
    let mut columns = Columns::new(&[
        ("TABLE", Align::Left),
        ("VERSION", Align::Right),
        ("FILES", Align::Right),
        ("ROWS", Align::Right),
        ("SIZE", Align::Right),
        ("PROBLEMS", Align::Right),
    ]);
    for (table, report) in reports {
        columns.row(vec![
            (*table).to_owned(),
            report.version.to_string(),
            count(report.files),
            count(report.rows),
            bytes(report.bytes),
            count(report.problems.len() as u64),
        ]);
    }
    let mut out = columns.render();
    for (table, report) in reports {
        for problem in &report.problems {
            out.push_str(&format!("\n{table}: {problem}"));
        }
    }
    if reports
        .iter()
        .any(|(_, report)| !report.problems.is_empty())
    {
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use headworks_lake::Problem;

    use super::*;

    #[test]
    fn problems_stand_below_the_table_of_tables() {
        let sound = VerifyReport {
            version: 2,
            files: 3,
            rows: 40,
            bytes: 5000,
            problems: Vec::new(),
        };
        let problem = Problem {
            path: "y=1/a.parquet".into(),
            what: "it is not there".into(),
        };
        let broken = VerifyReport {
            version: 1,
            files: 1,
            rows: 1,
            bytes: 9,
            problems: vec![problem],
        };
        assert_eq!(
            text(&[("a", sound), ("b", broken)]),
            "\
TABLE  VERSION  FILES  ROWS  SIZE  PROBLEMS
a            2      3    40  5 kB         0
b            1      1     1   9 B         1

b: `y=1/a.parquet`: it is not there
"
        );
    }
}
