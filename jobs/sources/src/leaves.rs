//! Which leaves of a record a plan's expressions look at: `get_field` chains, followed from a column down.
//!
//! With this a scan asks the parser only for the fields of a struct that something wants, and hands filters on single
//! leaves down to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use datafusion::common::ScalarValue;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_plan::PhysicalExpr;

/// The path of column names that an expression names, outermost first: a column, or fields of one.
#[must_use]
pub(crate) fn leaf_path(expr: &dyn PhysicalExpr) -> Option<Vec<String>> {
    if let Some(column) = expr.downcast_ref::<Column>() {
        return Some(vec![column.name().to_owned()]);
    }
    let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
    let [of, names @ ..] = call.args() else {
        return None;
    };
    if call.name() != "get_field" {
        return None;
    }
    let mut path = leaf_path(of.as_ref())?;
    for name in names {
        path.push(text(name.as_ref())?);
    }
    Some(path)
}

fn text(expr: &dyn PhysicalExpr) -> Option<String> {
    let literal = expr.downcast_ref::<Literal>()?;
    match literal.value() {
        ScalarValue::Utf8(text) | ScalarValue::Utf8View(text) | ScalarValue::LargeUtf8(text) => {
            text.clone()
        }
        _ => None,
    }
}

/// What is wanted of a column: all of it, if no field is named.
#[derive(Debug, Default)]
struct Wanted {
    whole: bool,
    fields: BTreeMap<String, Wanted>,
}

impl Wanted {
    fn add(&mut self, path: &[String]) {
        match path {
            [] => self.whole = true,
            [name, rest @ ..] => self.fields.entry(name.clone()).or_default().add(rest),
        }
    }
}

/// The paths that expressions look at.
#[must_use]
pub(crate) fn leaf_paths<'a>(
    exprs: impl IntoIterator<Item = &'a Arc<dyn PhysicalExpr>>,
) -> BTreeSet<Vec<String>> {
    let mut paths = BTreeSet::new();
    for expr in exprs {
        match leaf_path(expr.as_ref()) {
            Some(path) => paths.extend([path]),
            None => paths.extend(leaf_paths(expr.children())),
        }
    }
    paths
}

/// The columns of `schema`, each struct with those fields alone that `paths` name. A struct that is named as a whole, or
/// looked at through a list, stays whole.
#[must_use]
pub(crate) fn narrowed<'a>(
    schema: &Schema,
    paths: impl IntoIterator<Item = &'a Vec<String>>,
) -> Schema {
    let mut wanted = Wanted::default();
    for path in paths {
        wanted.add(path);
    }
    Schema::new(narrowed_fields(schema.fields(), &wanted, false))
}

fn narrowed_fields(fields: &Fields, wanted: &Wanted, drops: bool) -> Vec<FieldRef> {
    let mut kept = Vec::new();
    for field in fields {
        match (wanted.fields.get(field.name()), field.data_type()) {
            (Some(inner), DataType::Struct(fields)) if !inner.whole => {
                let fields = narrowed_fields(fields, inner, true);
                // A name that is not there is the plan's to complain of.
                kept.push(if fields.is_empty() {
                    Arc::clone(field)
                } else {
                    let data_type = DataType::Struct(fields.into());
                    Arc::new(Field::clone(field).with_data_type(data_type))
                });
            }
            (None, _) if drops => {}
            _ => kept.push(Arc::clone(field)),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use datafusion::common::config::ConfigOptions;
    use datafusion::functions::core::get_field;

    use super::*;

    fn field(of: Arc<dyn PhysicalExpr>, names: &[&str], schema: &Schema) -> Arc<dyn PhysicalExpr> {
        let mut args = vec![of];
        args.extend(
            names.iter().map(|name| {
                Arc::new(Literal::new(ScalarValue::from(*name))) as Arc<dyn PhysicalExpr>
            }),
        );
        let options = Arc::new(ConfigOptions::default());
        Arc::new(ScalarFunctionExpr::try_new(get_field(), args, schema, options).unwrap())
    }

    fn schema() -> Schema {
        let leaf = |name: &str| Field::new(name, DataType::Utf8, true);
        let inner = Field::new_struct("inner", vec![leaf("x"), leaf("y")], true);
        let list = Field::new_list(
            "list",
            Field::new_struct("item", vec![leaf("p")], true),
            true,
        );
        Schema::new(vec![
            leaf("a"),
            Field::new_struct("s", vec![leaf("b"), leaf("c"), inner], true),
            list,
        ])
    }

    fn shown(schema: &Schema) -> String {
        let fields = schema.fields().iter();
        fields
            .map(|f| format!("{}:{};", f.name(), f.data_type()))
            .collect()
    }

    #[test]
    fn structs_keep_what_is_looked_at() {
        let whole = schema();
        let column = |name: &str| {
            let index = whole.index_of(name).unwrap();
            Arc::new(Column::new(name, index)) as Arc<dyn PhysicalExpr>
        };
        let b = field(column("s"), &["b"], &whole);
        let x = field(column("s"), &["inner", "x"], &whole);
        let inner = field(column("s"), &["inner"], &whole);
        let y = field(Arc::clone(&inner), &["y"], &whole);
        let type_of = |exprs: &[&Arc<dyn PhysicalExpr>]| {
            let narrow = narrowed(&whole, &leaf_paths(exprs.iter().copied()));
            assert_eq!(narrow.fields().len(), 3);
            narrow.field(1).data_type().clone()
        };
        let names = |data_type: DataType| match data_type {
            DataType::Struct(fields) => fields
                .iter()
                .map(|f| match f.data_type() {
                    DataType::Struct(inner) => {
                        let inner: Vec<_> = inner.iter().map(|f| f.name().as_str()).collect();
                        format!("{}({})", f.name(), inner.join(" "))
                    }
                    _ => f.name().clone(),
                })
                .collect::<Vec<_>>()
                .join(" "),
            other => panic!("{other}"),
        };
        let cases: &[(&[&Arc<dyn PhysicalExpr>], &str)] = &[
            (&[&b], "b"),
            (&[&b, &x], "b inner(x)"),
            (&[&x, &y], "inner(x y)"),
            (&[&inner, &x], "inner(x y)"),
            (&[&b, &column("s")], "b c inner(x y)"),
            (&[&column("a")], "b c inner(x y)"),
        ];
        for (exprs, expected) in cases {
            assert_eq!(names(type_of(exprs)), *expected, "{exprs:?}");
        }
        let list = leaf_paths([&column("list")]);
        assert_eq!(shown(&narrowed(&whole, &list)), shown(&whole));
        assert_eq!(leaf_path(y.as_ref()).unwrap(), ["s", "inner", "y"]);
    }
}
