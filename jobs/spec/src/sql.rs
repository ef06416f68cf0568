//! A model's SQL: that it is one query, and which tables it names and where.
//!
//! The parser and the dialect are those with which the engine will plan the query, so what passes here parses there.
//! The scopes of common table expressions are DataFusion's: a name is known to the expressions after its own and to the
//! body of its query, to itself only under WITH RECURSIVE; names of columns, aliases and table functions are no tables.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Ident, ObjectName, Query, Select, SetExpr, Spanned, TableFactor, Visit, Visitor,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

/// How deep a query may nest: DataFusion's own default.
const SQL_DEPTH_MAX: usize = 50;

/// A table that a query names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableRef {
    /// The name, without quotes; its parts joined by dots when there are several.
    pub(crate) name: String,
    /// How many parts the name has.
    pub(crate) parts: usize,
    /// Line and column of the name in the query, from 1.
    pub(crate) at: (u32, u32),
    /// The common table expressions that are known there: none has this name.
    pub(crate) ctes: Vec<String>,
}

/// What is wrong with a query as such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqlFault {
    /// Line and column in the query, from 1.
    pub(crate) at: (u32, u32),
    /// What was found and what is allowed.
    pub(crate) message: String,
}

/// The tables that a query names, in the order of its text, or what is wrong with it.
pub(crate) fn table_references(sql: &str) -> Result<Vec<TableRef>, SqlFault> {
    let query = parse_query(sql)?;
    let mut tables = Tables {
        found: Vec::new(),
        scopes: Vec::new(),
    };
    match query.visit(&mut tables) {
        ControlFlow::Break(fault) => Err(*fault),
        ControlFlow::Continue(()) => {
            tables.found.sort_by_key(|table| table.at);
            Ok(tables.found)
        }
    }
}

/// Parses the text as exactly one query.
fn parse_query(sql: &str) -> Result<Box<Query>, SqlFault> {
    let end = end_of(sql);
    let tokens = Tokenizer::new(&GenericDialect {}, sql)
        .tokenize_with_location()
        .map_err(|fault| SqlFault {
            at: place(fault.location, end),
            message: syntax(&fault.message),
        })?;
    let first = tokens
        .iter()
        .find(|token| !matches!(token.token, Token::Whitespace(_)));
    match first {
        Some(token) if begins_query(token) => {}
        Some(token) => {
            return Err(not_a_query(
                &token.token.to_string(),
                place(token.span.start, end),
            ));
        }
        None => return Err(not_a_query("nothing", (1, 1))),
    }
    let mut parser = Parser::new(&GenericDialect {})
        .with_recursion_limit(SQL_DEPTH_MAX)
        .with_tokens_with_locations(tokens);
    let query = parser
        .parse_query()
        .map_err(|fault| parser_fault(fault, end))?;
    let mut is_closed = false;
    while parser.consume_token(&Token::SemiColon) {
        is_closed = true;
    }
    let rest = parser.peek_token();
    if rest.token == Token::EOF {
        return Ok(query);
    }
    let message = if is_closed {
        format!("a second statement begins with `{rest}`; allowed: one SELECT or WITH query")
    } else {
        syntax(&format!("expected the end of the query, found: {rest}"))
    };
    Err(SqlFault {
        at: place(rest.span.start, end),
        message,
    })
}

fn begins_query(token: &TokenWithSpan) -> bool {
    match &token.token {
        Token::LParen => true,
        Token::Word(word) => {
            word.quote_style.is_none()
                && ["SELECT", "WITH"]
                    .iter()
                    .any(|first| word.value.eq_ignore_ascii_case(first))
        }
        _ => false,
    }
}

fn not_a_query(found: &str, at: (u32, u32)) -> SqlFault {
    let found = if found == "nothing" {
        found.to_owned()
    } else {
        format!("`{found}`")
    };
    SqlFault {
        at,
        message: format!("the SQL of a model must be one SELECT or WITH query, found {found}"),
    }
}

fn syntax(message: &str) -> String {
    format!("SQL syntax: {message}")
}

