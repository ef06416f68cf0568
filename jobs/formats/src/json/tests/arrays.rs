//! One array that is read in splits: whatever the guesses, the records of one pass; and the guesses are right where
//! records begin alike.

use super::run::{
    head, inferred, learn_chain, options, read, read_every_way, read_split, splits, tree,
};
use crate::json::JsonOptions;
use crate::{Chain, Limits, Split, SyncKind, verify_chain};

/// An array of some records, with this white space behind brackets and commas.
fn array(space: &str, records: usize, record: impl Fn(usize) -> String) -> String {
    let records: Vec<String> = (0..records).map(record).collect();
    let between = format!(",{space}");
    format!("[{space}{}{space}]\n", records.join(&between))
}

/// How many of the splits at these places have to be read again.
fn wrong_guesses(options: &JsonOptions, document: &str, cuts: &[usize]) -> usize {
    let config = inferred(options, document.as_bytes()).unwrap();
    let mut prev = None;
    let mut wrong = 0;
    for split in splits(cuts) {
        let (_, report) = read_split(&config, document.as_bytes(), split, 64).unwrap();
        if let Some(prev) = &prev {
            wrong += usize::from(verify_chain(prev, &report) != Chain::Verified);
        }
        prev = Some(report);
    }
    wrong
}

#[test]
fn records_that_begin_alike_are_found_from_every_byte() {
    let flat = |n: usize| {
        format!(r#"{{"id":{n},"text":"a, {{\"id\":1}} [","tags":["x",{n}],"o":{{"k":[1,2]}}}}"#)
    };
    let spaced =
        |n: usize| format!(r#"{{"id": {n}, "list": [{{"k": 1}}, {{"k": 2}}], "n": null}}"#);
    let lines = |n: usize| {
        format!(
            "{{\n    \"id\": {n},\n    \"inner\": [\n      {{\n        \"id\": 1\n      }}\n    ]\n  }}"
        )
    };
    let options = options(|_| {});
    for document in [
        array("", 9, flat),
        array(" ", 9, spaced),
        array("\n  ", 7, lines),
        array("\r\n  ", 7, lines),
        // Python writes white space behind commas, and none behind brackets.
        array("", 9, spaced).replace("},{\"id\"", "}, {\"id\""),
    ] {
        assert!(head(&options, document.as_bytes()).unwrap().guesses());
        let config = inferred(&options, document.as_bytes()).unwrap();
        let whole = read_every_way(&config, document.as_bytes(), &document);
        assert!(whole.bad.is_empty() && whole.rows.len() >= 7, "{document}");
        for cut in 1..document.len() {
            assert_eq!(
                wrong_guesses(&options, &document, &[cut]),
                0,
                "{cut}: {document}"
            );
        }
        let every: Vec<usize> = (1..document.len()).step_by(5).collect();
        let whole = tree(&options, document.as_bytes());
        assert_eq!(
            learn_chain(&options, document.as_bytes(), &every),
            whole,
            "{document}"
        );
    }
}

#[test]
fn a_guess_that_is_wrong_is_found_out() {
    // Objects inside of records begin as these do, or records do not begin alike.
    let nested =
        |n: usize| format!(r#"{{"id":{n},"parts":[{{"id":1}},{{"id":2,"parts":[]}},{{"id":3}}]}}"#);
    let unlike = |n: usize| match n % 3 {
        0 => format!(r#"{{"id":{n},"a":[1]}}"#),
        1 => format!(r#"{{"a":[2],"id":{n}}}"#),
        _ => "{}".to_owned(),
    };
    let broken = |n: usize| match n % 4 {
        1 => r#"{"id":1,"a":oops}"#.to_owned(),
        2 => r#"{"id":2,"a":["x"}"#.to_owned(),
        3 => "7".to_owned(),
        _ => format!(r#"{{"id":{n}}}"#),
    };
    let options = options(|_| {});
    for (document, some_are_wrong) in [
        (array("", 9, nested), true),
        (array("\n", 9, unlike), true),
        (array("", 9, broken), true),
        (format!("{}, {{\"id\":1}} x", array("", 3, nested)), true),
        (array("", 3, nested).replace("]\n", ""), true),
    ] {
        let config = inferred(&options, document.as_bytes()).unwrap();
        read_every_way(&config, document.as_bytes(), &document);
        let wrong = (1..document.len()).map(|cut| wrong_guesses(&options, &document, &[cut]));
        assert_eq!(wrong.sum::<usize>() > 0, some_are_wrong, "{document}");
    }
}

#[test]
fn a_guess_that_leads_nowhere_is_given_up() {
    let first = r#"{"id":1}"#;
    let others = r#",{"k":1}"#.repeat(100);
    let document = format!("[{first}{others}]");
    let options = options(|o| {
        o.limits = Limits {
            sync_bytes_max: 50,
            ..o.limits
        };
    });
    let config = inferred(&options, document.as_bytes()).unwrap();
    let [_, second, _] = splits(&[20, 40])[..] else {
        panic!("three splits")
    };
    let (rows, report) = read_split(&config, document.as_bytes(), second, 16).unwrap();
    assert_eq!((rows.rows.len(), report.first.kind), (0, SyncKind::Lost));
    assert!(report.done && report.reached.offset < 120, "{report:?}");
    let whole = read_every_way(&config, document.as_bytes(), "others");
    assert_eq!(whole.rows.len(), 101);
    assert_eq!(read(&config, document.as_bytes()), whole);
    let (parts, _) = read_split(&config, document.as_bytes(), Split::whole(), 7).unwrap();
    assert_eq!(parts, whole);
}
