//! The checks of a model, from the job file's words to [`CheckSpec`]s: each says one thing, has a name of its own, its
//! SQL inside, and only tables that a check can read.
//!
//! In two steps, as for the models: what one check says, and then, when all names are known, what it reads.

use crate::check::{Check, CheckRule, CheckSpec, RULES, RowCount};
use crate::error::{Mark, quoted_list};
use crate::names::{NameMatch, match_name, name_fault};
use crate::resolve::{Resolver, SqlPlace, unknown_table};
use crate::sql::{TableRef, table_references};
use crate::yaml::{Key, Kind, Node};

/// A check whose tables are not known yet.
pub(crate) struct CheckDraft {
    spec: CheckSpec,
    /// What it names, each with its place.
    names: Names,
}

/// Tables that a check names.
enum Names {
    /// None.
    None,
    /// The one of `relationships`.
    To(Mark),
    /// Those of a query.
    Sql(Vec<TableRef>, SqlPlace),
}

impl<'a> Resolver<'a> {
    /// What each check of a model says.
    pub(crate) fn draft_checks(
        &mut self,
        key: &Key,
        node: &Node,
        checks: Vec<Check>,
    ) -> Vec<CheckDraft> {
        let Some(Kind::List(items)) = node.find(&["checks"]).map(|list| &list.kind) else {
            return Vec::new();
        };
        let mut drafts: Vec<CheckDraft> = Vec::new();
        for (check, item) in checks.into_iter().zip(items) {
            let Some((rule, names)) = self.rule(key, item, &check) else {
                continue;
            };
            let taken = |name: &str| drafts.iter().any(|draft| draft.spec.name == name);
            let name = match check.name {
                Some(name) if taken(&name) => {
                    let at = item.find(&["name"]).map_or(&item.at, |name| &name.at);
                    let message = format!(
                        "a second check of model `{}` is called `{name}`; each has a name of its own",
                        key.text
                    );
                    self.errors.push(at.error(message));
                    continue;
                }
                Some(name) => name,
                None => free_name(&rule.default_name(), taken),
            };
            let spec = CheckSpec {
                name,
                severity: check.severity,
                rule,
                reads: Vec::new(),
            };
            drafts.push(CheckDraft { spec, names });
        }
        drafts
    }

    /// The one thing that a check says.
    fn rule(&mut self, key: &Key, item: &Node, check: &Check) -> Option<(CheckRule, Names)> {
        let said: Vec<&str> = item
            .entries()
            .iter()
            .map(|(key, _)| key.text.as_str())
            .filter(|key| RULES.contains(key))
            .collect();
        let &[said] = said.as_slice() else {
            let found = match said.as_slice() {
                [] => "none".to_owned(),
                several => quoted_list(several.iter().copied()),
            };
            let message = format!(
                "a check of model `{}` says one thing: one of {}; found {found}",
                key.text,
                quoted_list(RULES)
            );
            self.errors.push(item.at.error(message));
            return None;
        };
        let value = item.find(&[said])?;
        let rule = match said {
            "not_null" => CheckRule::NotNull {
                columns: self.columns(said, value, &check.not_null)?,
            },
            "unique" => CheckRule::Unique {
                columns: self.columns(said, value, &check.unique)?,
            },
            "accepted_values" => {
                let accepted = check.accepted_values.as_ref()?;
                CheckRule::AcceptedValues {
                    column: accepted.column.clone(),
                    values: accepted
                        .values
                        .iter()
                        .map(|value| value.0.clone())
                        .collect(),
                }
            }
            "relationships" => {
                let relationships = check.relationships.as_ref()?;
                let at = value.find(&["to"]).map_or(&value.at, |to| &to.at).clone();
                let rule = CheckRule::Relationships {
                    column: relationships.column.clone(),
                    to: relationships.to.clone(),
                    field: relationships.field.clone(),
                };
                return Some((rule, Names::To(at)));
            }
            "row_count" => self.row_count(value, check.row_count?)?,
            _ => {
                let (sql, place) = self.query_text(key, check.sql.as_deref()?, value)?;
                let tables = match table_references(&sql.text) {
                    Ok(tables) => tables,
                    Err(fault) => {
                        self.errors.push(place.error(fault.at, fault.message));
                        return None;
                    }
                };
                return Some((CheckRule::Sql { sql }, Names::Sql(tables, place)));
            }
        };
        Some((rule, Names::None))
    }

