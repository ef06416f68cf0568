//! The schema files of Spark's own tests, where they are to be had. Spark makes one row of all global elements; here a
//! row tag chooses one, and what is compared is its column in Spark's schema.

use super::shown;
use crate::tests::files::real_data;
use crate::xsd::{LoadError, Xsd, XsdError, XsdOptions};

fn columns(file: &str, row_tag: &str) -> Option<Result<String, XsdError>> {
    let path = real_data().map(|folder| folder.join("spark-xml/files").join(file));
    let Some(path) = path.filter(|path| path.is_file()) else {
        println!("skipped: {file}: no real data");
        return None;
    };
    let mut load =
        |location: &str| std::fs::read(location).map_err(|error| -> LoadError { Box::new(error) });
    let found = Xsd::parse(path.to_str().unwrap(), &mut load)
        .and_then(|all| all.schema_for(&[row_tag], &XsdOptions::default()));
    Some(found.map(|found| shown(&found)))
}

#[test]
fn schema_files_of_spark() {
    let item = "_gender text, item_number text, price float64, size [{_description text, color_swatch \
                [{_image text, _VALUE text}]}]";
    // The three decimals are (38,18), (38,2), (12,6) in Spark, too. Its floats are of 32 bits, its struct fields stand
    // before the attributes; `baz` must occur twice, which Spark does not look at.
    let cases = [
        (
            "catalog.xsd",
            "catalog",
            format!(
                "product {{_description text, _product_image text, catalog_item [{{{item}}}]}}"
            ),
        ),
        ("catalog.xsd", "catalog_item", item.to_string()),
        (
            "choice.xsd",
            "el",
            "foo text, bar text, baz [text]".to_string(),
        ),
        (
            "complex-content-extension.xsd",
            "employee",
            "firstname text, lastname text, address text, city text, country text".to_string(),
        ),
        (
            "decimal-with-restriction.xsd",
            "decimal_type_1",
            "_VALUE decimal(38,18)".to_string(),
        ),
        (
            "decimal-with-restriction.xsd",
            "decimal_type_2",
            "_VALUE decimal(38,2)".to_string(),
        ),
        (
            "decimal-with-restriction.xsd",
            "decimal_type_3",
            "_VALUE decimal(12,6)".to_string(),
        ),
        ("twoelements.xsd", "foo", "_VALUE text".to_string()),
        ("twoelements.xsd", "bar", "_VALUE text".to_string()),
    ];
    for (file, row_tag, expected) in cases {
        if let Some(found) = columns(file, row_tag) {
            assert_eq!(found.unwrap(), expected, "{row_tag} of {file}");
        }
    }
}

#[test]
fn an_included_file_that_is_absent_is_named() {
    // The example's second file did not come with it.
    let file = "include-example/first.xsd";
    if let Some(found) = columns(file, "basket") {
        let error = found.unwrap_err().to_string();
        assert!(
            error.contains("include-example/first.xsd:3: the schema file "),
            "{error}"
        );
        assert!(
            error.contains("include-example/second.xsd cannot be read"),
            "{error}"
        );
    }
}
