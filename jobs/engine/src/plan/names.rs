//! Names in SQL, before planning.
//!
//! - A name matches as written, quoted or not; if nothing has it, a unique
//!   match that ignores case is taken; several are an error that lists them.
//! - A wildcard leaves the columns out that every source offers beside its
//!   records' (`_hw_file`, ...), in a query that names one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::{DataType, Fields, Schema};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator,
    ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator,
    SetQuantifier, Statement, Subscript, TableAlias, TableFactor, TableWithJoins, VisitMut,
    VisitorMut, WildcardAdditionalOptions,
};
use headworks_sources::META_COLUMNS;

/// The names that a query can mean.
#[derive(Debug, Default)]
pub struct Names {
    known: BTreeSet<String>,
    ignoring_case: BTreeMap<String, BTreeSet<String>>,
    /// Of each source, the columns that a wildcard leaves out.
    sources: BTreeMap<String, Vec<&'static str>>,
}

impl Names {
    /// Adds a table and its columns, nested ones too.
    pub fn add_table(&mut self, name: &str, schema: &Schema, is_source: bool) {
        self.add(name);
        self.add_fields(schema.fields());
        if is_source {
            let offered = META_COLUMNS.into_iter();
            let offered = offered.filter(|column| schema.index_of(column).is_ok());
            self.sources.insert(name.to_owned(), offered.collect());
        }
    }

    fn add(&mut self, name: &str) {
        self.known.insert(name.to_owned());
        self.ignoring_case
            .entry(name.to_lowercase())
            .or_default()
            .insert(name.to_owned());
    }

    fn add_fields(&mut self, fields: &Fields) {
        for field in fields {
            self.add(field.name());
            match field.data_type() {
                DataType::Struct(fields) => self.add_fields(fields),
                DataType::List(item) => {
                    if let DataType::Struct(fields) = item.data_type() {
                        self.add_fields(fields);
                    }
                }
                _ => {}
            }
        }
    }

    /// Resolves the names in `statement` and narrows its wildcards.
    ///
    /// # Errors
    /// A name that several known ones match when case is ignored.
    pub fn resolve(mut self, statement: &mut Statement) -> Result<(), String> {
        // What the query names itself is known as it is written.
        let mut own = OwnNames::default();
        let _ = statement.visit(&mut own);
        for name in own.0 {
            self.add(&name);
        }
        let mut resolver = Resolver {
            names: &self,
            failure: None,
        };
        let _ = statement.visit(&mut resolver);
        resolver.failure.map_or(Ok(()), Err)
    }
}

/// Aliases and names of common table expressions.
#[derive(Default)]
struct OwnNames(Vec<String>);

impl OwnNames {
    fn alias(&mut self, alias: &Option<TableAlias>) {
        if let Some(alias) = alias {
            self.0.push(alias.name.value.clone());
            self.0
                .extend(alias.columns.iter().map(|c| c.name.value.clone()));
        }
    }
}

impl VisitorMut for OwnNames {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.0.push(cte.alias.name.value.clone());
            self.0
                .extend(cte.alias.columns.iter().map(|c| c.name.value.clone()));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.0.push(alias.value.clone());
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { alias, .. }
            | TableFactor::Derived { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::TableFunction { alias, .. } => self.alias(alias),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

struct Resolver<'a> {
    names: &'a Names,
    failure: Option<String>,
}

impl Resolver<'_> {
    fn ident(&mut self, ident: &mut Ident) {
        if self.names.known.contains(&ident.value) {
            return;
        }
        let Some(candidates) = self.names.ignoring_case.get(&ident.value.to_lowercase()) else {
            return;
        };
        let mut candidates = candidates.iter();
        match (candidates.next(), candidates.next()) {
            (Some(one), None) => ident.value.clone_from(one),
            (Some(one), Some(two)) => {
                let all: Vec<&str> = [one, two]
                    .into_iter()
                    .chain(candidates)
                    .map(String::as_str)
                    .collect();
                self.failure.get_or_insert_with(|| {
                    format!(
                        "line {}, column {} of the SQL: `{}` may be {}: write it as one of them",
                        ident.span.start.line,
                        ident.span.start.column,
                        ident.value,
                        all.join(", ")
                    )
                });
            }
            _ => {}
        }
    }

