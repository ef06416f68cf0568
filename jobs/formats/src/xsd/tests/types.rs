//! Simple types.

use super::{noted, schema_of, schema_with, shown};
use crate::xsd::{DateTimeAs, XsdOptions};

/// What an element of this type becomes; the type may be a name or a `simpleType`.
fn column(type_text: &str) -> String {
    let element = match type_text.starts_with('<') {
        true => format!("<xs:element name='v'>{type_text}</xs:element>"),
        false => format!("<xs:element name='v' type='{type_text}'/>"),
    };
    let text = format!(
        "<xs:element name='r'><xs:complexType><xs:sequence>{element}</xs:sequence></xs:complexType></xs:element>\
         <xs:simpleType name='money'><xs:restriction base='xs:decimal'>\
           <xs:totalDigits value='12'/><xs:fractionDigits value='2'/></xs:restriction></xs:simpleType>\
         <xs:simpleType name='empty'><xs:restriction base='xs:string'>\
           <xs:enumeration value=''/></xs:restriction></xs:simpleType>"
    );
    let found = schema_of(&text, "r").unwrap_or_else(|error| panic!("{type_text}: {error}"));
    shown(&found).strip_prefix("v ").unwrap().to_string()
}

#[test]
fn every_built_in_type_has_a_column() {
    let cases = [
        ("boolean", "bool"),
        ("float double", "float64"),
        ("decimal", "decimal(38,18)"),
        (
            "byte short int long unsignedByte unsignedShort unsignedInt",
            "int64",
        ),
        ("unsignedLong", "decimal(20,0)"),
        (
            "integer nonPositiveInteger negativeInteger nonNegativeInteger positiveInteger",
            "decimal(38,0)",
        ),
        ("date", "date"),
        ("dateTime", "timestamp"),
        ("dateTimeStamp", "timestamptz"),
        (
            "string normalizedString token language Name NCName NMTOKEN NMTOKENS ID IDREF IDREFS ENTITY ENTITIES \
             anyURI QName NOTATION base64Binary hexBinary duration time gYear gYearMonth gMonth gMonthDay gDay \
             anySimpleType anyType",
            "text",
        ),
    ];
    let mut names = 0;
    for (types, expected) in cases {
        for name in types.split_whitespace() {
            assert_eq!(column(&format!("xs:{name}")), expected, "xs:{name}");
            names += 1;
        }
    }
    assert!(names >= 46, "the table of XML Schema 1.0 is whole");
}

#[test]
fn restrictions_narrow_numbers_and_leave_text_alone() {
    let cases = [
        // Base, facets, column.
        ("xs:decimal", "", "decimal(38,18)"),
        ("xs:decimal", "fractionDigits=2", "decimal(38,2)"),
        (
            "xs:decimal",
            "fractionDigits=6 totalDigits=12",
            "decimal(12,6)",
        ),
        (
            "xs:decimal",
            "fractionDigits=2 totalDigits=1",
            "decimal(2,2)",
        ),
        ("xs:decimal", "totalDigits=5", "decimal(10,5)"),
        ("xs:decimal", "totalDigits=20", "decimal(38,18)"),
        ("xs:decimal", "totalDigits=40", "text"),
        ("xs:decimal", "totalDigits=0", "decimal(2,1)"),
        ("xs:decimal", "fractionDigits=0", "decimal(38,0)"),
        ("xs:decimal", "fractionDigits=39", "text"),
        ("xs:decimal", "minInclusive=0", "decimal(38,18)"),
        ("money", "", "decimal(12,2)"),
        ("money", "totalDigits=8", "decimal(8,2)"),
        ("money", "totalDigits=20", "decimal(12,2)"),
        ("xs:integer", "totalDigits=5", "int64"),
        ("xs:integer", "totalDigits=18", "int64"),
        ("xs:integer", "totalDigits=19", "decimal(19,0)"),
        ("xs:integer", "totalDigits=4000000000", "text"),
        ("xs:integer", "minInclusive=-5 maxInclusive=5", "int64"),
        ("xs:integer", "minInclusive=-5", "decimal(38,0)"),
        ("xs:positiveInteger", "maxExclusive=100", "int64"),
        (
            "xs:nonNegativeInteger",
            "maxInclusive=9223372036854775808",
            "decimal(19,0)",
        ),
        ("xs:unsignedLong", "totalDigits=10", "int64"),
        ("xs:int", "enumeration=1 enumeration=2", "int64"),
        ("xs:string", "pattern=[0-9]{5}", "text"),
        ("xs:string", "enumeration=1 enumeration=2", "text"),
        ("xs:dateTime", "explicitTimezone=required", "timestamptz"),
        ("xs:dateTime", "explicitTimezone=prohibited", "timestamp"),
        ("xs:date", "minInclusive=2000-01-01", "date"),
        ("xs:boolean", "pattern=true|false", "bool"),
    ];
    for (base, facets, expected) in cases {
        let facets: String = facets
            .split_whitespace()
            .map(|facet| facet.split_once('=').unwrap())
            .map(|(name, value)| format!("<xs:{name} value='{value}'/>"))
            .collect();
        let restriction = format!("<xs:restriction base='{base}'>{facets}</xs:restriction>");
        let found = column(&format!("<xs:simpleType>{restriction}</xs:simpleType>"));
        assert_eq!(found, expected, "{base} {facets}");
    }
}

