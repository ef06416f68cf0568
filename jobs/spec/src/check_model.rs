//! Which keys of a model go together, and which names they may hold.
//!
//! Whether the query gives these columns is not known here: the planner says so.

use crate::error::{Mark, SpecError};
use crate::job_file::{Distribute, Model, SortColumn, WriteMode};
use crate::yaml::{Key, Kind, Node};

/// Reports what is wrong with the options of the model `key`, as they are written in `node`.
pub(crate) fn check_model(key: &Key, node: &Node, model: &Model, errors: &mut Vec<SpecError>) {
    let mut check = Check {
        model: &key.text,
        at: &key.at,
        node,
        errors,
    };
    check.go_together(model);
    let as_written = |names: &[String]| -> Vec<String> { names.to_vec() };
    let sorted = |names: &[String]| -> Vec<String> {
        let names = names.iter().map(|name| SortColumn::parse(name).name);
        names.map(str::to_owned).collect()
    };
    check.names("partition_by", &as_written(&model.partition_by));
    check.names("key", &as_written(&model.key));
    check.names("order_by", &sorted(&model.order_by));
    check.names("sort_by", &sorted(&model.sort_by));
    check.order_beside_key(model);
}

struct Check<'a> {
    /// The model's name.
    model: &'a str,
    at: &'a Mark,
    node: &'a Node,
    errors: &'a mut Vec<SpecError>,
}

impl Check<'_> {
    /// Where the value of an option stands, or the model if it does not.
    fn place(&self, option: &str) -> Mark {
        let written = self.node.find(&[option]);
        written.map_or(self.at, |written| &written.at).clone()
    }

    fn fault(&mut self, option: &str, message: String) {
        let fault = self.place(option).error(message);
        self.errors.push(fault);
    }

    fn go_together(&mut self, model: &Model) {
        let name = self.model;
        let has_partitions = !model.partition_by.is_empty();
        if model.distribute == Distribute::Hash && !has_partitions {
            let message = format!("`distribute: hash` in model `{name}` needs `partition_by`");
            self.fault("distribute", message);
        }
        if model.mode == WriteMode::OverwritePartitions && !has_partitions {
            let message =
                format!("`mode: overwrite_partitions` in model `{name}` needs `partition_by`");
            self.fault("mode", message);
        }
        if model.mode == WriteMode::Upsert && model.key.is_empty() {
            let message = format!(
                "`mode: upsert` in model `{name}` needs `key`, the columns that tell one row from another"
            );
            self.fault("mode", message);
        }
        let only_for = [
            ("key", WriteMode::Upsert, "upsert"),
            ("order_by", WriteMode::Upsert, "upsert"),
            ("changed_files", WriteMode::Append, "append"),
        ];
        for (option, mode, word) in only_for {
            if model.mode != mode && self.node.find(&[option]).is_some() {
                let message =
                    format!("`{option}` in model `{name}` has no meaning without `mode: {word}`");
                self.fault(option, message);
            }
        }
    }

    /// Each column of a list has a name, and stands once.
    fn names(&mut self, option: &str, columns: &[String]) {
        for (at, column) in columns.iter().enumerate() {
            let what = if column.is_empty() {
                "an empty name".to_owned()
            } else if columns[..at].contains(column) {
                format!("`{column}` a second time")
            } else {
                continue;
            };
            let message = format!(
                "{what} in `{option}` of model `{}`; each column may stand once",
                self.model
            );
            let place = self.item(option, at);
            self.errors.push(place.error(message));
        }
    }

    /// Rows of one key do not differ in its columns.
    fn order_beside_key(&mut self, model: &Model) {
        for (at, column) in model.order_by.iter().enumerate() {
            let column = SortColumn::parse(column).name;
            if model.key.iter().any(|key| key == column) {
                let message = format!(
                    "`{column}` in `order_by` of model `{}` is a column of its `key`: rows of one key do not differ \
                     in it",
                    self.model
                );
                let place = self.item("order_by", at);
                self.errors.push(place.error(message));
            }
        }
    }

    /// The place of an item of a list, or of the one value that stands for it.
    fn item(&self, option: &str, at: usize) -> Mark {
        match self.node.find(&[option]).map(|list| &list.kind) {
            Some(Kind::List(items)) => items
                .get(at)
                .map_or_else(|| self.place(option), |item| item.at.clone()),
            _ => self.place(option),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_is_the_last_word() {
        for (text, name, descending) in [
            ("ts", "ts", false),
            ("ts desc", "ts", true),
            (" ts  DESC ", "ts", true),
            ("ts asc", "ts", false),
            ("desc", "desc", false),
            ("unit price desc", "unit price", true),
            ("unit price", "unit price", false),
            ("", "", false),
        ] {
            let expected = SortColumn { name, descending };
            assert_eq!(SortColumn::parse(text), expected, "{text}");
        }
    }
}
