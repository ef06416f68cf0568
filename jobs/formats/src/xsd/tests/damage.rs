//! Schema files that are damaged or made to hurt: whatever they say, there is an answer, and it is there soon.

use std::collections::HashMap;

use super::{around, parse, schema_of, schema_with};
use crate::schema_file;
use crate::xsd::{LoadError, Xsd, XsdError, XsdOptions};

/// Chains are this long: more than a test's stack would take.
const LONG: usize = 5_000;

fn options() -> XsdOptions {
    XsdOptions {
        columns_max: 500,
        ..XsdOptions::default()
    }
}

#[test]
fn seeded_damage_never_panics() {
    let seeds = [
        super::reading::ORDERS.replace("money.xsd", "a.xsd"),
        around(
            "<xs:element name='r' type='t'/><xs:complexType name='t' abstract='true'><xs:choice maxOccurs='2'>\
             <xs:element ref='r'/><xs:group ref='g'/><xs:any/></xs:choice><xs:attributeGroup ref='a'/></xs:complexType>\
             <xs:complexType name='u' mixed='true'><xs:complexContent><xs:extension base='t'><xs:all>\
             <xs:element name='e' type='s' minOccurs='0'/></xs:all></xs:extension></xs:complexContent></xs:complexType>\
             <xs:complexType name='v'><xs:simpleContent><xs:restriction base='s'><xs:totalDigits value='5'/>\
             </xs:restriction></xs:simpleContent></xs:complexType><xs:group name='g'><xs:sequence>\
             <xs:element name='x' type='v'/><xs:element name='y' substitutionGroup='r'/></xs:sequence></xs:group>\
             <xs:attributeGroup name='a'><xs:attribute name='i' type='s'/><xs:attributeGroup ref='a'/></xs:attributeGroup>\
             <xs:simpleType name='s'><xs:union memberTypes='xs:int p'/></xs:simpleType><xs:simpleType name='p'>\
             <xs:restriction base='xs:decimal'><xs:fractionDigits value='2'/></xs:restriction></xs:simpleType>\
             <xs:element name='z' type='u' substitutionGroup='r'/>",
        ),
    ];
    let words = [
        "<",
        ">",
        "/>",
        "'",
        "&",
        "&#0;",
        "xs:",
        "type='t'",
        "type='u'",
        "base='u'",
        "ref='r'",
        "ref='g'",
        "name='r'",
        "name='t'",
        "abstract='true'",
        "maxOccurs='unbounded'",
        "xs:any",
        "xs:restriction",
        "xs:extension",
        "xs:redefine",
        "-1",
        "99999999999999999999999999",
        "\u{0}",
        "ü",
        "xmlns:xs=''",
        "substitutionGroup='z'",
        "schemaLocation='a.xsd'",
    ];
    let rounds = std::env::var("HEADWORKS_TEST_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_u64);
    let mut schemas = 0;
    for seed in 0..4000 * rounds {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut text = seeds[random.usize(..seeds.len())].clone();
        for _ in 0..random.usize(1..6) {
            let boundary = |random: &mut fastrand::Rng| {
                let mut at = random.usize(..=text.len());
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                at
            };
            let (a, b) = (boundary(&mut random), boundary(&mut random));
            let (from, to) = (a.min(b), a.max(b));
            match random.u8(..4) {
                // Names and tags trade places.
                0 => {
                    let quoted: Vec<&str> = text.split('\'').collect();
                    let (i, j) = (random.usize(..quoted.len()), random.usize(..quoted.len()));
                    let mut parts: Vec<String> = quoted.iter().map(ToString::to_string).collect();
                    if i % 2 == j % 2 {
                        parts.swap(i, j);
                    }
                    text = parts.join("'");
                }
                1 if to - from < 60 => text.replace_range(from..to, ""),
                2 if to - from < 400 => {
                    let copy = text[from..to].to_string();
                    let at = boundary(&mut random);
                    text.insert_str(at, &copy);
                }
                _ => text.insert_str(from, words[random.usize(..words.len())]),
            }
        }
        let mut load = |_: &str| Ok::<_, LoadError>(text.as_bytes().to_vec());
        let Ok(all) = Xsd::parse("a.xsd", &mut load) else {
            continue;
        };
        for row_tag in ["r", "order", "z", "item", "x"] {
            if let Ok(found) = all.schema_for(&[row_tag], &options()) {
                schemas += 1;
                let text = schema_file::write(&found.schema).unwrap();
                assert_eq!(
                    schema_file::read(&text).unwrap(),
                    found.schema,
                    "seed {seed}"
                );
            }
        }
    }
    assert!(schemas > 500, "too few came through: {schemas}");
}

#[test]
fn long_chains_end_with_an_error_and_not_with_the_stack() {
    let chain = |link: &dyn Fn(usize) -> String| -> String { (0..LONG).map(link).collect() };
    let record = "<xs:element name='r' type='t0'/>";
    let cases = [
        // Each type is made of the next.
        chain(&|i| {
            format!(
                "<xs:complexType name='t{i}'><xs:complexContent><xs:extension base='t{}'/></xs:complexContent></xs:complexType>",
                i + 1
            )
        }),
        chain(&|i| {
            format!(
                "<xs:simpleType name='t{i}'><xs:restriction base='t{}'/></xs:simpleType>",
                i + 1
            )
        }),
        "<xs:complexType name='t0'><xs:group ref='g0'/></xs:complexType>".to_string()
            + &chain(&|i| {
                format!(
                    "<xs:group name='g{i}'><xs:sequence><xs:group ref='g{}'/></xs:sequence></xs:group>",
                    i + 1
                )
            }),
        "<xs:complexType name='t0'><xs:attributeGroup ref='g0'/></xs:complexType>".to_string()
            + &chain(&|i| {
                format!(
                    "<xs:attributeGroup name='g{i}'><xs:attributeGroup ref='g{}'/></xs:attributeGroup>",
                    i + 1
                )
            }),
    ];
    for types in cases {
        let error = schema_of(&format!("{record}{types}"), "r").unwrap_err();
        let inside = "declarations inside one another";
        assert!(
            matches!(&error, XsdError::TooLarge { what, .. } if *what == inside),
            "{error}"
        );
    }
    // Each holds the next: that is cut, not refused.
    let holds = chain(&|i| {
        format!(
            "<xs:complexType name='t{i}'><xs:sequence><xs:element name='e' type='t{}'/></xs:sequence></xs:complexType>",
            (i + 1) % LONG
        )
    });
    let found = schema_of(&format!("{record}{holds}"), "r").unwrap();
    assert!(
        super::noted(&found).contains("64 elements deep"),
        "{}",
        super::noted(&found)
    );
    // Each may stand for the next.
    let stands = chain(&|i| format!("<xs:element name='e{}' substitutionGroup='e{i}'/>", i + 1));
    let head = "<xs:element name='e0' type='xs:int'/><xs:element name='r'><xs:complexType><xs:sequence>\
                <xs:element ref='e0'/></xs:sequence></xs:complexType></xs:element>";
    let error = schema_with(&format!("{head}{stands}"), "r", &options()).unwrap_err();
    assert!(
        matches!(
            error,
            XsdError::TooLarge {
                what: "columns",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn what_doubles_at_each_step_is_worked_out_once() {
    let double = |of: &str, link: &dyn Fn(usize) -> String| -> String {
        format!("{of}{}", (0..100).map(link).collect::<String>())
    };
    let cases = [
        double(
            "<xs:complexType name='t'><xs:group ref='g0'/></xs:complexType><xs:group name='g100'><xs:sequence>\
             <xs:element name='x' type='xs:int'/></xs:sequence></xs:group>",
            &|i| {
                format!(
                    "<xs:group name='g{i}'><xs:choice><xs:group ref='g{0}'/><xs:group ref='g{0}'/></xs:choice></xs:group>",
                    i + 1
                )
            },
        ),
        double(
            "<xs:complexType name='t'><xs:sequence><xs:element name='x' type='u0'/></xs:sequence></xs:complexType>\
             <xs:simpleType name='u100'><xs:restriction base='xs:int'/></xs:simpleType>",
            &|i| {
                format!(
                    "<xs:simpleType name='u{i}'><xs:union memberTypes='u{0} u{0}'/></xs:simpleType>",
                    i + 1
                )
            },
        ),
        double(
            "<xs:complexType name='t'><xs:sequence><xs:element name='x' type='xs:int'/></xs:sequence>\
             <xs:attributeGroup ref='g0'/></xs:complexType><xs:attributeGroup name='g100'/>",
            &|i| {
                format!(
                    "<xs:attributeGroup name='g{i}'><xs:attributeGroup ref='g{0}'/><xs:attributeGroup ref='g{0}'/></xs:attributeGroup>",
                    i + 1
                )
            },
        ),
    ];
    for types in cases {
        let found = schema_of(&format!("<xs:element name='r' type='t'/>{types}"), "r").unwrap();
        assert_eq!(super::shown(&found), "x int64");
    }
}

#[test]
fn thousands_of_files_are_read_and_more_are_refused() {
    let files = |count: usize| {
        let mut files = HashMap::new();
        for i in 0..count {
            let text = around(&format!(
                "<xs:include schemaLocation='f{}.xsd'/><xs:include schemaLocation='f{}.xsd'/>\
                 <xs:complexType name='t{i}'><xs:sequence><xs:element name='e' type='xs:int'/></xs:sequence>\
                 </xs:complexType><xs:element name='r{i}' type='t{}'/>",
                (i + 1) % count,
                (i * 7) % count,
                (i + 3) % count
            ));
            files.insert(format!("f{i}.xsd"), text.into_bytes());
        }
        let parsed = Xsd::parse("f0.xsd", &mut |location| {
            files.get(location).cloned().ok_or_else(|| "gone".into())
        });
        parsed.and_then(|all| all.schema_for(&["r9"], &options()))
    };
    assert_eq!(super::shown(&files(3000).unwrap()), "e int64");
    let error = files(6000).unwrap_err();
    assert!(
        matches!(
            error,
            XsdError::TooLarge {
                what: "files of a schema",
                ..
            }
        ),
        "{error}"
    );
    // A file whose includes never end.
    let mut count = 0;
    let error = Xsd::parse("f.xsd", &mut |_| {
        count += 1;
        Ok(around(&format!("<xs:include schemaLocation='d{count}/f.xsd'/>")).into_bytes())
    });
    assert!(matches!(error, Err(XsdError::TooLarge { .. })));
    assert!(parse(&[("a.xsd", &around("<xs:include schemaLocation='a.xsd'/>"))]).is_ok());
}
