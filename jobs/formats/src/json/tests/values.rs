//! The table of values in `json/mod.rs`, row by row.

use serde_json::{Value, json};

use super::run::{config, read_every_way};

/// Reads one record by a schema: the row, or what is wrong with it, and what of it is unknown.
fn row(fields: &str, record: &str) -> (Result<Value, String>, Vec<String>) {
    let outcome = read_every_way(&config(fields), record.as_bytes(), record);
    let unknown = outcome.unknown.into_keys().collect();
    let row = match (&outcome.rows[..], &outcome.bad[..]) {
        ([row], []) => Ok(row.clone()),
        ([], [bad]) => Err(bad.reason.to_string()),
        other => panic!("{record}: {other:?}"),
    };
    (row, unknown)
}

#[test]
fn values_become_what_the_table_says() {
    let cases: &[(&str, &str, Value)] = &[
        // Scalars.
        ("{a: text}", r#"{"a":"x"}"#, json!({"a": "x"})),
        ("{a: text}", r#"{"a":" x "}"#, json!({"a": " x "})),
        ("{a: text}", r#"{"a":""}"#, json!({"a": ""})),
        ("{a: text}", r#"{"a":null}"#, json!({})),
        ("{a: text}", r#"{}"#, json!({})),
        ("{a: text}", r#"{"a":1.50}"#, json!({"a": "1.50"})),
        ("{a: text}", r#"{"a":-0.0e+10}"#, json!({"a": "-0.0e+10"})),
        ("{a: text}", r#"{"a":true}"#, json!({"a": "true"})),
        (
            "{a: text}",
            r#"{"a":"\u00e9\n\"\\\uD834\uDD1E"}"#,
            json!({"a": "é\n\"\\\u{1D11E}"}),
        ),
        ("{a: int64}", r#"{"a":-12}"#, json!({"a": -12})),
        ("{a: int64}", r#"{"a":-0}"#, json!({"a": 0})),
        ("{a: int64}", r#"{"a":"12"}"#, json!({"a": 12})),
        ("{a: int64}", r#"{"a":"\u0031"}"#, json!({"a": 1})),
        ("{a: int64}", r#"{"a":""}"#, json!({})),
        ("{a: 'decimal(5,2)'}", r#"{"a":1.5}"#, json!({"a": "1.50"})),
        (
            "{a: 'decimal(5,2)'}",
            r#"{"a":"1.5"}"#,
            json!({"a": "1.50"}),
        ),
        ("{a: float64}", r#"{"a":1}"#, json!({"a": 1.0})),
        ("{a: float64}", r#"{"a":1.5E-3}"#, json!({"a": 0.0015})),
        ("{a: bool}", r#"{"a":true}"#, json!({"a": true})),
        ("{a: bool}", r#"{"a":"false"}"#, json!({"a": false})),
        ("{a: bool}", r#"{"a":1}"#, json!({"a": true})),
        ("{a: date}", r#"{"a":"1970-01-02"}"#, json!({"a": 1})),
        (
            "{a: timestamptz}",
            r#"{"a":"1970-01-01T00:00:01Z"}"#,
            json!({"a": 1_000_000}),
        ),
        // Objects.
        (
            "{a: {fields: {b: int64}}}",
            r#"{"a":{"b":1}}"#,
            json!({"a": {"b": 1}}),
        ),
        ("{a: {fields: {b: int64}}}", r#"{"a":{}}"#, json!({"a": {}})),
        ("{a: {fields: {b: int64}}}", r#"{"a":null}"#, json!({})),
        (
            "{a: {fields: {_VALUE: int64, b: text}}}",
            r#"{"a":1}"#,
            json!({"a": {"_VALUE": 1}}),
        ),
        (
            "{a: {fields: {_VALUE: {list: text}, b: text}}}",
            r#"{"a":"x"}"#,
            json!({"a": {"_VALUE": ["x"]}}),
        ),
        (
            "{a: {fields: {_VALUE: {fields: {_VALUE: text}}, b: text}}}",
            r#"{"a":"x"}"#,
            json!({"a": {"_VALUE": {"_VALUE": "x"}}}),
        ),
        (
            "{a: {fields: {_VALUE: int64}}}",
            r#"{"a":{"_VALUE":1}}"#,
            json!({"a": {"_VALUE": 1}}),
        ),
        // Lists.
        ("{a: {list: int64}}", r#"{"a":[1,2]}"#, json!({"a": [1, 2]})),
        ("{a: {list: int64}}", r#"{"a":[]}"#, json!({"a": []})),
        ("{a: {list: int64}}", r#"{"a":[ ]}"#, json!({"a": []})),
        (
            "{a: {list: int64}}",
            r#"{"a":[null]}"#,
            json!({"a": [null]}),
        ),
        ("{a: {list: int64}}", r#"{"a":null}"#, json!({})),
        ("{a: {list: int64}}", r#"{"a":3}"#, json!({"a": [3]})),
        (
            "{a: {list: text}}",
            r#"{"a":[{"b":[1]},"x"]}"#,
            json!({"a": ["{\"b\":[1]}", "x"]}),
        ),
        (
            "{a: {list: {fields: {b: int64}}}}",
            r#"{"a":[{"b":1},null,{}]}"#,
            json!({"a": [{"b": 1}, null, {}]}),
        ),
        (
            "{a: {list: {fields: {b: int64}}}}",
            r#"{"a":{"b":1}}"#,
            json!({"a": [{"b": 1}]}),
        ),
        (
            "{a: {list: {fields: {_VALUE: int64, b: int64}}}}",
            r#"{"a":[1,{"b":2}]}"#,
            json!({"a": [{"_VALUE": 1}, {"b": 2}]}),
        ),
        (
            "{a: {list: {list: int64}}}",
            r#"{"a":[[1,2],[],null,[3]]}"#,
            json!({"a": [[1, 2], [], null, [3]]}),
        ),
        (
            "{a: {list: {list: int64}}}",
            r#"{"a":[[null],4,[5]]}"#,
            json!({"a": [[null], [4], [5]]}),
        ),
        (
            "{a: {list: {list: int64}}}",
            r#"{"a":6}"#,
            json!({"a": [[6]]}),
        ),
        (
            "{a: {list: {list: int64}}}",
            r#"{"a":[]}"#,
            json!({"a": []}),
        ),
        (
            "{a: {list: {list: {list: text}}}}",
            r#"{"a":[[["x"],[]],["y"],"z"]}"#,
            json!({"a": [[["x"], []], [["y"]], [["z"]]]}),
        ),
        (
            "{a: {list: {list: {fields: {b: {list: int64}}}}}}",
            r#"{"a":[[{"b":[1]},{"b":2}],{"b":[]},[]]}"#,
            json!({"a": [[{"b": [1]}, {"b": [2]}], [{"b": []}], []]}),
        ),
        // As it stands.
        (
            "{a: text}",
            r#"{"a": {"b" : [1, "}"] } , "c":1}"#,
            json!({"a": "{\"b\" : [1, \"}\"] }"}),
        ),
        ("{a: text}", r#"{"a":[]}"#, json!({"a": "[]"})),
        ("{a: raw}", r#"{"a":"x"}"#, json!({"a": "\"x\""})),
        ("{a: raw}", r#"{"a":[1 ,2]}"#, json!({"a": "[1 ,2]"})),
        ("{a: raw}", r#"{"a":null}"#, json!({})),
        (
            "{a: {list: raw}}",
            r#"{"a":[1,"x",{"b":2}]}"#,
            json!({"a": ["1", "\"x\"", "{\"b\":2}"]}),
        ),
        // Names.
        (
            "{a: int64, b: int64}",
            r#"{"a":1,"b":2,"a":3}"#,
            json!({"a": 3, "b": 2}),
        ),
        ("{a: int64}", r#"{"a":1,"\u0061":3}"#, json!({"a": 3})),
        (
            "{a: int64, b: int64}",
            r#"{"a":1,"b":2,"a":null}"#,
            json!({"b": 2}),
        ),
        (
            "{a: {list: int64}, b: int64}",
            r#"{"a":[1,2],"b":2,"a":[3]}"#,
            json!({"a": [3], "b": 2}),
        ),
        (
            "{a: {fields: {b: int64, c: int64}}}",
            r#"{"a":{"b":1},"a":{"c":2}}"#,
            json!({"a": {"c": 2}}),
        ),
        (
            "{a: {list: {list: {fields: {b: int64}}}}}",
            r#"{"a":[[{"b":1,"b":2}],{"b":3}],"a":[{"b":4}]}"#,
            json!({"a": [[{"b": 4}]]}),
        ),
        (
            "{'': int64, 'é': int64}",
            r#"{"":1,"\u00e9":2}"#,
            json!({"": 1, "é": 2}),
        ),
        ("{a: int64}", r#"{"A":1,"a":2}"#, json!({"a": 2})),
        // Records that are no objects.
        ("{_VALUE: int64}", "42", json!({"_VALUE": 42})),
        ("{_VALUE: text}", "\"x\"", json!({"_VALUE": "x"})),
        ("{_VALUE: text}", "null", json!({})),
        (
            "{_VALUE: {list: int64}, a: text}",
            "{\"a\":\"x\"}",
            json!({"a": "x"}),
        ),
        ("{_VALUE: bool}", "\n  true  \n", json!({"_VALUE": true})),
    ];
    for (fields, record, expected) in cases {
        let unknown: &[&str] = if record.contains("\"A\"") {
            &["A"]
        } else if record.contains("\"c\":1") {
            &["c"]
        } else {
            &[]
        };
        let (row, found) = row(fields, record);
        assert_eq!(row.as_ref(), Ok(expected), "{fields} of {record}");
        assert_eq!(found, unknown, "{fields} of {record}");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let cases: &[(&str, &str, &str)] = &[
        (
            "{a: float64}",
            r#"{"a":-1e400}"#,
            "byte 5: `-1e400` in `a` is not a number in the range of float64",
        ),
        (
            "{a: int64}",
            r#"{"a":"x"}"#,
            "byte 6: `x` in `a` is not a whole number",
        ),
        ("{a: int64}", r#"{"a":"\u0078"}"#, "byte 6: `x` in `a`"),
        ("{a: int64}", r#"{"a":1.5}"#, "byte 5: `1.5` in `a`"),
        ("{a: int64}", r#"{"a":1e3}"#, "byte 5: `1e3` in `a`"),
        (
            "{a: int64}",
            r#"{"a":9223372036854775808}"#,
            "byte 5: `9223372036854775808` in `a`",
        ),
        ("{a: int64}", r#"{"a":true}"#, "byte 5: `true` in `a`"),
        ("{a: int64}", r#"{"a":[1]}"#, "byte 5: `[1]` in `a`"),
        (
            "{a: int64}",
            r#"{"a":{"b":1}}"#,
            "byte 5: `{\"b\":1}` in `a`",
        ),
        (
            "{a: {list: int64}}",
            r#"{"a":[1,[2]]}"#,
            "byte 8: `[2]` in `a`",
        ),
        (
            "{a: {list: {list: int64}}}",
            r#"{"a":[[1,"x"]]}"#,
            "byte 10: `x` in `a`",
        ),
        (
            "{a: {fields: {b: date}}}",
            r#"{"a":{"b":1}}"#,
            "byte 10: `1` in `a/b` is not a date",
        ),
        (
            "{a: {fields: {b: date}}}",
            r#"{"a":[{"b":1}]}"#,
            "byte 5: `[{\"b\":1}]` in `a`",
        ),
    ];
    for (fields, record, expected) in cases {
        let error = row(fields, record).0.unwrap_err();
        assert!(error.starts_with(expected), "{fields} of {record}: {error}");
    }
}

#[test]
fn what_the_schema_lacks_is_counted_by_path() {
    let cases: &[(&str, &str, Value, &[&str])] = &[
        ("{a: int64}", r#"{"a":1,"b":2}"#, json!({"a": 1}), &["b"]),
        ("{a: int64}", r#"{"a":1,"b":null}"#, json!({"a": 1}), &["b"]),
        (
            "{a: int64}",
            r#"{"a":1,"b":{"c":{"d":1}}}"#,
            json!({"a": 1}),
            &["b"],
        ),
        (
            "{a: {fields: {b: int64}}}",
            r#"{"a":{"c":1,"b":2}}"#,
            json!({"a": {"b": 2}}),
            &["a/c"],
        ),
        (
            "{a: {fields: {b: int64}}}",
            r#"{"a":5}"#,
            json!({}),
            &["a/_VALUE"],
        ),
        (
            "{a: {list: {fields: {b: int64}}}}",
            r#"{"a":[5,{"b":1},[6]]}"#,
            json!({"a": [null, {"b": 1}, null]}),
            &["a/_VALUE"],
        ),
        ("{a: int64}", "5", json!({}), &["_VALUE"]),
        (
            "{a: int64}",
            "{\"a\":1,\"b\":1,\"b\":2}",
            json!({"a": 1}),
            &["b"],
        ),
    ];
    for (fields, record, expected, paths) in cases {
        let (row, unknown) = row(fields, record);
        if record.contains("[6]") {
            // An array where the schema has an object is no scalar.
            assert!(row.unwrap_err().contains("`[6]` in `a`"), "{record}");
            continue;
        }
        assert_eq!(row.as_ref(), Ok(expected), "{fields} of {record}");
        assert_eq!(unknown, *paths, "{fields} of {record}");
    }
}
