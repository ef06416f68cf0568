//! Counts over real files, where they are to be had.

use std::sync::Arc;

use super::run::{read_chain, read_split};
use crate::infer::{InferOptions, Inferrer};
use crate::tests::files::real_data;
use crate::xml::{FedState, Split, XmlConfig, XmlOptions};

/// Whether the long versions of the tests are to run: `HEADWORKS_LONG=1`.
pub(super) fn long() -> bool {
    std::env::var_os("HEADWORKS_LONG").is_some()
}

#[test]
fn real_files_have_their_known_records() {
    // File, row tags, good records, bad records.
    let cases: &[(&str, &[&str], usize, usize)] = &[
        ("fpds/award-15.xml", &["award"], 23, 0),
        ("fpds/idv-15.xml", &["IDV"], 18, 0),
        (
            "fpds/jpsims68-request_module_test.xml",
            &["award", "IDV"],
            10,
            0,
        ),
        (
            "fpds/kapangyu-fpds_feed_sample_1_org.xml",
            &["award"],
            10,
            0,
        ),
        ("fpds/dherincx92-test_data.xml", &["ns1:award"], 10, 0),
        ("spark-xml/files/fias_house.xml", &["House"], 37, 0),
        ("spark-xml/files/fias_house.large.xml", &["House"], 740, 0),
        (
            "spark-xml/files/spark40-cdata-bracket-bug.xml",
            &["entry"],
            3,
            0,
        ),
        ("spark-xml/files/cdata-ending-eof.xml", &["ROW"], 17, 0),
        ("spark-xml/files/cdata-no-close.xml", &["ROW"], 17, 1),
        (
            "spark-xml/files/books-malformed-attributes.xml",
            &["book"],
            2,
            2,
        ),
        (
            "spark-xml/files/nested-element-with-name-of-parent.xml",
            &["parent"],
            2,
            0,
        ),
        ("xml/cerknicko-jezero.gpx", &["trkpt"], 296, 0),
        ("xml/unicode_with_bom.gpx", &["wpt"], 1, 0),
    ];
    let Some(folder) = real_data() else {
        println!("skipped: real_files_have_their_known_records: no real data");
        return;
    };
    for (file, tags, good, bad) in cases {
        let Ok(bytes) = std::fs::read(folder.join(file)) else {
            println!("skipped: {file}: no real data");
            continue;
        };
        let options = Arc::new(XmlOptions::new(tags).unwrap());
        let mut inferrer = Inferrer::new(options.clone(), Split::whole());
        assert_eq!(inferrer.feed(&bytes, true).unwrap().state, FedState::Done);
        let schema = Arc::new(
            inferrer
                .finish()
                .to_schema(&InferOptions::default())
                .unwrap(),
        );
        let config =
            Arc::new(XmlConfig::new(options.as_ref().clone(), schema.clone(), schema).unwrap());
        let (whole, report) = read_split(&config, &bytes, Split::whole(), 1000);
        assert_eq!((whole.rows.len(), whole.bad.len()), (*good, *bad), "{file}");
        assert!(report.unknown.is_empty());
        for step in [997, 4099, 20_011] {
            let cuts: Vec<usize> = (step..bytes.len()).step_by(step).collect();
            let (parts, _) = read_chain(&config, &bytes, &cuts, 4096);
            assert_eq!(parts, whole, "{file}, a cut every {step} bytes");
        }
    }
}
