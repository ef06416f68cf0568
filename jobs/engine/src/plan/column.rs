//! A column named outside of SQL, found by the rule for all names in SQL: as written, else the only one that is the
//! same but for case; the parts of structs with dots between them.

use datafusion::arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::common::Column;
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::Expr;
use headworks_spec::{NameMatch, match_name, nearest};

/// A column, or a part of a struct.
#[derive(Debug, Clone)]
pub(super) struct FoundColumn {
    /// It, as an expression over the table.
    pub(super) expr: Expr,
    /// Its type.
    pub(super) data_type: DataType,
    /// Its name as the table has it: the parts of a struct with dots.
    pub(super) name: String,
}

/// Finds `name` among the columns `fields` of `table`.
///
/// # Errors
/// What is wrong, with the candidates.
pub(super) fn find_column(table: &str, fields: &Fields, name: &str) -> Result<FoundColumn, String> {
    match find(fields, name)? {
        Some(path) => {
            let (first, rest) = path.split_first().ok_or("an empty name of a column")?;
            let column = Expr::Column(Column::new_unqualified(first.name()));
            let last = rest.last().unwrap_or(first);
            let names: Vec<&str> = path.iter().map(|field| field.name().as_str()).collect();
            Ok(FoundColumn {
                expr: rest
                    .iter()
                    .fold(column, |part, field| get_field(part, field.name().as_str())),
                data_type: last.data_type().clone(),
                name: names.join("."),
            })
        }
        None => {
            let known: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
            let hint = nearest(name, known.iter().copied())
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_else(|| ".".to_owned());
            Err(format!(
                "table `{table}` has no column `{name}`{hint} Its columns are {}",
                known.join(", ")
            ))
        }
    }
}

/// The fields that lead to a name, from the outermost on; a name with dots is tried whole first.
fn find(fields: &Fields, name: &str) -> Result<Option<Vec<FieldRef>>, String> {
    let named = |name: &str| match match_name(name, fields.iter().map(|f| f.name().as_str())) {
        NameMatch::One(found) => Ok(fields.iter().find(|f| f.name() == found).cloned()),
        NameMatch::None => Ok(None),
        NameMatch::Several(similar) => Err(format!(
            "column `{name}` could be any of {}; write it as it is written there",
            similar.join(", ")
        )),
    };
    if let Some(field) = named(name)? {
        return Ok(Some(vec![field]));
    }
    for (dot, _) in name.match_indices('.') {
        let Some(field) = named(&name[..dot])? else {
            continue;
        };
        if let DataType::Struct(parts) = field.data_type()
            && let Some(rest) = find(parts, &name[dot + 1..])?
        {
            return Ok(Some([vec![field], rest].concat()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::Field;

    use super::*;

    #[test]
    fn columns_are_found_as_sql_finds_them() {
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let inner = DataType::Struct(vec![text("name"), text("x.y")].into());
        let outer = DataType::Struct(vec![Field::new("inner", inner, true)].into());
        let fields = Fields::from(vec![
            Arc::new(text("status")),
            Arc::new(text("Twice")),
            Arc::new(text("TWICE")),
            Arc::new(text("a.b")),
            Arc::new(Field::new("vendor", outer, true)),
        ]);
        let found = |name: &str| {
            find_column("t", &fields, name).map(|found| (found.name, found.expr.to_string()))
        };
        for (name, shown, expr) in [
            ("status", "status", "status"),
            ("STATUS", "status", "status"),
            ("a.b", "a.b", "a.b"),
            (
                "Vendor.inner.NAME",
                "vendor.inner.name",
                "get_field(get_field(vendor, Utf8(\"inner\")), Utf8(\"name\"))",
            ),
            (
                "vendor.inner.x.y",
                "vendor.inner.x.y",
                "get_field(get_field(vendor, Utf8(\"inner\")), Utf8(\"x.y\"))",
            ),
        ] {
            let (name, text) = found(name).unwrap();
            assert_eq!(name, shown);
            assert_eq!(text, expr);
        }
        let error = found("twice").unwrap_err();
        assert!(error.contains("could be any of Twice, TWICE"), "{error}");
        let error = found("statsu").unwrap_err();
        assert!(
            error.contains("table `t` has no column `statsu`; did you mean `status`?"),
            "{error}"
        );
        let error = found("zzzzzz").unwrap_err();
        assert!(
            error.contains("no column `zzzzzz`. Its columns are"),
            "{error}"
        );
        assert!(found("status.x").is_err() && found("vendor.none").is_err());
    }
}
