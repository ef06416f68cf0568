//! Checks in the job file: each kind passing and failing, and what a failing one leaves behind: nothing.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::Place;
use crate::support::place::{Outcome, model};

/// Exit code of a job whose check failed.
const CHECK: i32 = 3;

/// An order: id, customer, status, amount. Empty text leaves the element out.
type Order = (u32, &'static str, &'static str, &'static str);

/// Orders in which nothing is wrong.
const SOUND: [Order; 4] = [
    (1, "10", "open", "1.50"),
    (2, "11", "paid", "2.00"),
    (3, "10", "paid", "7.25"),
    (4, "", "open", "3.00"),
];

fn orders(orders: &[Order]) -> String {
    let mut xml = "<orders>\n".to_owned();
    for (id, customer, status, amount) in orders {
        xml.push_str(&format!("<order><id>{id}</id>"));
        for (name, text) in [
            ("customer", customer),
            ("status", status),
            ("amount", amount),
        ] {
            if !text.is_empty() {
                xml.push_str(&format!("<{name}>{text}</{name}>"));
            }
        }
        xml.push_str("</order>\n");
    }
    xml.push_str("</orders>\n");
    xml
}

/// A place with customers 10 to 12, and these orders.
fn place_with(data: &[Order]) -> Place {
    let place = Place::new();
    place.write("orders/a.xml", orders(data));
    let customers: String = (10..13)
        .map(|id| format!("<customer><id>{id}</id></customer>"))
        .collect();
    place.write("customers.xml", format!("<c>{customers}</c>"));
    let field = |name: &str, kind: &str| format!("  {name}: {kind}\n");
    let fields = [
        field("id", "int64"),
        field("customer", "int64"),
        field("status", "text"),
        field("amount", "decimal(9,2)"),
    ];
    place.write(
        "orders.schema.yaml",
        format!("fields:\n{}", fields.concat()),
    );
    place
}

/// A job of the models `customers` and `orders`, the latter with these checks, one a line.
fn job(place: &Place, mode: &str, checks: &[&str]) -> PathBuf {
    let mut job = format!(
        "job: shop\nlake: ./lake\nsources:\n  order:\n    format: xml\n    path: orders/*.xml\n    row_tag: order\n    \
         schema: orders.schema.yaml\n  customer:\n    format: xml\n    path: customers.xml\n    row_tag: customer\n\
         models:\n  orders:\n    sql: SELECT * FROM \"order\"\n    mode: {mode}\n"
    );
    if !checks.is_empty() {
        job.push_str("    checks:\n");
    }
    for check in checks {
        job.push_str(&format!("    - {check}\n"));
    }
    // Behind the model whose checks read it: the order is found.
    job.push_str("  customers:\n    sql: SELECT * FROM customer\n");
    place.write("shop.yaml", job)
}

const EVERY_KIND: [&str; 8] = [
    "not_null: [id, status]",
    "unique: id",
    "unique: [customer, status]",
    "accepted_values: {column: status, values: [open, paid]}",
    "relationships: {column: customer, to: customers, field: id}",
    "row_count: {min: 1, max: 4}",
    "sql: SELECT * FROM orders WHERE amount < 0",
    "{name: sums, sql: 'SELECT customer, sum(amount) AS s FROM Orders JOIN customers c ON customer = c.id GROUP BY 1 HAVING sum(amount) > 100'}",
];

/// What the account says of a check.
#[track_caller]
fn check<'a>(job: &'a Value, name: &str) -> &'a Value {
    job["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == name)
        .unwrap_or_else(|| panic!("no check {name} in {job}"))
}

/// The account of a job that a check has failed.
#[track_caller]
fn failed(outcome: Outcome, words: &[&str]) -> Value {
    let job = outcome.last_line();
    outcome.says(CHECK, words);
    assert_eq!(job["state"], "failed", "{job}");
    assert_eq!(job["error_class"], "check", "{job}");
    job
}

#[test]
fn every_kind_passes_over_sound_rows() {
    let place = place_with(&SOUND);
    let account = place
        .run(&job(&place, "overwrite", &EVERY_KIND), &[])
        .done();
    let checks = account["checks"].as_array().unwrap();
    assert_eq!(checks.len(), EVERY_KIND.len(), "{account}");
    for check in checks {
        assert_eq!(
            (&check["model"], &check["severity"], &check["passed"]),
            (&json!("orders"), &json!("error"), &json!(true)),
            "{check}"
        );
        assert_eq!(
            (&check["failing_rows"], &check["examples"]),
            (&json!(0), &json!([]))
        );
    }
    assert_eq!(check(&account, "sums")["passed"], true);
    assert_eq!(place.lake("lake").audit()["orders"]["rows"], 4);

    // The same from the journal, by an account and for people.
    let id = account["job_id"].as_str().unwrap();
    let shown = place
        .headworks(&["jobs", "show", id, "-o", "json"])
        .expect(0);
    assert_eq!(shown.last_line()["checks"], account["checks"]);
    let shown = place.headworks(&["jobs", "show", id]).expect(0).stdout;
    let line = shown.lines().find(|line| line.starts_with("unique(id)"));
    assert!(
        line.is_some_and(|line| line.contains("orders") && line.contains("passed")),
        "{shown}"
    );
}

