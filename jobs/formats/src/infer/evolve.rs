//! A pinned schema, widened by what the data has beyond it.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};

use crate::record::config::innermost_field;

/// Adds to `pinned` the columns and nested fields that `inferred` has and it lacks, at the end of what holds them,
/// sorted by name, through any lists around it. No pinned type is changed: a list stays a list and a text stays a text, whatever was inferred. The
/// paths of what was added (`/` between names) are sorted, too. Neither depends on the order of the inferred fields.
pub fn evolve(pinned: &Schema, inferred: &Schema) -> (Schema, Vec<String>) {
    let mut added = Vec::new();
    let fields = widen(pinned.fields(), inferred.fields(), "", &mut added);
    added.sort_unstable();
    let schema = Schema::new_with_metadata(fields, pinned.metadata().clone());
    (schema, added)
}

fn widen(pinned: &Fields, inferred: &Fields, parent: &str, added: &mut Vec<String>) -> Fields {
    let mut new: BTreeMap<&str, &FieldRef> = inferred
        .iter()
        .map(|field| (field.name().as_str(), field))
        .collect();
    let mut fields = Vec::with_capacity(pinned.len());
    for field in pinned {
        fields.push(match new.remove(field.name().as_str()) {
            Some(other) => {
                let path = format!("{parent}{}/", field.name());
                widen_field(field, other, &path, added)
            }
            None => field.clone(),
        });
    }
    for (name, field) in new {
        added.push(format!("{parent}{name}"));
        fields.push(field.clone());
    }
    fields.into()
}

/// The pinned field with what one occurrence of the inferred one has beyond it.
fn widen_field(
    pinned: &FieldRef,
    inferred: &Field,
    path: &str,
    added: &mut Vec<String>,
) -> FieldRef {
    let DataType::Struct(inferred_fields) = innermost_field(inferred).data_type() else {
        return pinned.clone();
    };
    let data_type = match pinned.data_type() {
        DataType::Struct(fields) => DataType::Struct(widen(fields, inferred_fields, path, added)),
        DataType::List(item) => DataType::List(widen_field(item, inferred, path, added)),
        _ => return pinned.clone(),
    };
    pinned.as_ref().clone().with_data_type(data_type).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema_file;

    fn schema(fields: &str) -> Schema {
        schema_file::read(&format!("fields: {fields}")).unwrap()
    }

    #[test]
    fn what_is_lacking_is_added_and_nothing_else_changes() {
        let cases: &[(&str, &str, &str, &[&str])] = &[
            ("{a: text}", "{a: int64}", "{a: text}", &[]),
            (
                "{b: text}",
                "{c: date, a: int64, b: int64}",
                "{b: text, a: int64, c: date}",
                &["a", "c"],
            ),
            (
                "{s: {fields: {y: text}}}",
                "{s: {fields: {z: text, y: int64, _x: bool}}}",
                "{s: {fields: {y: text, _x: bool, z: text}}}",
                &["s/_x", "s/z"],
            ),
            (
                "{l: {list: {fields: {y: text}}}}",
                "{l: {fields: {y: text, z: text}}}",
                "{l: {list: {fields: {y: text, z: text}}}}",
                &["l/z"],
            ),
            (
                "{s: {fields: {y: text}}}",
                "{s: {list: {fields: {z: {fields: {d: text}}}}}}",
                "{s: {fields: {y: text, z: {fields: {d: text}}}}}",
                &["s/z"],
            ),
            (
                "{l: {list: {list: {fields: {y: text}}}}, m: {list: {fields: {y: text}}}}",
                "{l: {list: {fields: {z: text}}}, m: {list: {list: {list: {fields: {z: text}}}}}}",
                "{l: {list: {list: {fields: {y: text, z: text}}}}, m: {list: {fields: {y: text, z: text}}}}",
                &["l/z", "m/z"],
            ),
            (
                "{t: text, l: {list: text}, x: xml}",
                "{t: {fields: {a: text}}, l: {list: {fields: {a: text}}}, x: {fields: {a: text}}}",
                "{t: text, l: {list: text}, x: xml}",
                &[],
            ),
            (
                "{s: {fields: {t: {fields: {a: text}}}}}",
                "{s: {fields: {t: {fields: {b: text}}, a: text}}, a: text}",
                "{s: {fields: {t: {fields: {a: text, b: text}}, a: text}}, a: text}",
                &["a", "s/a", "s/t/b"],
            ),
        ];
        for (pinned, inferred, expected, paths) in cases {
            let (evolved, added) = evolve(&schema(pinned), &schema(inferred));
            assert_eq!(evolved, schema(expected), "{pinned} by {inferred}");
            assert_eq!(added, *paths, "{pinned} by {inferred}");
            // What was added is there now.
            let (again, nothing) = evolve(&evolved, &schema(inferred));
            assert_eq!((again, nothing.len()), (evolved, 0));
        }
    }

    #[test]
    fn the_order_of_the_inferred_fields_does_not_matter() {
        let pinned = schema("{m: text, s: {fields: {m: text}}}");
        let mut random = fastrand::Rng::with_seed(2);
        let mut names = ["a", "b", "c", "x", "m"];
        let mut seen = Vec::new();
        for _ in 0..50 {
            random.shuffle(&mut names);
            let fields: Vec<String> = names.iter().map(|name| format!("{name}: text")).collect();
            let fields = fields.join(", ");
            let inferred = schema(&format!("{{s: {{fields: {{{fields}}}}}, {fields}}}"));
            seen.push(evolve(&pinned, &inferred));
        }
        assert!(seen.iter().all(|one| *one == seen[0]));
        assert_eq!(seen[0].1, ["a", "b", "c", "s/a", "s/b", "s/c", "s/x", "x"]);
    }
}
