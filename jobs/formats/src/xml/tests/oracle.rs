//! The reader against a slow and obvious one: quick-xml into a tree, the tree into rows by the table of the module's
//! documentation.

use std::sync::Arc;

use arrow::datatypes::{DataType, Fields};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value, json};

use super::run::{read_chain, read_whole, rounds};
use crate::infer::{InferOptions, Inferrer};
use crate::xml::{FedState, Split, XmlConfig, XmlOptions};

/// An element with all that it holds.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    text: String,
}

fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap().to_string()
}

fn tree(document: &str) -> Element {
    let mut reader = Reader::from_str(document);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => open.push(element(&tag)),
            Event::Empty(tag) => open.last_mut().unwrap().children.push(element(&tag)),
            Event::End(_) => {
                let closed = open.pop().unwrap();
                open.last_mut().unwrap().children.push(closed);
            }
            Event::Text(text) => open.last_mut().unwrap().text.push_str(&text),
            Event::CData(text) => open.last_mut().unwrap().text.push_str(&text),
            Event::GeneralRef(name) => {
                let written = format!("&{};", &*name);
                let text = quick_xml::escape::unescape(&written).unwrap().into_owned();
                open.last_mut().unwrap().text.push_str(&text);
            }
            Event::Eof => return open.pop().unwrap(),
            _ => {}
        }
    }
}

fn element(tag: &quick_xml::events::BytesStart<'_>) -> Element {
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.unwrap();
        let key = attribute.key.as_ref();
        if key != "xmlns" && !key.starts_with("xmlns:") {
            let value = quick_xml::escape::unescape(&attribute.value)
                .unwrap()
                .into_owned();
            attributes.push((local(attribute.key.as_ref()), value));
        }
    }
    Element {
        name: local(tag.name().as_ref()),
        attributes,
        ..Element::default()
    }
}

fn collect_rows(element: &Element, tag: &str, fields: &Fields, rows: &mut Vec<Value>) {
    for child in &element.children {
        if child.name == tag {
            rows.push(object(child, fields));
        } else {
            collect_rows(child, tag, fields, rows);
        }
    }
}

fn object(element: &Element, fields: &Fields) -> Value {
    let mut object = Map::new();
    for field in fields {
        let name = field.name();
        let found: Vec<Value> = if name == "_VALUE" {
            let text = element.text.trim();
            if text.is_empty() {
                vec![]
            } else {
                vec![scalar(text, field.data_type())]
            }
        } else if let Some(attribute) = name.strip_prefix('_') {
            let named = element
                .attributes
                .iter()
                .filter(|(key, _)| key == attribute);
            named
                .map(|(_, value)| scalar(value.trim(), field.data_type()))
                .collect()
        } else {
            let item = match field.data_type() {
                DataType::List(item) => item.data_type(),
                other => other,
            };
            let named = element.children.iter().filter(|child| child.name == *name);
            named.map(|child| value(child, item)).collect()
        };
        match field.data_type() {
            DataType::List(_) if !found.is_empty() => {
                object.insert(name.clone(), Value::Array(found));
            }
            _ => {
                if let Some(value) = found.into_iter().next().filter(|value| !value.is_null()) {
                    object.insert(name.clone(), value);
                }
            }
        }
    }
    Value::Object(object)
}

fn value(element: &Element, data_type: &DataType) -> Value {
    match data_type {
        DataType::Struct(fields) => {
            let blank = element.text.trim().is_empty();
            if blank && element.children.is_empty() && element.attributes.is_empty() {
                return Value::Null;
            }
            object(element, fields)
        }
        scalar_type => scalar(element.text.trim(), scalar_type),
    }
}

fn scalar(text: &str, data_type: &DataType) -> Value {
    match data_type {
        DataType::Utf8 => json!(text),
        _ if text.is_empty() => Value::Null,
        DataType::Int64 => json!(text.parse::<i64>().unwrap()),
        DataType::Boolean => json!(text.parse::<bool>().unwrap()),
        DataType::Decimal128(_, scale) => {
            let (whole, places) = text.split_once('.').unwrap_or((text, ""));
            let whole = if whole.is_empty() || whole == "-" {
                format!("{whole}0")
            } else {
                whole.to_string()
            };
            json!(format!(
                "{whole}.{places:0<width$}",
                width = *scale as usize
            ))
        }
        other => panic!("the generator makes no {other}"),
    }
}

/// Makes well-formed documents of a few names, so that everything repeats, nests and goes missing.
struct Generator {
    random: fastrand::Rng,
    out: String,
}

