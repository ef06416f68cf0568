//! Complex types, construct by construct.

use super::{noted, parse, schema_of, schema_with, shown};
use crate::xsd::{XsdError, XsdOptions};

/// What stands beside the record in every case.
const SHARED: &str = "
<xs:element name='global' type='xs:int'/>
<xs:attribute name='unit' type='xs:token'/>
<xs:complexType name='base'>
  <xs:sequence><xs:element name='a' type='xs:int'/></xs:sequence>
  <xs:attribute name='id' type='xs:int'/><xs:attribute name='old' type='xs:string'/>
</xs:complexType>
<xs:complexType name='more'><xs:complexContent><xs:extension base='base'>
  <xs:sequence><xs:element name='b' type='xs:string'/></xs:sequence><xs:attribute name='z' type='xs:date'/>
</xs:extension></xs:complexContent></xs:complexType>
<xs:complexType name='less'><xs:complexContent><xs:restriction base='more'>
  <xs:sequence><xs:element name='b'><xs:simpleType><xs:restriction base='xs:string'>
    <xs:maxLength value='3'/></xs:restriction></xs:simpleType></xs:element></xs:sequence>
  <xs:attribute name='old' use='prohibited'/>
</xs:restriction></xs:complexContent></xs:complexType>
<xs:complexType name='price'><xs:simpleContent><xs:extension base='xs:float'>
  <xs:attribute name='currency' type='xs:string' use='required'/></xs:extension></xs:simpleContent></xs:complexType>
<xs:complexType name='cents'><xs:simpleContent><xs:restriction base='price'>
  <xs:simpleType><xs:restriction base='xs:int'/></xs:simpleType></xs:restriction></xs:simpleContent></xs:complexType>
<xs:group name='pair'><xs:sequence>
  <xs:element name='x' type='xs:int'/><xs:element name='y' type='xs:int'/></xs:sequence></xs:group>
<xs:attributeGroup name='stamp'><xs:attribute name='by' type='xs:string'/>
  <xs:attributeGroup ref='when'/></xs:attributeGroup>
<xs:attributeGroup name='when'><xs:attribute name='at' type='xs:date'/>
  <xs:attributeGroup ref='stamp'/></xs:attributeGroup>
<xs:element name='shape' type='base' abstract='true'/>
<xs:element name='circle' substitutionGroup='shape'/>
<xs:element name='square' type='more' substitutionGroup='shape'/>
<xs:element name='cube' type='xs:int' substitutionGroup='square'/>
<xs:element name='nobody' abstract='true'/>
<xs:complexType name='party' abstract='true'><xs:sequence>
  <xs:element name='name' type='xs:string'/></xs:sequence></xs:complexType>
<xs:complexType name='person'><xs:complexContent><xs:extension base='party'><xs:sequence>
  <xs:element name='born' type='xs:date'/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
<xs:complexType name='company'><xs:complexContent><xs:extension base='party'><xs:sequence>
  <xs:element name='born' type='xs:dateTime'/><xs:element name='vat' type='xs:string'/>
</xs:sequence></xs:extension></xs:complexContent></xs:complexType>
<xs:complexType name='ghost' abstract='true'><xs:sequence>
  <xs:element name='boo' type='xs:string'/></xs:sequence></xs:complexType>
";

