//! Several files: includes, imports, redefinitions; encodings; what cannot be read.

use super::{around, noted, parse, shown};
use crate::xsd::{LoadError, Xsd, XsdError, XsdOptions};

const XS: &str = "xmlns:xs='http://www.w3.org/2001/XMLSchema'";

/// A schema file with these attributes and declarations.
fn file(attributes: &str, declarations: &str) -> String {
    format!("<xs:schema {XS} {attributes}>{declarations}</xs:schema>")
}

/// A type with one element.
fn complex(name: &str, element: &str, of: &str) -> String {
    format!(
        "<xs:complexType name='{name}'><xs:sequence><xs:element name='{element}' type='{of}'/></xs:sequence>\
         </xs:complexType>"
    )
}

/// The columns and notes of `r` in the first file.
fn columns(files: &[(&str, String)]) -> Result<(String, String), XsdError> {
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let found = parse(&files)?.schema_for(&["r"], &XsdOptions::default())?;
    Ok((shown(&found), noted(&found)))
}

#[test]
fn files_are_found_relative_to_the_file_that_names_them() {
    let files = [
        (
            "s/main.xsd",
            around("<xs:include schemaLocation='common/a.xsd'/><xs:element name='r' type='t'/>"),
        ),
        (
            "s/common/a.xsd",
            around(&format!(
                "<xs:include schemaLocation='../b.xsd'/>{}",
                complex("t", "x", "u")
            )),
        ),
        // In a circle, back to the first.
        (
            "s/b.xsd",
            around(&format!(
                "<xs:include schemaLocation='./common/../main.xsd'/>{}",
                complex("u", "y", "xs:int")
            )),
        ),
    ];
    assert_eq!(
        columns(&files).unwrap(),
        ("x {y int64}".into(), String::new())
    );
}

#[test]
fn an_included_file_without_a_namespace_takes_that_of_the_including_one() {
    let files = [
        (
            "m.xsd",
            file(
                "targetNamespace='urn:m' xmlns='urn:m'",
                "<xs:include schemaLocation='c.xsd'/><xs:element name='r' type='t'/>",
            ),
        ),
        (
            "c.xsd",
            around(&format!(
                "{}{}",
                complex("t", "x", "u"),
                complex("u", "y", "xs:date")
            )),
        ),
    ];
    assert_eq!(columns(&files).unwrap().0, "x {y date}");
}

#[test]
fn names_of_one_local_name_are_told_apart_by_namespace() {
    let main = "<xs:import namespace='urn:a' schemaLocation='a.xsd'/><xs:import namespace='urn:b' schemaLocation='b.xsd'/>\
                <xs:element name='r'><xs:complexType><xs:sequence><xs:element name='a' type='a:t'/>\
                <xs:element name='b' type='p:t' xmlns:p='urn:b'/><xs:element name='own' type='t'/>\
                <xs:element ref='a:r'/></xs:sequence></xs:complexType></xs:element>\
                <xs:simpleType name='t'><xs:restriction base='xs:boolean'/></xs:simpleType>";
    let of = |base: &str| {
        format!(
            "<xs:simpleType name='t'><xs:restriction base='xs:{base}'/></xs:simpleType><xs:element name='r' type='xs:int'/>"
        )
    };
    let files = [
        ("m.xsd", file("xmlns:a='urn:a'", main)),
        ("a.xsd", file("targetNamespace='urn:a'", &of("int"))),
        ("b.xsd", file("targetNamespace='urn:b'", &of("date"))),
    ];
    // `r` is that of the first file, though three have one.
    assert_eq!(
        columns(&files).unwrap().0,
        "a int64, b date, own bool, r int64"
    );
    let texts: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let all = parse(&texts).unwrap();
    let columns = |row_tag: &str| {
        all.schema_for(&[row_tag], &XsdOptions::default())
            .map(|found| shown(&found))
    };
    assert_eq!(columns("a:r").unwrap(), "_VALUE int64");
    let error = columns("z:r").unwrap_err().to_string();
    assert!(
        error.contains("3 elements are named `z:r`") && error.contains("a.xsd:1"),
        "{error}"
    );
}

