//! Trees do not depend on the order or the cutting of the data, and schemas are what the documents say.

use std::sync::Arc;

use super::{InferOptions, Inferrer, SchemaError, TypeTree};
use crate::schema_file;
use crate::xml::{Chain, FedState, Split, SplitReport, Start, XmlOptions, verify_chain};

fn options() -> Arc<XmlOptions> {
    let mut options = XmlOptions::new(&["r"]).unwrap();
    options.limits.sync_bytes_max = 64;
    Arc::new(options)
}

fn learn(bytes: &[u8], split: Split) -> (TypeTree, SplitReport) {
    let mut inferrer = Inferrer::new(options(), split);
    let mut length = 10;
    loop {
        let from = inferrer.position() as usize;
        let to = (from + length).min(bytes.len());
        let fed = inferrer.feed(&bytes[from..to], to == bytes.len()).unwrap();
        match fed.state {
            FedState::NeedInput { at_least } => length = at_least.max(10),
            FedState::Done => break,
            FedState::BatchReady => panic!("no batches here"),
        }
    }
    let report = inferrer.report();
    (inferrer.finish(), report)
}

fn tree(document: &str) -> TypeTree {
    learn(document.as_bytes(), Split::whole()).0
}

/// The fields as they stand in a schema file.
fn fields(tree: &TypeTree) -> String {
    let schema = tree.to_schema(&InferOptions::default()).unwrap();
    let text = schema_file::write(&schema).unwrap();
    text.split_once("fields:\n").unwrap().1.to_string()
}

#[test]
fn schemas_of_documents() {
    let cases: &[(&str, &str)] = &[
        (
            "<r b='1' a='x'><z>1</z><w>2024-01-01</w></r><r><w/><z>2.50</z></r>",
            "  _a: text\n  _b: int64\n  w: date\n  z: decimal(3,2)\n",
        ),
        (
            "<r><a>1</a></r><r><a>2</a><a>x</a></r>",
            "  a:\n    list: text\n",
        ),
        ("<r><a/></r><r/>", "  a: text\n"),
        (
            "<r><a>1</a></r><r><a u='m'>2</a></r>",
            "  a:\n    fields:\n      _u: text\n      _VALUE: int64\n",
        ),
        (
            "<r><a> </a></r><r><a u='m'/></r>",
            "  a:\n    fields:\n      _u: text\n",
        ),
        (
            "<r><a><b>1</b></a><a/></r>",
            "  a:\n    list:\n      fields:\n        b: int64\n",
        ),
        ("<r>1</r><r>2</r>", "  _VALUE: int64\n"),
        (
            "<r xmlns='u'><n:a xmlns:n='v'>1</n:a><m:a>2</m:a></r>",
            "  a:\n    list: int64\n",
        ),
        ("<r><a>1</a></r><r><bad></r><r><a>2</a></r>", "  a: int64\n"),
        (
            "<r><r><a>1</a></r></r>",
            "  r:\n    fields:\n      a: int64\n",
        ),
        (
            "<r><a><!-- c -->1<?p?></a><b><![CDATA[007]]></b></r>",
            "  a: int64\n  b: text\n",
        ),
    ];
    for (document, expected) in cases {
        assert_eq!(fields(&tree(document)), *expected, "{document}");
    }
}

/// ` 7` was inferred as a number, which the reader then refused.
#[test]
fn values_that_are_not_trimmed_are_not_trimmed_for_inference() {
    let mut options = options().as_ref().clone();
    options.trim = false;
    let mut inferrer = Inferrer::new(Arc::new(options), Split::whole());
    let document = "<r><a> 7</a><b>7</b> <c x='1'> <d/> </c></r>";
    inferrer.feed(document.as_bytes(), true).unwrap();
    assert_eq!(
        fields(&inferrer.finish()),
        "  a: text\n  b: int64\n  c:\n    fields:\n      _x: int64\n      d: text\n"
    );
}

#[test]
fn a_tree_without_records_has_no_schema() {
    assert_eq!(
        tree("<x/>").to_schema(&InferOptions::default()),
        Err(SchemaError::NoRecords { bad: 0 })
    );
    let mut bad = tree("<x/>");
    for bad_records in [2, 3] {
        bad.merge(&TypeTree {
            bad_records,
            ..TypeTree::default()
        });
    }
    let error = bad.to_schema(&InferOptions::default()).unwrap_err();
    let said = "no good record was found, but 5 bad ones";
    assert!(error.to_string().starts_with(said), "{error}");
}