#[test]
fn every_kind_fails_over_unsound_rows_and_the_table_stays_as_it_was() {
    let place = place_with(&SOUND);
    place.run(&job(&place, "overwrite", &[]), &[]).done();
    let lake = place.lake("lake");
    let before = (lake.visible_files("orders"), lake.version("orders"));
    place.write(
        "orders/a.xml",
        orders(&[
            (1, "10", "open", "1.50"),
            (1, "10", "open", "-2.00"),
            (2, "99", "lost", "2.00"),
            (3, "11", "", "3.00"),
            (4, "10", "paid", "200.00"),
        ]),
    );
    // The check's name, how many rows break it, what the message says besides, and an example.
    let cases = [
        (
            "not_null(id, status)",
            1,
            "for 1 row,",
            json!({"id": 3, "status": null, "customer": 11, "amount": "3.00"}),
        ),
        ("unique(id)", 2, "for 2 rows,", json!({"id": 1, "rows": 2})),
        (
            "unique(customer, status)",
            2,
            "for 2 rows,",
            json!({"customer": 10, "status": "open", "rows": 2}),
        ),
        (
            "accepted_values(status)",
            1,
            "for 1 row,",
            json!({"status": "lost", "rows": 1}),
        ),
        (
            "relationships(customer to customers.id)",
            1,
            "for 1 row,",
            json!({"customer": 99, "rows": 1}),
        ),
        (
            "row_count",
            1,
            "must have at least 1 and at most 4 rows",
            json!({"rows": 5}),
        ),
        (
            "sql",
            1,
            "for 1 row,",
            json!({"id": 1, "customer": 10, "status": "open", "amount": "-2.00"}),
        ),
        (
            "sums",
            1,
            "for 1 row,",
            json!({"customer": 10, "s": "199.50"}),
        ),
    ];
    for (written, (name, rows, words, example)) in EVERY_KIND.iter().zip(cases) {
        let outcome = place.run(&job(&place, "overwrite", &[*written]), &[]);
        let message = format!("check `{name}` failed");
        let words = [
            "model `orders` is not committed",
            &message,
            words,
            "the table is unchanged",
        ];
        let account = failed(outcome, &words);
        let check = check(&account, name);
        assert_eq!(
            (&check["passed"], &check["failing_rows"]),
            (&json!(false), &json!(rows)),
            "{check}"
        );
        assert_eq!(check["examples"], json!([example]), "{name}");
        assert_eq!(model(&account, "orders")["state"], "failed");
        assert_eq!(
            (lake.visible_files("orders"), lake.version("orders")),
            before,
            "{name}"
        );
    }
    let tables = lake.audit();
    assert_eq!(tables["orders"]["rows"], 4);
    let pending = lake.folder().join("orders/_headworks/pending");
    let left = std::fs::read_dir(pending).map_or(0, Iterator::count);
    assert_eq!(left, 0, "what was written in vain is gone");
}

#[test]
fn all_checks_are_made_and_a_warning_lets_the_rows_in() {
    let place = place_with(&[(1, "99", "lost", "1.00"), (1, "10", "open", "2.00")]);
    let checks = [
        "{unique: id, severity: warn, name: twice}",
        "accepted_values: {column: status, values: [open, paid]}",
        "relationships: {column: customer, to: customers, field: id}",
    ];
    let outcome = place.run(&job(&place, "overwrite", &checks), &[]);
    let account = failed(
        outcome,
        &[
            "check `accepted_values(status)` failed",
            "check `relationships(customer to customers.id)` failed",
        ],
    );
    assert_eq!(account["checks"].as_array().unwrap().len(), 3);
    assert_eq!(check(&account, "twice")["severity"], "warn");
    place.lake("lake").assert_untouched("orders");

    let path = job(&place, "overwrite", &checks[..1]);
    let outcome = place.headworks(&["run", path.to_str().unwrap(), "-o", "json"]);
    let said = "model `orders`: check `twice` failed for 2 rows, such as {\"id\":1,\"rows\":2}";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    let account = outcome.done();
    assert_eq!(account["warnings"], json!([said]));
    assert_eq!(
        (
            &check(&account, "twice")["passed"],
            &check(&account, "twice")["failing_rows"]
        ),
        (&json!(false), &json!(2))
    );
    assert_eq!(place.lake("lake").audit()["orders"]["rows"], 2);
}