    /// Columns, each once.
    fn columns(&mut self, said: &str, value: &Node, columns: &[String]) -> Option<Vec<String>> {
        for (at, column) in columns.iter().enumerate() {
            if columns[..at].contains(column) {
                let mark = match &value.kind {
                    Kind::List(items) => items.get(at).map_or(&value.at, |item| &item.at),
                    Kind::Scalar(_) | Kind::Map(_) => &value.at,
                };
                let message =
                    format!("`{column}` a second time in `{said}`; each column may stand once");
                self.errors.push(mark.error(message));
                return None;
            }
        }
        Some(columns.to_vec())
    }

    fn row_count(&mut self, value: &Node, count: RowCount) -> Option<CheckRule> {
        let fault = match (count.min, count.max) {
            (None, None) => "`row_count` needs `min`, `max` or both".to_owned(),
            (Some(min), Some(max)) if min > max => {
                format!("`row_count` asks for at least {min} and at most {max} rows")
            }
            (min, max) => return Some(CheckRule::RowCount { min, max }),
        };
        self.errors.push(value.at.error(fault));
        None
    }

    /// Finds the tables that a check reads.
    pub(crate) fn link_check(&mut self, model: &Key, draft: CheckDraft) -> Option<CheckSpec> {
        let CheckDraft { mut spec, names } = draft;
        match names {
            Names::None => {}
            Names::To(at) => {
                let CheckRule::Relationships { to, .. } = &mut spec.rule else {
                    return None;
                };
                match self.table(model, to) {
                    Ok(found) => to.clone_from(&found),
                    Err(message) => {
                        self.errors.push(at.error(message));
                        return None;
                    }
                }
                add_read(&mut spec.reads, model, to);
            }
            Names::Sql(tables, place) => {
                for table in &tables {
                    let found = match table.parts {
                        1 => self.table(model, &table.name),
                        _ => {
                            let models: Vec<&str> = self.names("models").collect();
                            Err(unknown_table(table, &models, &NameMatch::None))
                        }
                    };
                    match found {
                        Ok(found) => add_read(&mut spec.reads, model, &found),
                        Err(message) => {
                            self.errors.push(place.error(table.at, message));
                            return None;
                        }
                    }
                }
            }
        }
        Some(spec)
    }

    /// The table that a name in a check stands for: a model of the job, or else one that the lake is expected to have.
    fn table(&self, model: &Key, name: &str) -> Result<String, String> {
        let known: Vec<&str> = self.names("models").collect();
        match match_name(name, known) {
            NameMatch::One(found) => return Ok(found.to_owned()),
            NameMatch::Several(similar) => {
                return Err(format!(
                    "table `{name}` could be any of {}; write it as it is written there",
                    quoted_list(similar)
                ));
            }
            NameMatch::None => {}
        }
        if let NameMatch::One(source) = match_name(name, self.names("sources")) {
            return Err(format!(
                "a check of model `{}` reads `{source}`, which is a source; allowed: the model itself, other models, \
                 and tables of the lake",
                model.text
            ));
        }
        match name_fault("model", name) {
            None => Ok(name.to_owned()),
            Some(_) => Err(format!("`{name}` cannot be a table of the lake")),
        }
    }
}

fn add_read(reads: &mut Vec<String>, model: &Key, table: &str) {
    if table != model.text && !reads.iter().any(|read| read == table) {
        reads.push(table.to_owned());
    }
}

/// The name, or the first of `name 2`, `name 3`, ... that no other check has.
fn free_name(name: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(name) {
        return name.to_owned();
    }
    let mut number = 2_u32;
    loop {
        let candidate = format!("{name} {number}");
        if !taken(&candidate) {
            return candidate;
        }
        number += 1;
    }
}