#[test]
fn each_construct_has_its_columns() {
    // What the record's complexType holds; the columns.
    let cases = [
        // Sequences, choices, alls, and how often.
        (
            "<xs:sequence>{a int}{b int}</xs:sequence>",
            "a int64, b int64",
        ),
        ("<xs:all>{b int}{a int}</xs:all>", "b int64, a int64"),
        (
            "<xs:sequence>{a int 0 unbounded}</xs:sequence>",
            "a [int64]",
        ),
        (
            "<xs:sequence>{a int 0 5}{b int 1 1}</xs:sequence>",
            "a [int64], b int64",
        ),
        ("<xs:sequence>{a int 0 0}{b int}</xs:sequence>", "b int64"),
        (
            "<xs:sequence>{a int 2}{b int}</xs:sequence>",
            "a [int64], b int64",
        ),
        (
            "<xs:sequence>{a int 1 99999999999999999999999}</xs:sequence>",
            "a [int64]",
        ),
        (
            "<xs:sequence>{a int}{b int}{a int}</xs:sequence>",
            "a [int64], b int64",
        ),
        (
            "<xs:choice>{a int}{b int}{a int}</xs:choice>",
            "a int64, b int64",
        ),
        (
            "<xs:choice maxOccurs='unbounded'>{a int}{b int}</xs:choice>",
            "a [int64], b [int64]",
        ),
        (
            "<xs:sequence><xs:choice><xs:sequence maxOccurs='2'>{a int}</xs:sequence>{b int}</xs:choice>{c int}\
             </xs:sequence>",
            "a [int64], b int64, c int64",
        ),
        (
            "<xs:sequence><xs:choice>{a int}{b int}</xs:choice><xs:choice>{b int}{c int}</xs:choice></xs:sequence>",
            "a int64, b [int64], c int64",
        ),
        (
            "<xs:sequence><xs:sequence maxOccurs='0'>{a int}</xs:sequence>{b int}</xs:sequence>",
            "b int64",
        ),
        // One name with several types.
        (
            "<xs:choice>{a int}{a decimal}</xs:choice>",
            "a decimal(38,18)",
        ),
        ("<xs:choice>{a int}{a date}</xs:choice>", "a text"),
        (
            "<xs:choice>{a int}<xs:element name='a' type='base'/></xs:choice>",
            "a {_id int64, _old text, _VALUE int64, a int64}",
        ),
        // References and groups.
        (
            "<xs:sequence><xs:element ref='global' maxOccurs='2'/></xs:sequence><xs:attribute ref='unit'/>\
             <xs:attribute ref='xml:lang'/>",
            "_unit text, _lang text, global [int64]",
        ),
        ("<xs:group ref='pair'/>", "x int64, y int64"),
        (
            "<xs:sequence><xs:group ref='pair' maxOccurs='unbounded'/>{z int}</xs:sequence>",
            "x [int64], y [int64], z int64",
        ),
        (
            "<xs:sequence><xs:group ref='pair'/><xs:group ref='pair'/></xs:sequence>",
            "x [int64], y [int64]",
        ),
        (
            "<xs:sequence>{v int}</xs:sequence><xs:attributeGroup ref='stamp'/>",
            "_by text, _at date, v int64",
        ),
        // Attributes go first, whatever their place; a prohibited one is none.
        (
            "<xs:attribute name='k' type='xs:long'/><xs:attribute name='n' use='prohibited'/><xs:attribute name='t'/>",
            "_k int64, _t text",
        ),
        // Simple content, mixed content, no content.
        (
            "<xs:sequence><xs:element name='p' type='price'/></xs:sequence>",
            "p {_currency text, _VALUE float64}",
        ),
        (
            "<xs:sequence><xs:element name='p' type='cents'/></xs:sequence>",
            "p {_currency text, _VALUE int64}",
        ),
        (
            "<xs:sequence><xs:element name='m'><xs:complexType mixed='true'><xs:sequence>{b string}</xs:sequence>\
             </xs:complexType></xs:element></xs:sequence>",
            "m {_VALUE text, b text}",
        ),
        (
            "<xs:sequence><xs:element name='e'><xs:complexType/></xs:element></xs:sequence>",
            "e text",
        ),
        (
            "<xs:sequence><xs:element name='e'><xs:complexType><xs:simpleContent><xs:extension base='xs:int'/>\
             </xs:simpleContent></xs:complexType></xs:element></xs:sequence>",
            "e int64",
        ),
        (
            "<xs:sequence><xs:element name='n' type='xs:int' nillable='true'/></xs:sequence>",
            "n int64",
        ),
        // Extension and restriction.
        (
            "<xs:sequence><xs:element name='m' type='more'/></xs:sequence>",
            "m {_id int64, _old text, _z date, a int64, b text}",
        ),
        (
            "<xs:sequence><xs:element name='l' type='less'/></xs:sequence>",
            "l {_id int64, _z date, b text}",
        ),
        (
            "<xs:complexContent><xs:extension base='base'><xs:choice>{a int}{c int}</xs:choice></xs:extension>\
             </xs:complexContent>",
            "_id int64, _old text, a [int64], c int64",
        ),
        (
            "<xs:complexContent mixed='true'><xs:extension base='base'/></xs:complexContent>",
            "_id int64, _old text, _VALUE text, a int64",
        ),
        (
            "<xs:complexContent><xs:restriction base='xs:anyType'><xs:sequence>{c int}</xs:sequence></xs:restriction>\
             </xs:complexContent>",
            "c int64",
        ),
        // Who may stand for whom.
        (
            "<xs:sequence><xs:element ref='shape' maxOccurs='unbounded'/></xs:sequence>",
            "circle [{_id int64, _old text, a int64}], square [{_id int64, _old text, _z date, a int64, b text}], \
             cube [int64]",
        ),
        (
            "<xs:sequence><xs:element ref='square'/></xs:sequence>",
            "square {_id int64, _old text, _z date, a int64, b text}, cube int64",
        ),
        (
            "<xs:sequence><xs:element name='who' type='party'/></xs:sequence>",
            "who {_type text, name text, born timestamp, vat text}",
        ),
        // What has no columns of its own.
        (
            "<xs:sequence>{a int}<xs:any/></xs:sequence><xs:anyAttribute/>",
            "a int64",
        ),
        (
            "<xs:sequence><xs:element name='w'/></xs:sequence>",
            "w text",
        ),
        (
            "<xs:sequence>{a int}<xs:element ref='nobody'/></xs:sequence>",
            "a int64",
        ),
        (
            "<xs:sequence><xs:element name='g' type='ghost'/></xs:sequence>",
            "g {boo text}",
        ),
    ];
    for (content, expected) in cases {
        let text = record(content);
        let found = schema_of(&text, "r").unwrap_or_else(|error| panic!("{content}: {error}"));
        assert_eq!(shown(&found), expected, "{content}");
    }
}

