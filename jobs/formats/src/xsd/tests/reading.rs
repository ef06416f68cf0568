//! From a schema file to rows: a document that the schema allows is read with its columns, and nothing is unknown.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;

use super::parse;
use crate::xml::{FedState, Split, XmlConfig, XmlOptions, XmlReader};
use crate::xsd::{DateTimeAs, XsdOptions};

pub(super) const ORDERS: &str = "
<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' xmlns:o='urn:orders' targetNamespace='urn:orders'
           elementFormDefault='qualified'>
  <xs:include schemaLocation='money.xsd'/>
  <xs:element name='orders'><xs:complexType><xs:sequence>
    <xs:element ref='o:order' maxOccurs='unbounded'/></xs:sequence></xs:complexType></xs:element>
  <xs:element name='order'>
    <xs:complexType>
      <xs:sequence>
        <xs:element name='placed' type='xs:dateTime'/>
        <xs:element name='rush' type='xs:boolean' minOccurs='0'/>
        <xs:choice maxOccurs='unbounded'>
          <xs:element name='item' type='o:item'/>
          <xs:element name='gift'><xs:simpleType><xs:restriction base='xs:string'>
            <xs:pattern value='[0-9]{4}'/></xs:restriction></xs:simpleType></xs:element>
        </xs:choice>
        <xs:element ref='o:payment'/>
        <xs:element name='note' minOccurs='0'><xs:complexType mixed='true'><xs:sequence>
          <xs:element name='b' type='xs:string' minOccurs='0' maxOccurs='unbounded'/></xs:sequence></xs:complexType>
        </xs:element>
      </xs:sequence>
      <xs:attribute name='id' type='xs:unsignedLong' use='required'/>
    </xs:complexType>
  </xs:element>
  <xs:complexType name='item'><xs:sequence>
    <xs:element name='sku' type='xs:token'/><xs:element name='price' type='o:price'/>
    <xs:element name='item' type='o:item' minOccurs='0'/></xs:sequence></xs:complexType>
  <xs:element name='payment' abstract='true'/>
  <xs:element name='card' type='xs:string' substitutionGroup='o:payment'/>
  <xs:element name='cash' type='o:price' substitutionGroup='o:payment'/>
</xs:schema>";

const MONEY: &str = "
<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'>
  <xs:simpleType name='amount'><xs:restriction base='xs:decimal'>
    <xs:totalDigits value='9'/><xs:fractionDigits value='2'/></xs:restriction></xs:simpleType>
  <xs:complexType name='price'><xs:simpleContent><xs:extension base='amount'>
    <xs:attribute name='cur' default='EUR'/></xs:extension></xs:simpleContent></xs:complexType>
</xs:schema>";

const DOCUMENT: &str = "<?xml version='1.0'?>
<o:orders xmlns:o='urn:orders'>
  <o:order id='18446744073709551615'>
    <o:placed>2024-02-29T12:00:00Z</o:placed><o:rush>1</o:rush>
    <o:item><o:sku> 007 </o:sku><o:price cur='USD'>12.50</o:price>
      <o:item><o:sku>8</o:sku><o:price>0.5</o:price></o:item></o:item>
    <o:gift>0042</o:gift><o:gift>0043</o:gift>
    <o:cash cur='EUR'>12.5</o:cash>
    <o:note>mind <o:b>the</o:b> gap</o:note>
  </o:order>
  <o:order id='2'><o:placed>2024-03-01T00:00:00+01:00</o:placed><o:gift>0001</o:gift><o:card>x</o:card></o:order>
</o:orders>";

#[test]
fn a_document_that_the_schema_allows_is_read_whole() {
    let options = XsdOptions {
        datetime: DateTimeAs::Timestamptz,
        ..XsdOptions::default()
    };
    let found = parse(&[("orders.xsd", ORDERS), ("money.xsd", MONEY)])
        .unwrap()
        .schema_for(&["order"], &options)
        .unwrap();
    let schema = Arc::new(found.schema);
    let options = XmlOptions::new(&["order"]).unwrap();
    let config = Arc::new(XmlConfig::new(options, schema.clone(), schema).unwrap());
    let mut reader = XmlReader::new(config, Split::whole());
    let fed = reader.feed(DOCUMENT.as_bytes(), true).unwrap();
    assert_eq!(fed.state, FedState::Done);
    let batch = reader.take_batch().unwrap().unwrap();
    let report = reader.report();
    assert_eq!(reader.take_bad(), vec![]);
    assert_eq!((report.emitted, report.quarantined), (2, 0));
    assert!(report.unknown.is_empty(), "{:?}", report.unknown);
    // In the order of the columns.
    let rows: Vec<String> = (0..batch.num_rows())
        .map(|row| {
            let values = batch.columns().iter();
            let values: Vec<String> = values
                // Arrow knows no zones by name without their tables.
                .map(|column| match column.data_type() {
                    DataType::Timestamp(..) => {
                        let micros = column.as_primitive::<TimestampMicrosecondType>();
                        micros.value(row).to_string()
                    }
                    _ => array_value_to_string(column, row).unwrap(),
                })
                .collect();
            values.join(" | ")
        })
        .collect();
    let expected = [
        "18446744073709551615 | 1709208000000000 | true | \
         [{sku: 007, price: {_cur: USD, _VALUE: 12.50}, \
         item: {sku: 8, price: {_cur: , _VALUE: 0.50}, item: }}] | [0042, 0043] |  \
         | {_cur: EUR, _VALUE: 12.50} | {_VALUE: mind  gap, b: [the]}",
        "2 | 1709247600000000 |  |  | [0001] | x |  | ",
    ];
    assert_eq!(rows, expected);
}
