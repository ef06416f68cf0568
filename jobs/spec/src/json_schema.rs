//! The JSON Schema of the job file, for editors and for the decoder. Generated from the types in `job_file`; the copy
//! in `job.schema.json` is what users point their editors to.

use serde_json::{Map, Value};

use crate::job_file::JobFile;

/// The schema (JSON Schema 2020-12) as indented JSON with its keys sorted, so that it does not depend on what other
/// crates make of `serde_json`'s maps.
pub fn json_schema() -> String {
    // Pretty-printing a value that is at hand fails for no reason.
    let mut text = serde_json::to_string_pretty(&sorted(schema_value())).unwrap_or_default();
    text.push('\n');
    text
}

/// The schema as a value.
pub(crate) fn schema_value() -> Value {
    schemars::schema_for!(JobFile).to_value()
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<(String, Value)> = object.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| (key, sorted(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_schema_is_fresh() {
        // As cargo says when it runs tests: what it said when they were compiled may be another checkout.
        let folder = std::env::var("CARGO_MANIFEST_DIR");
        let folder = folder.unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let path = format!("{folder}/job.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some_and(|value| value == "1") {
            std::fs::write(&path, json_schema()).unwrap();
        }
        let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            checked_in == json_schema(),
            "{path} is stale; run: UPDATE_SCHEMA=1 cargo test -p headworks-spec the_checked_in_schema_is_fresh"
        );
    }
}