/// A record that holds this; `{name type min max}` is an element.
fn record(content: &str) -> String {
    let mut out = String::new();
    let mut rest = content;
    while let Some((before, after)) = rest.split_once('{') {
        let (element, after) = after.split_once('}').unwrap();
        let words: Vec<&str> = element.split(' ').collect();
        out.push_str(before);
        out.push_str(&format!(
            "<xs:element name='{}' type='xs:{}'",
            words[0], words[1]
        ));
        for (name, value) in ["minOccurs", "maxOccurs"].iter().zip(words.iter().skip(2)) {
            out.push_str(&format!(" {name}='{value}'"));
        }
        out.push_str("/>");
        rest = after;
    }
    out.push_str(rest);
    format!("<xs:element name='r'><xs:complexType>{out}</xs:complexType></xs:element>{SHARED}")
}

#[test]
fn what_is_not_read_as_declared_is_noted_with_its_line() {
    let cases = [
        (
            "<xs:sequence>\n<xs:any/></xs:sequence><xs:attribute name='a'/>",
            "a.xsd:2: `r` may hold other elements (xs:any)",
        ),
        (
            "<xs:sequence>\n<xs:element name='w'/></xs:sequence>",
            "a.xsd:2: `r/w` may hold anything (xs:anyType)",
        ),
        (
            "<xs:sequence>{a int}\n\n<xs:element ref='nobody'/></xs:sequence>",
            "a.xsd:3: the element `nobody` is abstract",
        ),
        (
            "<xs:sequence><xs:element name='g' type='ghost'/></xs:sequence>",
            "`r/g` has an abstract type",
        ),
    ];
    for (content, expected) in cases {
        let found = schema_of(&record(content), "r").unwrap();
        assert!(
            noted(&found).contains(expected),
            "{content}: {}",
            noted(&found)
        );
    }
    let found = schema_of(&record("<xs:group ref='pair'/>"), "r").unwrap();
    assert_eq!(noted(&found), "");
}

#[test]
fn a_type_that_holds_itself_is_unfolded_so_often() {
    let text = "<xs:element name='r' type='part'/>\
                <xs:complexType name='part'><xs:sequence><xs:element name='n' type='xs:int'/>\
                <xs:element name='part' type='part' minOccurs='0' maxOccurs='unbounded'/></xs:sequence></xs:complexType>";
    for (recursion_max, expected) in [
        (0, "n int64, part [text]"),
        (1, "n int64, part [text]"),
        (2, "n int64, part [{n int64, part [text]}]"),
        (
            3,
            "n int64, part [{n int64, part [{n int64, part [text]}]}]",
        ),
    ] {
        let options = XsdOptions {
            recursion_max,
            ..XsdOptions::default()
        };
        let found = schema_with(text, "r", &options).unwrap();
        assert_eq!(shown(&found), expected);
        assert!(noted(&found).contains("holds itself"), "{}", noted(&found));
    }
    // By way of a reference to a global element, whose type has no name.
    let text = "<xs:element name='r'><xs:complexType><xs:sequence><xs:element ref='r' minOccurs='0'/>\
                <xs:element name='v' type='xs:int'/></xs:sequence></xs:complexType></xs:element>";
    assert_eq!(
        shown(&schema_of(text, "r").unwrap()),
        "r {r text, v int64}, v int64"
    );
}