/// What is checked is the table as it will be, not what the run adds to it.
#[test]
fn rows_that_are_appended_are_checked_with_those_that_are_there() {
    let place = place_with(&SOUND);
    let checks = [
        "unique: id",
        "row_count: {max: 6}",
        "{name: of the lake, relationships: {column: id, to: orders, field: id}}",
    ];
    let path = job(&place, "append", &checks);
    place.run(&path, &[]).done();
    // Sound by itself, and a second order 4.
    place.write(
        "orders/b.xml",
        orders(&[(4, "10", "open", "1.00"), (5, "10", "open", "1.00")]),
    );
    let account = failed(
        place.run(&path, &[]),
        &["check `unique(id)` failed for 2 rows"],
    );
    assert_eq!(
        check(&account, "unique(id)")["examples"],
        json!([{"id": 4, "rows": 2}])
    );
    assert_eq!(check(&account, "row_count")["passed"], true);
    let lake = place.lake("lake");
    assert_eq!(
        (lake.version("orders"), &lake.audit()["orders"]["rows"]),
        (1, &json!(4))
    );

    place.write("orders/b.xml", orders(&[(5, "10", "open", "1.00")]));
    let account = place.run(&path, &[]).done();
    assert_eq!(model(&account, "orders")["version"], 2);
    assert_eq!(lake.audit()["orders"]["rows"], 5);
}

#[test]
fn checks_that_cannot_be_made_are_found_before_anything_is_read() {
    for (check, words) in [
        (
            "not_null: sttus",
            "no column `sttus`; did you mean `status`?",
        ),
        (
            "accepted_values: {column: id, values: [one]}",
            "`one` is no such value",
        ),
        (
            "relationships: {column: status, to: customers, field: id}",
            "cannot be compared",
        ),
        (
            "relationships: {column: id, to: vendors, field: id}",
            "reads table `vendors`",
        ),
        ("sql: SELECT none FROM orders", "none"),
        ("sql: SELECT * FROM \"order\"", "which is a source"),
    ] {
        let place = place_with(&SOUND);
        let outcome = place.run(&job(&place, "overwrite", &[check]), &[]);
        outcome.says(2, &[words]);
        place.lake("lake").assert_untouched("orders");
    }
}

/// Bad records are kept though the job fails, and say that it did.
#[test]
fn the_quarantine_of_a_model_whose_check_failed_is_kept() {
    let place = place_with(&SOUND);
    place.write("orders/b.xml", "<o><order><id>many</id></order></o>");
    let outcome = place.run(&job(&place, "overwrite", &["row_count: {min: 100}"]), &[]);
    failed(outcome, &["check `row_count` failed"]);
    let lake = place.lake("lake");
    assert_eq!(lake.audit()["quarantine_order"]["rows"], 1);
    let log = lake
        .folder()
        .join("_quarantine/order/_headworks/log/00000000000000000001.json");
    let entry: Value = serde_json::from_slice(&std::fs::read(log).unwrap()).unwrap();
    assert_eq!(entry["job_failed"], true);
}

/// Keys that are spread over files, tasks and two processes are still found to occur twice.
#[test]
fn checks_run_on_two_executors() {
    let place = place_with(&[]);
    let many = |from: u32| -> Vec<Order> {
        (from..from + 5_000)
            .map(|id| (id, "10", "open", "1.00"))
            .collect()
    };
    for (file, from) in [("a", 1), ("b", 5_001), ("c", 10_001)] {
        place.write(&format!("orders/{file}.xml"), orders(&many(from)));
    }
    let checks = [
        "not_null: [id, customer]",
        "unique: id",
        "relationships: {column: customer, to: customers, field: id}",
    ];
    let path = job(&place, "overwrite", &checks);
    let two = ["--executors", "2", "--set", "tuning.split_size=100kB"];
    let account = place.run(&path, &two).done();
    assert!(
        account["checks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|c| c["passed"] == true),
        "{account}"
    );
    assert_eq!(
        account["executors"].as_array().unwrap().len(),
        2,
        "{account}"
    );

    // One id of each file again in the next.
    place.write("orders/b.xml", orders(&many(5_000)));
    place.write("orders/c.xml", orders(&many(9_999)));
    let account = failed(
        place.run(&path, &two),
        &["check `unique(id)` failed for 4 rows"],
    );
    let mut found: Vec<Value> = check(&account, "unique(id)")["examples"]
        .as_array()
        .unwrap()
        .clone();
    found.sort_by_key(|example| example["id"].as_u64());
    assert_eq!(
        found,
        [
            json!({"id": 5000, "rows": 2}),
            json!({"id": 9999, "rows": 2})
        ]
    );
    let lake = place.lake("lake");
    assert_eq!(
        (lake.version("orders"), &lake.audit()["orders"]["rows"]),
        (1, &json!(15_000))
    );
}