/// The parser gives places only as the end of its text, ` at Line: 1, Column: 2`; without one the query ended early.
fn parser_fault(fault: ParserError, end: (u32, u32)) -> SqlFault {
    let text = match fault {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
        ParserError::RecursionLimitExceeded => {
            let message = format!("the query nests deeper than {SQL_DEPTH_MAX} levels");
            return SqlFault {
                at: (1, 1),
                message,
            };
        }
    };
    let parts = text.rsplit_once(" at Line: ").and_then(|(message, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((message, (line.parse().ok()?, column.parse().ok()?)))
    });
    let (message, at) = parts.unwrap_or((text.as_str(), end));
    let message = message
        .replace("found: EOF", "found: the end of the query")
        .replacen("Expected:", "expected", 1);
    SqlFault {
        at,
        message: syntax(&message),
    }
}

/// A location of the parser, where it has one.
fn place(location: Location, otherwise: (u32, u32)) -> (u32, u32) {
    match (u32::try_from(location.line), u32::try_from(location.column)) {
        (Ok(line), Ok(column)) if line > 0 => (line, column),
        _ => otherwise,
    }
}

/// The place after the last character that is not white space.
fn end_of(sql: &str) -> (u32, u32) {
    let text = sql.trim_end();
    let last_line = text.rsplit('\n').next().unwrap_or_default();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (
        number(text.matches('\n').count() + 1),
        number(last_line.chars().count() + 1),
    )
}

/// Collects tables while it keeps the scopes of common table expressions.
struct Tables {
    found: Vec<TableRef>,
    /// One for each query that is being visited, the innermost last.
    scopes: Vec<Scope>,
}

struct Scope {
    /// Names that are known.
    known: Vec<String>,
    /// Names whose own queries have not been visited yet. They are a query's first children, in order.
    coming: VecDeque<String>,
}