#[test]
fn types_that_hold_one_another_end_at_the_columns() {
    // Ten elements that each hold all ten: ten billion paths.
    let names: Vec<String> = (0..10).map(|i| format!("e{i}")).collect();
    let refs: String = names
        .iter()
        .map(|name| format!("<xs:element ref='{name}'/>"))
        .collect();
    let text: String = names
        .iter()
        .map(|name| {
            format!(
                "<xs:element name='{name}'><xs:complexType mixed='true'><xs:choice maxOccurs='unbounded'>{refs}\
                 </xs:choice></xs:complexType></xs:element>"
            )
        })
        .collect();
    let options = XsdOptions {
        columns_max: 200,
        ..XsdOptions::default()
    };
    let found = schema_with(&text, "e0", &options).unwrap();
    let leaves = shown(&found).matches("text").count();
    assert!((100..=220).contains(&leaves), "{leaves}");
    assert!(
        noted(&found).contains("more than 200 columns"),
        "{}",
        noted(&found)
    );
    // Level by level: all ten of the second level are unfolded before any of the third.
    let second = found.schema.field_with_name("e9").unwrap();
    assert!(super::data_type(second.data_type()).contains("e9"));
    let options = XsdOptions {
        columns_max: 5,
        ..XsdOptions::default()
    };
    let error = schema_with(&text, "e0", &options).unwrap_err();
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
fn a_row_tag_means_a_global_element_or_a_local_one() {
    let text = "<xs:element name='order'><xs:complexType><xs:sequence>
        <xs:element name='item'><xs:complexType><xs:sequence><xs:element name='sku' type='xs:int'/>
        </xs:sequence></xs:complexType></xs:element>
        <xs:element name='note' type='xs:string'/></xs:sequence></xs:complexType></xs:element>
        <xs:complexType name='cart'><xs:sequence><xs:element name='item' type='xs:string'/>
        <xs:element name='note' type='xs:string'/></xs:sequence></xs:complexType>";
    let columns = |row_tag: &str| schema_of(text, row_tag).map(|found| shown(&found));
    assert_eq!(columns("order").unwrap(), "item {sku int64}, note text");
    assert_eq!(columns("o:order").unwrap(), "item {sku int64}, note text");
    assert_eq!(columns("order/item").unwrap(), "sku int64");
    assert_eq!(columns("cart/item").unwrap(), "_VALUE text");
    assert_eq!(columns("note").unwrap(), "_VALUE text", "both are the same");
    let error = columns("item").unwrap_err().to_string();
    for part in [
        "2 elements `item`",
        "order/item (a.xsd:2)",
        "cart/item (a.xsd:5)",
        "as `order/item`",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let error = columns("itme").unwrap_err().to_string();
    assert!(
        error.contains("no element `itme`") && error.contains("order (a.xsd:1)"),
        "{error}"
    );
    let both = parse(&[("a.xsd", &super::around(text))])
        .unwrap()
        .schema_for(&["order", "cart/item"], &XsdOptions::default())
        .unwrap();
    assert_eq!(shown(&both), "_VALUE text, item {sku int64}, note text");
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_the_next_step() {
    let cases = [
        (
            "<xs:sequence>\n<xs:element name='a' type='nope'/></xs:sequence>",
            "a.xsd:2: the type `nope` is not declared",
        ),
        (
            "<xs:sequence>\n<xs:element name='a' type='xs:nope'/></xs:sequence>",
            "none of XML Schema's own types",
        ),
        (
            "<xs:sequence>\n<xs:element name='a' type='q:t'/></xs:sequence>",
            "a.xsd:2: the prefix of `q:t` is not declared",
        ),
        (
            "<xs:sequence><xs:element ref='nope'/></xs:sequence>",
            "the element `nope` is not declared",
        ),
        ("<xs:group ref='nope'/>", "the group `nope` is not declared"),
        (
            "<xs:attributeGroup ref='nope'/>",
            "the attributeGroup `nope` is not declared",
        ),
        (
            "<xs:attribute ref='nope'/>",
            "the attribute `nope` is not declared",
        ),
        (
            "<xs:sequence><xs:element/></xs:sequence>",
            "neither a name nor a ref",
        ),
        (
            "<xs:sequence>{a int 1 many}</xs:sequence>",
            "maxOccurs is `many`",
        ),
        (
            "<xs:sequence><xs:element name='_x'/></xs:sequence><xs:attribute name='x'/>",
            "two things would be the column `r/_x`",
        ),
        ("", "has neither attributes nor text nor child elements"),
    ];
    for (content, expected) in cases {
        let error = schema_of(&record(content), "r").unwrap_err().to_string();
        assert!(error.contains(expected), "{content}: {error}");
    }
    let circles = [
        (
            "<xs:complexType name='t'><xs:complexContent><xs:extension base='t'/></xs:complexContent></xs:complexType>",
            "the complexType `t`",
        ),
        (
            "<xs:simpleType name='t'><xs:union memberTypes='u'/></xs:simpleType><xs:simpleType name='u'><xs:restriction base='t'/></xs:simpleType>",
            "the simpleType `t`",
        ),
        (
            "<xs:complexType name='t'><xs:group ref='g'/></xs:complexType><xs:group name='g'><xs:sequence><xs:group ref='g'/></xs:sequence></xs:group>",
            "the group `g`",
        ),
    ];
    for (types, expected) in circles {
        let error = schema_of(&format!("<xs:element name='r' type='t'/>{types}"), "r").unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains(expected) && error.contains("made of itself"),
            "{error}"
        );
    }
}
