//! `headworks executors`: who works in the cluster, with how many slots.

use headworks_proto::v1::ExecutorView;
use serde::Serialize;

use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::output;
use crate::output::table::{Align, Table};
use crate::output::units::count;
use crate::service::Scheduler;

#[derive(Debug, Serialize)]
struct ExecutorJson<'a> {
    id: &'a str,
    pid: u32,
    address: &'a str,
    slots_total: u32,
    slots_free: u32,
}

/// Lists the executors.
///
/// # Errors
/// When there is no scheduler to ask.
pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let url = context.need_scheduler(
        "executors",
        "without one there is no cluster that outlives a command",
    )?;
    let executors = Scheduler::connect(url).await?.executors().await?;
    if context.json() {
        output::json(&json(&executors))?;
    } else {
        output::data(&table(&executors).render())?;
    }
    Ok(Exit::Done)
}

fn json(executors: &[ExecutorView]) -> Vec<ExecutorJson<'_>> {
    executors
        .iter()
        .map(|e| ExecutorJson {
            id: &e.id,
            pid: e.pid,
            address: &e.address,
            slots_total: e.slots_total,
            slots_free: e.slots_free,
        })
        .collect()
}

fn table(executors: &[ExecutorView]) -> Table {
    let mut table = Table::new(&[
        ("ID", Align::Left),
        ("PID", Align::Right),
        ("ADDRESS", Align::Left),
        ("SLOTS", Align::Right),
        ("FREE", Align::Right),
    ]);
    for e in executors {
        table.row(vec![
            e.id.clone(),
            e.pid.to_string(),
            e.address.clone(),
            count(e.slots_total.into()),
            count(e.slots_free.into()),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executors_are_shown_as_the_contract_says() {
        let executors = [ExecutorView {
            id: "e1".into(),
            pid: 42,
            address: "127.0.0.1:5051".into(),
            slots_total: 4,
            slots_free: 3,
        }];
        assert_eq!(
            serde_json::to_string(&json(&executors)).unwrap(),
            r#"[{"id":"e1","pid":42,"address":"127.0.0.1:5051","slots_total":4,"slots_free":3}]"#
        );
        assert_eq!(
            table(&executors).render(),
            "ID  PID  ADDRESS         SLOTS  FREE\n\
             e1   42  127.0.0.1:5051      4     3\n"
        );
    }
}