#[test]
fn a_redefinition_takes_the_place_of_what_it_builds_on() {
    let extends = |element: &str| {
        format!(
            "<xs:complexType name='t'><xs:complexContent><xs:extension base='t'><xs:sequence>\
             <xs:element name='{element}' type='xs:int'/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>"
        )
    };
    let files = [
        (
            "a.xsd",
            around(&format!(
                "<xs:redefine schemaLocation='b.xsd'>{}<xs:group name='g'><xs:sequence><xs:group ref='g'/>\
             <xs:element name='h' type='xs:int'/></xs:sequence></xs:group></xs:redefine><xs:element name='r' type='t'/>",
                extends("z")
            )),
        ),
        (
            "b.xsd",
            around(&format!(
                "<xs:redefine schemaLocation='c.xsd'>{}</xs:redefine>",
                extends("y")
            )),
        ),
        (
            "c.xsd",
            around(
                "<xs:complexType name='t'><xs:sequence><xs:element name='x' type='xs:int'/><xs:group ref='g'/></xs:sequence>\
             </xs:complexType><xs:group name='g'><xs:sequence><xs:element name='g1' type='xs:int'/></xs:sequence></xs:group>",
            ),
        ),
    ];
    assert_eq!(
        columns(&files).unwrap().0,
        "x int64, g1 int64, h int64, y int64, z int64"
    );
}