    fn fail(&mut self, message: &str) {
        self.failure.get_or_insert_with(|| message.to_owned());
    }

    /// Refuses what the planner would get wrong: the column that an outer join with USING makes of two is that of the side
    /// which has all rows, or of either. The planner takes the left one where it is named, and in a wildcard that of the
    /// relation whose name comes first in the alphabet.
    fn merged_columns(&mut self, select: &Select, joins: &[&JoinOperator]) {
        let has_wildcard = select
            .projection
            .iter()
            .any(|item| matches!(item, SelectItem::Wildcard(_)));
        for join in joins {
            match join {
                JoinOperator::Right(constraint)
                | JoinOperator::RightOuter(constraint)
                | JoinOperator::FullOuter(constraint)
                    if merges(constraint) =>
                {
                    self.fail(
                        "a RIGHT or FULL JOIN with USING (or NATURAL) leaves open which of two columns is meant; say ON \
                         a.id = b.id, and coalesce(a.id, b.id) for the column of both",
                    );
                }
                JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint)
                    if merges(constraint) && has_wildcard =>
                {
                    self.fail(
                        "`*` over a LEFT JOIN with USING (or NATURAL) leaves open which of two columns is meant; name the \
                         columns, or say a.*, and those of the other table",
                    );
                }
                _ => {}
            }
        }
    }

    /// What a wildcard leaves out of each relation in the FROM of `select`: the name by which the query knows it, and
    /// the columns. Relations that are no sources, and those without a name, have none.
    fn left_out(&self, select: &Select) -> Vec<(Option<Ident>, Vec<&'static str>)> {
        let relations = select.from.iter().flat_map(|from| {
            std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
        });
        let relations = relations.map(|relation| match relation {
            TableFactor::Table { name, alias, .. } => {
                let written = name.0.last().and_then(|part| part.as_ident()).cloned();
                let columns = written
                    .as_ref()
                    .and_then(|ident| self.of_source(&ident.value));
                let known_as = alias.as_ref().map(|alias| alias.name.clone()).or(written);
                (known_as, columns.cloned().unwrap_or_default())
            }
            TableFactor::Derived { alias, .. } => {
                (alias.as_ref().map(|alias| alias.name.clone()), Vec::new())
            }
            _ => (None, Vec::new()),
        });
        relations.collect()
    }

    /// The columns of a source that a wildcard leaves out.
    fn of_source(&self, written: &str) -> Option<&Vec<&'static str>> {
        let sources = &self.names.sources;
        sources.get(written).or_else(|| {
            let same = |name: &&String| name.eq_ignore_ascii_case(written);
            let name = sources.keys().find(same)?;
            sources.get(name)
        })
    }
}

