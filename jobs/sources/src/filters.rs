//! Filters of a plan as predicates of the parser, by which a record is left out before its columns are built.
//!
//! The plan keeps its own filter above the scan: what the parser lets pass is asked again. So only what is certain is
//! handed down, and the rest is nobody's loss.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Fields, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, InListExpr, IsNotNullExpr, IsNullExpr, Literal as LiteralExpr,
};
use datafusion::physical_expr::split_conjunction;
use datafusion::physical_plan::PhysicalExpr;
use headworks_formats::{LeafPredicate, LeafTest, Literal};

use crate::leaves::leaf_path;

/// Those conjuncts of a filter that the parser can apply. The filter's columns are the record's, by name.
#[must_use]
pub(crate) fn leaf_predicates(
    filter: &Arc<dyn PhysicalExpr>,
    record: &Schema,
) -> Vec<LeafPredicate> {
    let conjuncts = split_conjunction(filter);
    conjuncts
        .into_iter()
        .filter_map(|expr| predicate(expr.as_ref(), record))
        .collect()
}

fn predicate(expr: &dyn PhysicalExpr, record: &Schema) -> Option<LeafPredicate> {
    if let Some(test) = expr.downcast_ref::<IsNullExpr>() {
        return asked(test.arg(), record, |_| Some(LeafTest::IsNull));
    }
    if let Some(test) = expr.downcast_ref::<IsNotNullExpr>() {
        return asked(test.arg(), record, |_| Some(LeafTest::IsNotNull));
    }
    if let Some(list) = expr.downcast_ref::<InListExpr>() {
        if list.negated() {
            return None;
        }
        return asked(list.expr(), record, |data_type| {
            let literals = list
                .list()
                .iter()
                .map(|item| literal(item.as_ref(), data_type));
            literals.collect::<Option<Vec<_>>>().map(LeafTest::In)
        });
    }
    let binary = expr.downcast_ref::<BinaryExpr>()?;
    let (leaf, op, other) = match leaf_path(binary.left().as_ref()) {
        Some(_) => (binary.left(), *binary.op(), binary.right()),
        None => (binary.right(), binary.op().swap()?, binary.left()),
    };
    asked(leaf, record, |data_type| {
        let literal = literal(other.as_ref(), data_type)?;
        Some(match op {
            Operator::Eq => LeafTest::Equal(literal),
            Operator::NotEq => LeafTest::NotEqual(literal),
            Operator::Lt => LeafTest::Less(literal),
            Operator::LtEq => LeafTest::AtMost(literal),
            Operator::Gt => LeafTest::Greater(literal),
            Operator::GtEq => LeafTest::AtLeast(literal),
            _ => return None,
        })
    })
}

fn asked(
    leaf: &Arc<dyn PhysicalExpr>,
    record: &Schema,
    test: impl FnOnce(&DataType) -> Option<LeafTest>,
) -> Option<LeafPredicate> {
    let path = leaf_path(leaf.as_ref())?;
    let test = test(leaf_type(record.fields(), &path)?)?;
    Some(LeafPredicate { path, test })
}

/// The type at a path, if it is a leaf's and no list stands on the way.
fn leaf_type<'a>(fields: &'a Fields, path: &[String]) -> Option<&'a DataType> {
    let (name, rest) = path.split_first()?;
    let field = fields.iter().find(|field| field.name() == name)?;
    match (field.data_type(), rest) {
        (DataType::Struct(fields), [_, ..]) => leaf_type(fields, rest),
        (data_type, []) if !data_type.is_nested() => Some(data_type),
        _ => None,
    }
}

/// A literal of exactly the column's type: the planner has cast it to that where it could.
fn literal(expr: &dyn PhysicalExpr, data_type: &DataType) -> Option<Literal> {
    let value = expr.downcast_ref::<LiteralExpr>()?.value();
    Some(match (value, data_type) {
        (
            ScalarValue::Utf8(Some(text))
            | ScalarValue::Utf8View(Some(text))
            | ScalarValue::LargeUtf8(Some(text)),
            DataType::Utf8,
        ) => Literal::Text(text.clone()),
        (ScalarValue::Int64(Some(value)), DataType::Int64) => Literal::Int64(*value),
        (ScalarValue::Decimal128(Some(value), _, scale), DataType::Decimal128(_, of))
            if scale == of =>
        {
            Literal::Decimal128(*value)
        }
        (ScalarValue::Boolean(Some(value)), DataType::Boolean) => Literal::Boolean(*value),
        (ScalarValue::Date32(Some(value)), DataType::Date32) => Literal::Date32(*value),
        (ScalarValue::TimestampMicrosecond(Some(value), zone), DataType::Timestamp(_, of))
            if zone.is_some() == of.is_some() =>
        {
            Literal::Timestamp(*value)
        }
        _ => return None,
    })
}