#[test]
fn two_things_of_one_name_are_refused_with_a_way_out() {
    let with = |set: fn(&mut XmlOptions)| {
        let mut options = XmlOptions::new(&["r"]).unwrap();
        set(&mut options);
        InferOptions::from(&options)
    };
    let cases: &[(&str, InferOptions, &str)] = &[
        (
            "<r><a x='1'><_x>2</_x></a></r>",
            InferOptions::default(),
            "an attribute and an element would both be the column `a._x`; choose another attribute_prefix, or leave \
             attributes out (exclude_attributes)",
        ),
        (
            "<r>text<_VALUE>2</_VALUE></r>",
            InferOptions::default(),
            "the text and an element would both be the column `_VALUE`; choose another value_tag",
        ),
        (
            "<r VALUE='1'>text</r>",
            InferOptions::default(),
            "the text and an attribute would both be the column `_VALUE`; choose another value_tag",
        ),
        (
            "<r><rest>2</rest></r>",
            with(|options| options.wildcard_column = Some("rest".to_string())),
            "what the option asks for and what the records hold would both be the column `rest`; choose another \
             wildcard_column",
        ),
    ];
    for (document, options, message) in cases {
        let error = tree(document).to_schema(options).unwrap_err();
        assert_eq!(error.to_string(), *message, "{document}");
    }
    // The way out.
    let options = with(|options| options.attribute_prefix = "@".to_string());
    let schema = tree("<r><a x='1'><_x>2</_x></a></r>").to_schema(&options);
    assert!(schema.is_ok());
}

const RECORDS: [&str; 12] = [
    "<r><a>1</a></r>",
    "<r><a>1.5</a><b/></r>",
    "<r><a>9223372036854775808</a></r>",
    "<r><a>1e5</a></r>",
    "<r><a>007</a></r>",
    "<r><b>true</b><b>false</b></r>",
    "<r><c k='1'><d>2020-01-01</d></c></r>",
    "<r><c>text</c></r>",
    "<r><c><d>2020-01-01T00:00:00</d></c></r>",
    "<r><c k='x'/></r>",
    "<r n='1'/>",
    "<r><broken></r>",
];

#[test]
fn merging_is_commutative_and_associative() {
    let mut random = fastrand::Rng::with_seed(1);
    let whole = tree(&RECORDS.concat());
    for _ in 0..200 {
        let mut records = RECORDS;
        random.shuffle(&mut records);
        assert_eq!(tree(&records.concat()), whole, "{records:?}");
        let mut trees: Vec<TypeTree> = records.iter().map(|record| tree(record)).collect();
        // Merged two by two in any order, to any depth.
        while trees.len() > 1 {
            let right = trees.swap_remove(random.usize(..trees.len()));
            let at = random.usize(..trees.len());
            trees[at].merge(&right);
        }
        assert_eq!(trees[0], whole, "{records:?}");
    }
}

#[test]
fn trees_travel_as_json() {
    let tree = tree(&RECORDS.concat());
    let text = serde_json::to_string(&tree).unwrap();
    assert_eq!(serde_json::from_str::<TypeTree>(&text).unwrap(), tree);
}

#[test]
fn splits_learn_what_the_whole_file_does() {
    let document = format!("<rs>\n{}\n</rs>", RECORDS.join("\n<!-- <r z='0'/> -->"));
    let bytes = document.as_bytes();
    let (whole, _) = learn(bytes, Split::whole());
    for cut in 1..bytes.len() as u64 {
        let (mut first, first_report) = learn(
            bytes,
            Split {
                start: Start::File,
                end: cut,
            },
        );
        let mut split = Split {
            start: Start::Guess(cut),
            end: u64::MAX,
        };
        let (mut second, report) = learn(bytes, split);
        if let Chain::RestartAt(at) = verify_chain(&first_report, &report) {
            split.start = Start::Known(at);
            second = learn(bytes, split).0;
        }
        first.merge(&second);
        assert_eq!(first, whole, "cut at {cut}");
    }
}