#[test]
fn unions_take_what_all_members_take() {
    let cases = [
        ("xs:int xs:long", "int64"),
        ("xs:byte money", "decimal(12,2)"),
        ("xs:long money", "decimal(21,2)"),
        ("xs:int xs:double", "float64"),
        ("xs:date xs:dateTime", "timestamp"),
        ("xs:date xs:dateTimeStamp", "text"),
        ("xs:int xs:boolean", "text"),
        ("xs:int xs:string", "text"),
        ("xs:date empty", "date"),
        ("empty money", "decimal(12,2)"),
        ("empty", "text"),
    ];
    for (members, expected) in cases {
        let union = format!("<xs:simpleType><xs:union memberTypes='{members}'/></xs:simpleType>");
        assert_eq!(column(&union), expected, "{members}");
    }
    let inside = "<xs:simpleType><xs:union memberTypes='xs:int'><xs:simpleType><xs:restriction base='xs:decimal'>\
                  <xs:fractionDigits value='3'/></xs:restriction></xs:simpleType></xs:union></xs:simpleType>";
    assert_eq!(column(inside), "decimal(38,3)");
    let list = "<xs:simpleType><xs:list itemType='xs:int'/></xs:simpleType>";
    assert_eq!(column(list), "text");
    let of_inner = "<xs:simpleType><xs:restriction><xs:simpleType><xs:restriction base='xs:int'/></xs:simpleType>\
                    <xs:maxInclusive value='5'/></xs:restriction></xs:simpleType>";
    assert_eq!(column(of_inner), "int64");
}

#[test]
fn moments_are_read_as_asked() {
    let text = "<xs:element name='r'><xs:complexType><xs:sequence>\
                <xs:element name='at' type='xs:dateTime'/></xs:sequence></xs:complexType></xs:element>";
    for (datetime, expected, note) in [
        (
            DateTimeAs::Timestamp,
            "at timestamp",
            "timestamp, which takes none",
        ),
        (
            DateTimeAs::Timestamptz,
            "at timestamptz",
            "timestamptz, which needs one",
        ),
        (DateTimeAs::Text, "at text", ""),
    ] {
        let options = XsdOptions {
            datetime,
            ..XsdOptions::default()
        };
        let found = schema_with(text, "r", &options).unwrap();
        assert_eq!(shown(&found), expected);
        assert!(noted(&found).contains(note), "{}", noted(&found));
        assert_eq!(found.notes.is_empty(), note.is_empty());
    }
}

#[test]
fn numbers_too_long_for_a_column_are_noted() {
    let text = "<xs:element name='r'><xs:complexType><xs:attribute name='n'><xs:simpleType>\n\
                <xs:restriction base='xs:integer'><xs:totalDigits value='50'/></xs:restriction>\
                </xs:simpleType></xs:attribute></xs:complexType></xs:element>";
    let found = schema_of(text, "r").unwrap();
    assert_eq!(shown(&found), "_n text");
    assert_eq!(
        noted(&found),
        "a.xsd:2: a number of more than 38 digits: it is read as text"
    );
}