#[test]
fn nothing_is_fetched_from_the_network() {
    let import = "<xs:import namespace='urn:far' schemaLocation='https://example.org/far.xsd'/>";
    let unused = file(
        "xmlns:f='urn:far'",
        &format!("{import}<xs:element name='r' type='xs:int'/>"),
    );
    let (found, notes) = columns(&[("m.xsd", unused)]).unwrap();
    assert_eq!(found, "_VALUE int64");
    assert!(
        notes.starts_with("m.xsd:1: https://example.org/far.xsd was not read"),
        "{notes}"
    );
    let used = file(
        "xmlns:f='urn:far'",
        &format!("{import}\n<xs:element name='r' type='f:t'/>"),
    );
    let error = columns(&[("s/m.xsd", used.clone())])
        .unwrap_err()
        .to_string();
    for part in [
        "s/m.xsd:2: the type `f:t` is not declared",
        "it may be in https://example.org/far.xsd, which is not fetched",
        "download that to s/far.xsd",
    ] {
        assert!(error.contains(part), "{error}");
    }
    // A copy beside it is taken.
    let copy = file("targetNamespace='urn:far'", &complex("t", "x", "xs:int"));
    let (found, notes) = columns(&[("s/m.xsd", used), ("s/far.xsd", copy)]).unwrap();
    assert_eq!(found, "x int64");
    assert_eq!(
        notes,
        "s/m.xsd:1: https://example.org/far.xsd: s/far.xsd was read"
    );
    // The attributes of the prefix xml are known without.
    let xml = "<xs:import namespace='http://www.w3.org/XML/1998/namespace' schemaLocation='http://www.w3.org/2001/xml.xsd'/>\
               <xs:element name='r'><xs:complexType><xs:attribute ref='xml:lang'/></xs:complexType></xs:element>";
    assert_eq!(
        columns(&[("m.xsd", around(xml))]).unwrap(),
        ("_lang text".into(), String::new())
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let cases = [
        (
            around("\n<xs:include schemaLocation='x/gone.xsd'/>"),
            "m.xsd:2: the schema file x/gone.xsd cannot be read: there is no such file",
        ),
        (
            around("<xs:include/>"),
            "m.xsd:1: the `include` has no schemaLocation",
        ),
        (
            "<a>\n</b>".into(),
            "m.xsd:2: the file is not well-formed XML",
        ),
        (
            "<a>\n<b>".into(),
            "m.xsd:2: the file ends inside an element",
        ),
        ("".into(), "m.xsd:1: the file has no root element `schema`"),
        (
            "<schema xmlns='urn:other'/>".into(),
            "m.xsd:1: the file has no root element `schema`",
        ),
        (
            around("<xs:element name='r' name='s'/>"),
            "m.xsd:1: the file is not well-formed XML",
        ),
        (
            around(&"<xs:sequence>".repeat(300)),
            "there are more than 256 elements open at once",
        ),
    ];
    for (text, expected) in cases {
        let error = columns(&[("m.xsd", text.clone())]).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let error = Xsd::parse("top.xsd", &mut |_| Err("permission denied".into())).unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("the schema file top.xsd cannot be read: permission denied"),
        "{error}"
    );
}

#[test]
fn a_declaration_that_stands_twice_is_noted_and_the_first_is_taken() {
    let files = [
        (
            "m.xsd",
            around(
                "<xs:include schemaLocation='a.xsd'/><xs:element name='r' type='t'/>\n<xs:simpleType name='t'><xs:restriction base='xs:int'/></xs:simpleType>",
            ),
        ),
        (
            "a.xsd",
            around("<xs:simpleType name='t'><xs:restriction base='xs:date'/></xs:simpleType>"),
        ),
    ];
    let (found, notes) = columns(&files).unwrap();
    assert_eq!(found, "_VALUE int64");
    assert_eq!(
        notes,
        "a.xsd:1: the type `t` is declared at m.xsd:2 too; that one is used"
    );
}

#[test]
fn encodings_of_schema_files() {
    let text = "<?xml version='1.0' encoding='ENC'?><xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'>\
                <xs:element name='r'><xs:complexType><xs:attribute name='größe' type='xs:int'/></xs:complexType>\
                </xs:element></xs:schema>";
    let utf8 = text.replace("ENC", "UTF-8");
    let utf16 = |unit: fn(u16) -> [u8; 2], mark: [u8; 2]| {
        let units = text.encode_utf16().flat_map(unit);
        mark.into_iter().chain(units).collect::<Vec<u8>>()
    };
    let latin: Vec<u8> = text
        .replace("ENC", "ISO-8859-1")
        .chars()
        .map(|c| c as u8)
        .collect();
    let cases = [
        utf8.as_bytes().to_vec(),
        [b"\xEF\xBB\xBF", utf8.as_bytes()].concat(),
        utf16(u16::to_le_bytes, [0xFF, 0xFE]),
        utf16(u16::to_be_bytes, [0xFE, 0xFF]),
        latin,
    ];
    for bytes in cases {
        let all = Xsd::parse("a.xsd", &mut |_| Ok::<_, LoadError>(bytes.clone())).unwrap();
        let found = all.schema_for(&["r"], &XsdOptions::default()).unwrap();
        assert_eq!(shown(&found), "_größe int64");
    }
    let wrong: Vec<u8> = text
        .replace("ENC", "UTF-8")
        .chars()
        .map(|c| c as u8)
        .collect();
    let error = Xsd::parse("a.xsd", &mut |_| Ok::<_, LoadError>(wrong.clone())).unwrap_err();
    assert!(error.to_string().contains("convert it to UTF-8"), "{error}");
}

#[test]
fn annotations_entities_and_other_namespaces_do_not_disturb() {
    let text = "<!DOCTYPE schema [<!ENTITY n 'x'>]>\n<schema xmlns='http://www.w3.org/2001/XMLSchema' xmlns:d='urn:d' \
                version='&n;'><annotation><documentation><element name='r'/></documentation></annotation>\
                <d:element name='r'/><element name='r'><complexType><annotation/><attribute name='a&#x62;' type=' int '/>\
                </complexType></element></schema>";
    assert_eq!(columns(&[("m.xsd", text.into())]).unwrap().0, "_ab int64");
}