impl Generator {
    fn document(seed: u64) -> String {
        let mut this = Self {
            random: fastrand::Rng::with_seed(seed),
            out: String::new(),
        };
        this.out.push_str("<?xml version=\"1.0\"?>\n<rows>");
        for _ in 0..this.random.usize(1..12) {
            match this.random.u8(0..10) {
                0 => this.out.push_str("<!-- <row> -->"),
                1 => this.out.push_str("<other><a>1</a></other>"),
                _ => this.element("row", 0),
            }
            this.space();
        }
        this.out.push_str("</rows>\n");
        this.out
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.random.usize(..from.len())]
    }

    fn space(&mut self) {
        let space = self.pick(&["", "", "\n", "  ", "\n\t"]);
        self.out.push_str(space);
    }

    fn element(&mut self, name: &str, depth: usize) {
        let prefix = self.pick(&["", "", "", "p:"]);
        self.out.push_str(&format!("<{prefix}{name}"));
        let mut keys = vec!["x", "y", "q:z", "xmlns:q"];
        while self.random.u8(0..4) == 0 && !keys.is_empty() {
            let key = keys.swap_remove(self.random.usize(..keys.len()));
            let value = self.pick(&["1", "a&amp;b", "", " t ", "é", "a>b", "12.5"]);
            let quote = self.pick(&["\"", "'"]);
            let space = self.pick(&[" ", "\n", "  "]);
            self.out
                .push_str(&format!("{space}{key}={quote}{value}{quote}"));
        }
        if self.random.u8(0..8) == 0 {
            let end = self.pick(&["/>", " />"]);
            self.out.push_str(end);
            return;
        }
        self.out.push('>');
        if depth < 4 && (depth == 0 || self.random.u8(0..3) == 0) {
            for _ in 0..self.random.usize(0..6) {
                self.space();
                let name = self.pick(&["a", "b", "c", "d-e", "row", "num", "amount", "flag"]);
                self.element(name, depth + 1);
                if self.random.u8(0..12) == 0 {
                    self.text(name);
                }
            }
            self.space();
        } else {
            self.text(name);
        }
        self.out.push_str(&format!("</{prefix}{name}>"));
    }

    fn text(&mut self, name: &str) {
        let text = match name {
            "num" => self.pick(&["1", "-7", "", "0", "123456789"]),
            "amount" => self.pick(&["1.50", "-0.5", "12", "", ".25", "1000000.001"]),
            "flag" => self.pick(&["true", "false", " true "]),
            _ => self.pick(&[
                "x",
                "",
                " ",
                "two words",
                "&lt;&#65;&gt;",
                "<![CDATA[<row>&]]>",
                "a<!-- c -->b",
                "日本",
                "0012",
                "x<![CDATA[]]>",
                "a<?p <row>?>",
                "long text that goes on for a while, to more than thirty-two bytes",
            ]),
        };
        self.out.push_str(text);
    }
}

/// The schema that inference finds for a document.
fn inferred(options: &Arc<XmlOptions>, document: &str) -> Option<Arc<XmlConfig>> {
    let mut inferrer = Inferrer::new(options.clone(), Split::whole());
    let fed = inferrer.feed(document.as_bytes(), true).unwrap();
    assert_eq!(fed.state, FedState::Done);
    let schema = Arc::new(inferrer.finish().to_schema(&InferOptions::default()).ok()?);
    Some(Arc::new(
        XmlConfig::new(options.as_ref().clone(), schema.clone(), schema).unwrap(),
    ))
}

#[test]
fn random_documents_read_as_the_slow_reader_reads_them() {
    let mut options = XmlOptions::new(&["row"]).unwrap();
    options.limits.sync_bytes_max = 100;
    let options = Arc::new(options);
    let mut rows_in_all = 0;
    let mut random = fastrand::Rng::with_seed(3);
    for seed in 0..rounds(800) {
        let document = Generator::document(seed);
        let Some(config) = inferred(&options, &document) else {
            continue;
        };
        let mut expected = Vec::new();
        collect_rows(
            &tree(&document),
            "row",
            config.schema().fields(),
            &mut expected,
        );
        let (whole, report) = read_whole(&config, document.as_bytes());
        assert_eq!(
            whole.rows,
            expected,
            "seed {seed}:\n{document}\n{:#?}",
            config.schema()
        );
        assert!(whole.bad.is_empty(), "seed {seed}: {:#?}", whole.bad);
        assert!(
            report.unknown.is_empty() && report.unknown_more == 0,
            "seed {seed}: {:#?}",
            report.unknown
        );
        rows_in_all += expected.len();
        if seed % 8 == 0 {
            for _ in 0..30 {
                let cut = random.usize(1..document.len());
                let (parts, _) = read_chain(&config, document.as_bytes(), &[cut], 33);
                assert_eq!(parts, whole, "seed {seed}, cut at {cut}");
            }
        }
    }
    assert!(rows_in_all > 3000, "{rows_in_all}");
}
