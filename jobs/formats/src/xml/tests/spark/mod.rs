//! Spark's own test files, with what two released Sparks answer for them.
//!
//! Each case is read by us with the same options, and both answers are compared. The outcome of all of them is the
//! table in `SPARK.md`; a case that comes to something else than it says there fails. After a change on purpose:
//! `UPDATE_SPARK_TABLE=1 cargo test -p headworks-formats spark`.

mod answer;
mod compare;
mod ours;

use std::fmt::Write;

use crate::tests::files::{crate_folder, real_data};
use answer::Answer;
use compare::{Difference, RULES, compare};
use ours::Ours;

/// Why a case that no rule explains is as it is.
const REASONS: &[(&str, &str)] = &[
    ("basket_invalid.xml#xsd-permissive", VALIDATION),
    ("basket_invalid_at_the_end.xml#xsd-permissive", VALIDATION),
    (
        "basket_invalid_in_the_middle.xml#xsd-permissive",
        VALIDATION,
    ),
    ("books-malformed-attributes.xml#DROPMALFORMED", LOST),
    ("books-malformed-attributes.xml#PERMISSIVE", LOST),
    ("books-malformed-attributes.xml#default", LOST),
    ("books-malformed-attributes.xml#strings", LOST),
    ("cars.xml#rowTag-absent", NO_RECORD),
    ("cdata-ending-eof.xml#default", AFTER_ROOT),
    ("cdata-ending-eof.xml#strings", AFTER_ROOT),
    ("fias_house.large.xml#default", DOCUMENTS),
    ("fias_house.large.xml.bz2#count", DOCUMENTS),
    ("fias_house.large.xml.gz#count", DOCUMENTS),
    (
        "timestamps.xml#schema",
        "some of its timestamps have a zone and some have none, and no type takes both: the record is quarantined; Spark \
         gives the session's zone to those without",
    ),
    ("unclosed_tag.xml#DROPMALFORMED", NO_RECORD),
];
const VALIDATION: &str = "no validation of records against an XSD (`rowValidationXSDPath`)";
const LOST: &str = "Spark 4.1.4 loses all that comes after the first malformed record";
const NO_RECORD: &str =
    "without a good record there is no schema to infer: an error, and no table without columns";
const AFTER_ROOT: &str = "Spark 4.1.4 makes a bad record of the text after the root element";
const DOCUMENTS: &str = "twenty documents in one file, of which Spark 4.1.4 reads the first";

/// The most of 100 cases that may be without an answer.
const NOT_SUPPORTED_PERCENT_MAX: usize = 5;

const BEGIN: &str = "<!-- generated: cases -->\n";
const END: &str = "<!-- end of generated -->\n";

#[test]
fn every_case_comes_to_what_the_table_says() {
    let Some(folder) = real_data().map(|data| data.join("spark-xml")) else {
        println!("skipped: every_case_comes_to_what_the_table_says: no real data");
        return;
    };
    let older = answer::read(&folder.join("answers/spark-4.0.5"));
    let newer = answer::read(&folder.join("answers/spark-4.1.4"));
    let mut table = Table::default();
    for (name, older) in &older {
        let ours = ours::read(&folder.join("files"), older);
        table.row(name, ours.as_ref(), older, &newer[name]);
    }
    assert!(table.faults.is_empty(), "{}", table.faults.join("\n"));
    assert!(table.not_supported * 100 < NOT_SUPPORTED_PERCENT_MAX * older.len());
    let generated = table.text();

    let path = crate_folder().join("SPARK.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_SPARK_TABLE").is_some_and(|value| value == "1") {
        std::fs::write(&path, format!("{before}{BEGIN}{generated}{END}{after}")).unwrap();
        return;
    }
    for (written, found) in written.lines().zip(generated.lines()) {
        assert_eq!(written, found, "a case is not what {} says", path.display());
    }
    assert_eq!(written, generated);
}

/// Every option of the reader is on the page.
#[test]
fn the_page_names_every_option() {
    let page = include_str!("../../../../SPARK.md");
    let options = crate::xml::XmlOptions::new(&["r"]).unwrap();
    let options = serde_json::to_value(&options).unwrap();
    for name in options.as_object().unwrap().keys() {
        let word = match name.as_str() {
            "row_tags" => "row_tag",
            "trim" => "ignore_surrounding_spaces",
            "limits" => continue,
            name => name,
        };
        let named = [format!("`{word}`"), format!("`{word}: ")];
        assert!(named.iter().any(|name| page.contains(name)), "{word}");
    }
}

#[derive(Default)]
struct Table {
    rows: String,
    same: usize,
    different: usize,
    not_supported: usize,
    faults: Vec<String>,
}

impl Table {
    fn row(&mut self, name: &str, ours: Option<&Ours>, older: &Answer, newer: &Answer) {
        let reason = REASONS.iter().find(|(case, _)| *case == name);
        let reason = reason.map_or("", |(_, reason)| reason);
        let Some(ours) = ours else {
            self.not_supported += 1;
            if reason.is_empty() {
                self.faults.push(format!("{name} is not supported"));
            }
            let _ = writeln!(self.rows, "| `{name}` | | not supported | | | {reason} |");
            return;
        };
        let (older, newer) = (compare(older, ours), compare(newer, ours));
        let same =
            |difference: &Difference| difference.rules.is_empty() && difference.other.is_empty();
        let class = if same(&older) || same(&newer) {
            self.same += 1;
            "same"
        } else {
            self.different += 1;
            "different"
        };
        let unexplained = !older.other.is_empty() || !newer.other.is_empty();
        if unexplained == reason.is_empty() {
            let what = if unexplained {
                format!("4.0.5: {:?}\n    4.1.4: {:?}", older.other, newer.other)
            } else {
                "a reason is given, and none is needed".to_string()
            };
            self.faults.push(format!("{name}\n    {what}"));
        }
        let counts = match ours {
            Ours::Failed(error) => {
                let first = error.split(';').next().unwrap_or_default();
                format!("fails: {}", first.replace('|', " "))
            }
            Ours::Read { rows, bad: 0, .. } => rows.len().to_string(),
            Ours::Read { rows, bad, .. } => format!("{}, {bad} bad", rows.len()),
        };
        let _ = writeln!(
            self.rows,
            "| `{name}` | {counts} | {class} | {} | {} | {reason} |",
            cell(&older),
            cell(&newer)
        );
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let all = self.same + self.different + self.not_supported;
        let _ = writeln!(
            text,
            "{all} cases: {} the same as in a Spark, {} different on purpose, {} not supported.\n",
            self.same, self.different, self.not_supported
        );
        text.push_str("| Word | Difference |\n| --- | --- |\n");
        for (_, word, about) in RULES {
            let _ = writeln!(text, "| {word} | {about} |");
        }
        text.push_str("| other | the last column says |\n\n");
        text.push_str("| Case | Our rows | | Spark 4.0.5 | Spark 4.1.4 | Why |\n");
        text.push_str("| --- | --- | --- | --- | --- | --- |\n");
        text.push_str(&self.rows);
        text
    }
}

fn cell(difference: &Difference) -> String {
    let word = |rule| RULES.iter().find(|(other, _, _)| *other == rule);
    let mut words: Vec<&str> = difference
        .rules
        .iter()
        .filter_map(|rule| word(*rule).map(|(_, word, _)| *word))
        .collect();
    if !difference.other.is_empty() {
        words.push("other");
    }
    if words.is_empty() {
        words.push("same");
    }
    words.join(", ")
}