impl VisitorMut for Resolver<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if has_bag_operation(&query.body) {
            self.fail(
                "INTERSECT ALL and EXCEPT ALL are not run: rows that stand several times would come out wrong; number the \
                 rows (row_number) and leave ALL out",
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let joins = joins_of(&select.from);
        self.merged_columns(select, &joins);
        let relations = self.left_out(select);
        let of_all: BTreeSet<&str> = relations.iter().flat_map(|r| &r.1).copied().collect();
        if of_all.is_empty() {
            return ControlFlow::Continue(());
        }
        if joins.iter().any(|join| is_natural(join)) {
            self.fail(
                "NATURAL JOIN would compare the columns that begin with `_hw_`, too; name those that are meant: \
                 JOIN ... USING (column)",
            );
        }
        // A column that two relations have cannot be left out by its name alone.
        let twice = relations.iter().map(|r| r.1.len()).sum::<usize>() > of_all.len();
        let named: Option<Vec<&Ident>> = relations.iter().map(|r| r.0.as_ref()).collect();
        let mut projection = Vec::with_capacity(select.projection.len());
        for mut item in std::mem::take(&mut select.projection) {
            match &mut item {
                SelectItem::Wildcard(options) => match &named {
                    Some(names) if twice => {
                        for (name, (_, columns)) in names.iter().zip(&relations) {
                            let mut options = options.clone();
                            leave_out(&mut options, columns);
                            let of = ObjectName::from(vec![(*name).clone()]);
                            let of = SelectItemQualifiedWildcardKind::ObjectName(of);
                            projection.push(SelectItem::QualifiedWildcard(of, options));
                        }
                        continue;
                    }
                    _ => leave_out(options, &of_all),
                },
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(of),
                    options,
                ) => {
                    let of = of.0.last().and_then(|part| part.as_ident());
                    let same = |name: &Option<Ident>| match (name, of) {
                        (Some(name), Some(of)) => name.value.eq_ignore_ascii_case(&of.value),
                        _ => false,
                    };
                    if let Some((_, columns)) = relations.iter().find(|r| same(&r.0)) {
                        leave_out(options, columns);
                    }
                }
                _ => {}
            }
            projection.push(item);
        }
        select.projection = projection;
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            sample: Some(_), ..
        } = factor
        {
            self.fail(
                "TABLESAMPLE is not supported, and all rows would be read; to try a query on fewer, give its sources fewer \
                 files",
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        for part in &mut relation.0 {
            if let datafusion::sql::sqlparser::ast::ObjectNamePart::Identifier(ident) = part {
                self.ident(ident);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            // The parser takes all that follows for the second of the two.
            Expr::IsDistinctFrom(_, second) | Expr::IsNotDistinctFrom(_, second)
                if is_connected(second) =>
            {
                self.fail(
                    "write parentheses around `a IS [NOT] DISTINCT FROM b`, so that what AND or OR connects it with is no \
                     part of it",
                );
            }
            Expr::Identifier(ident) => self.ident(ident),
            Expr::CompoundIdentifier(parts) => parts.iter_mut().for_each(|part| self.ident(part)),
            Expr::CompoundFieldAccess { access_chain, .. } => {
                for access in access_chain {
                    match access {
                        AccessExpr::Dot(Expr::Identifier(ident)) => self.ident(ident),
                        AccessExpr::Dot(_)
                        | AccessExpr::Subscript(
                            Subscript::Index { .. } | Subscript::Slice { .. },
                        ) => {}
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Whether AND or OR connects two conditions, without parentheses around them.
fn is_connected(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::BinaryOp {
            op: BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Xor,
            ..
        }
    )
}

/// Whether rows that stand several times are told from one another by INTERSECT or EXCEPT.
fn has_bag_operation(body: &SetExpr) -> bool {
    match body {
        SetExpr::SetOperation {
            op,
            set_quantifier,
            left,
            right,
        } => {
            let is_all = matches!(
                set_quantifier,
                SetQuantifier::All | SetQuantifier::AllByName
            );
            (is_all && *op != SetOperator::Union)
                || has_bag_operation(left)
                || has_bag_operation(right)
        }
        _ => false,
    }
}

/// All joins of a FROM, those inside parentheses too.
fn joins_of(from: &[TableWithJoins]) -> Vec<&JoinOperator> {
    let mut found = Vec::new();
    for from in from {
        found.extend(from.joins.iter().map(|join| &join.join_operator));
        let relations =
            std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation));
        for relation in relations {
            if let TableFactor::NestedJoin {
                table_with_joins, ..
            } = relation
            {
                found.extend(joins_of(std::slice::from_ref(table_with_joins.as_ref())));
            }
        }
    }
    found
}

/// Whether a join makes one column of two that have the same name.
fn merges(constraint: &JoinConstraint) -> bool {
    matches!(
        constraint,
        JoinConstraint::Using(_) | JoinConstraint::Natural
    )
}

/// Whether a join compares all columns that have the same name.
fn is_natural(join: &JoinOperator) -> bool {
    matches!(
        join,
        JoinOperator::Join(JoinConstraint::Natural)
            | JoinOperator::Inner(JoinConstraint::Natural)
            | JoinOperator::Left(JoinConstraint::Natural)
            | JoinOperator::LeftOuter(JoinConstraint::Natural)
    )
}

/// Adds columns to what a wildcard leaves out.
fn leave_out<'a>(
    options: &mut WildcardAdditionalOptions,
    columns: impl IntoIterator<Item = &'a &'a str>,
) {
    let mut names: Vec<ObjectName> = match options.opt_exclude.take() {
        Some(ExcludeSelectItem::Single(name)) => vec![name],
        Some(ExcludeSelectItem::Multiple(names)) => names,
        None => Vec::new(),
    };
    for column in columns {
        let name = ObjectName::from(vec![Ident::with_quote('"', *column)]);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if !names.is_empty() {
        options.opt_exclude = Some(ExcludeSelectItem::Multiple(names));
    }
}