impl Visitor for Tables {
    type Break = Box<SqlFault>;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        check_body(&query.body)?;
        let mut scope = Scope {
            known: Vec::new(),
            coming: VecDeque::new(),
        };
        if let Some(with) = &query.with {
            let names = with
                .cte_tables
                .iter()
                .map(|cte| cte.alias.name.value.clone());
            if with.recursive {
                scope.known.extend(names)
            } else {
                scope.coming.extend(names)
            }
        }
        self.scopes.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Self::Break> {
        self.scopes.pop();
        if let Some(outer) = self.scopes.last_mut() {
            outer.known.extend(outer.coming.pop_front());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Self::Break> {
        match &select.into {
            Some(into) => {
                ControlFlow::Break(Box::new(not_a_query("INTO", first_place(into.name.span()))))
            }
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
        if let TableFactor::Table {
            name, args: None, ..
        } = factor
        {
            self.add(name);
        }
        ControlFlow::Continue(())
    }
}

impl Tables {
    fn add(&mut self, name: &ObjectName) {
        let parts: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        let Some(first) = parts.first() else { return };
        let ctes: Vec<String> = self
            .scopes
            .iter()
            .flat_map(|scope| scope.known.iter().cloned())
            .collect();
        if parts.len() == 1 && ctes.contains(&first.value) {
            return;
        }
        let name = parts
            .iter()
            .map(|part| part.value.as_str())
            .collect::<Vec<_>>()
            .join(".");
        self.found.push(TableRef {
            name,
            parts: parts.len(),
            at: first_place(first.span),
            ctes,
        });
    }
}

fn first_place(span: Span) -> (u32, u32) {
    place(span.start, (1, 1))
}

/// Refuses what the grammar allows in the place of a SELECT, and is none.
fn check_body(body: &SetExpr) -> ControlFlow<Box<SqlFault>> {
    let found = match body {
        SetExpr::SetOperation { left, right, .. } => {
            check_body(left)?;
            return check_body(right);
        }
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => {
            return ControlFlow::Continue(());
        }
        SetExpr::Insert(_) => "INSERT",
        SetExpr::Update(_) => "UPDATE",
        SetExpr::Delete(_) => "DELETE",
        SetExpr::Merge(_) => "MERGE",
        SetExpr::Table(_) => "TABLE",
    };
    ControlFlow::Break(Box::new(not_a_query(found, first_place(body.span()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sql: &str) -> Vec<String> {
        table_references(sql)
            .unwrap()
            .into_iter()
            .map(|table| table.name)
            .collect()
    }

    #[test]
    fn tables_are_found_wherever_they_stand() {
        for (sql, tables) in [
            ("SELECT 1", vec![]),
            ("select a.x from awards a;", vec!["awards"]),
            (
                "SELECT * FROM \"my-awards\" AS a JOIN b ON a.x = b.x LEFT JOIN c USING (y)",
                vec!["my-awards", "b", "c"],
            ),
            (
                "SELECT (SELECT max(x) FROM b) FROM a WHERE x IN (SELECT x FROM c) AND EXISTS (SELECT 1 FROM d)",
                vec!["b", "a", "c", "d"],
            ),
            (
                "SELECT * FROM (SELECT * FROM (SELECT * FROM a) x) y, b",
                vec!["a", "b"],
            ),
            (
                "(SELECT * FROM a) UNION ALL SELECT * FROM b EXCEPT SELECT * FROM c",
                vec!["a", "b", "c"],
            ),
            (
                "SELECT a.b.c, unnest(a.items) FROM a, unnest(make_array(1, 2)) u, generate_series(1, 3)",
                vec!["a"],
            ),
            (
                "SELECT * FROM a CROSS JOIN LATERAL (SELECT * FROM b WHERE b.x = a.x)",
                vec!["a", "b"],
            ),
            (
                "WITH c AS (SELECT * FROM a), d AS (SELECT * FROM c JOIN b ON true) SELECT * FROM d, c",
                vec!["a", "b"],
            ),
            (
                "WITH c AS (SELECT * FROM d), d AS (SELECT 1) SELECT * FROM c, d",
                vec!["d"],
            ),
            ("WITH a AS (SELECT * FROM a) SELECT * FROM a", vec!["a"]),
            (
                "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT * FROM n, a",
                vec!["a"],
            ),
            (
                "WITH c AS (WITH i AS (SELECT 1) SELECT * FROM i, (SELECT * FROM e) f) SELECT * FROM i, c",
                vec!["e", "i"],
            ),
            (
                "SELECT * FROM (WITH c AS (SELECT 1) SELECT * FROM c) x, c",
                vec!["c"],
            ),
            (
                "SELECT * FROM C, lake.t -- comment; with\n",
                vec!["C", "lake.t"],
            ),
            (
                "SELECT x, count(*) FROM (VALUES (1), (2)) v(x) GROUP BY x ORDER BY (SELECT 1 FROM o)",
                vec!["o"],
            ),
        ] {
            assert_eq!(names(sql), tables, "{sql}");
        }
    }

    #[test]
    fn what_is_no_single_query_is_refused_at_its_place() {
        let must = "the SQL of a model must be one SELECT or WITH query, found";
        for (sql, at, message) in [
            ("", (1, 1), format!("{must} nothing")),
            ("-- nothing\n", (1, 1), format!("{must} nothing")),
            (
                "\n  CREATE TABLE x AS SELECT 1",
                (2, 3),
                format!("{must} `CREATE`"),
            ),
            ("INSERT INTO a SELECT 1", (1, 1), format!("{must} `INSERT`")),
            (
                "SELECT 1;\nSELECT 2",
                (2, 1),
                "a second statement begins with `SELECT`; allowed: one SELECT or WITH query".into(),
            ),
            ("SELECT * INTO b FROM a", (1, 15), format!("{must} `INTO`")),
            (
                "WITH a AS (SELECT 1) TABLE b",
                (1, 1),
                format!("{must} `TABLE`"),
            ),
            (
                "SELECT 1 SELECT 2",
                (1, 10),
                "SQL syntax: expected the end of the query, found: SELECT".into(),
            ),
            (
                "SELECT a,\n  FROM, b",
                (2, 7),
                "SQL syntax: expected identifier, found: ,".into(),
            ),
            (
                "SELECT * FROM",
                (1, 14),
                "SQL syntax: expected identifier, found: the end of the query".into(),
            ),
            (
                "SELECT 'a",
                (1, 8),
                "SQL syntax: Unterminated string literal".into(),
            ),
        ] {
            assert_eq!(
                table_references(sql),
                Err(SqlFault { at, message }),
                "{sql}"
            );
        }
        let deep = format!("SELECT {}1{}", "(".repeat(100), ")".repeat(100));
        assert_eq!(
            table_references(&deep).unwrap_err().message,
            "the query nests deeper than 50 levels"
        );
    }
}
