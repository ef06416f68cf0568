//! What SQL over sources means: which rows are counted where, which names are found, and which plans are refused.

use crate::support::Place;
use crate::support::data::{rows, rows_job};
use crate::support::place::{counts, model};

/// A place with ten rows.
fn ten_rows() -> Place {
    let place = Place::new();
    place.write("data/a.xml", rows(10));
    place
}

#[test]
fn a_filter_is_counted() {
    let place = ten_rows();
    let job = rows_job(&place, "SELECT id, name FROM rows WHERE id > 7", &[]);
    let job = place.run(&job, &[]).done();
    assert_eq!(counts(&job), [10, 3, 7, 0, 0]);
    assert_eq!(place.lake("lake").audit()["out"]["rows"], 3);
}

#[test]
fn rows_that_an_unnest_makes_are_counted_apart() {
    let place = Place::new();
    place.write(
        "data/a.xml",
        "<rows><row><id>1</id><tag>a</tag><tag>b</tag><tag>c</tag></row>\
         <row><id>2</id><tag>d</tag></row></rows>",
    );
    let job = rows_job(&place, "SELECT id, unnest(tag) AS tag FROM rows", &[]);
    let job = place.run(&job, &[]).done();
    assert_eq!(counts(&job), [2, 2, 0, 0, 0], "records");
    assert_eq!(model(&job, "out")["rows"], 4, "rows");
    let found = place
        .lake("lake")
        .query("select id, tag from out order by tag");
    let found: Vec<_> = found
        .iter()
        .map(|row| (row["id"].as_i64().unwrap(), row["tag"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [(1, "a"), (1, "b"), (1, "c"), (2, "d")]);
}

#[test]
fn the_columns_of_our_own_are_written_only_if_selected() {
    let place = ten_rows();
    let job = rows_job(&place, "SELECT * FROM rows", &[]);
    place.run(&job, &[]).done();
    let lake = place.lake("lake");
    let row = lake.row("select * from out where id = 1");
    let names: Vec<&str> = row
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(names, ["id", "name"]);

    let job = rows_job(
        &place,
        "SELECT id, _hw_file, _hw_row_tag, _hw_offset FROM rows",
        &[],
    );
    place.run(&job, &[]).done();
    let xml = rows(10);
    for row in lake.query("select * from out") {
        let offset = xml.find(&format!("<row><id>{}<", row["id"])).unwrap();
        assert_eq!(row["_hw_offset"], offset);
        assert_eq!(row["_hw_row_tag"], "row");
        let file = row["_hw_file"].as_str().unwrap();
        assert!(file.ends_with("data/a.xml"), "{file}");
    }
}

/// A job whose model `out` is a query over two sources, `s` of ids and values, `c` of ids and names.
fn two_sources(sql: &str) -> (Place, std::path::PathBuf) {
    let place = Place::new();
    place.write("s.csv", "id,v\n1,a\n2,b\n3,c\n");
    place.write("c.csv", "id,name\n1,n1\n2,n2\n");
    place.write("q.sql", sql);
    let job = "job: two\nlake: ./lake\nsources:\n  s: {format: csv, path: s.csv}\n  c: {format: csv, path: c.csv}\nmodels:\n  \
               out: {sql: q.sql}\n";
    let job = place.write("two.yaml", job);
    (place, job)
}

#[test]
fn no_join_and_no_wildcard_means_the_columns_of_our_own() {
    for (sql, columns, rows) in [
        ("SELECT s.id, v, name FROM s NATURAL JOIN c", "id,name,v", 2),
        (
            "SELECT id, v, name FROM s LEFT JOIN c USING (id)",
            "id,name,v",
            3,
        ),
        (
            "SELECT id, v, name FROM s NATURAL LEFT JOIN c",
            "id,name,v",
            3,
        ),
        ("SELECT * FROM s JOIN c USING (id)", "id,name,v", 2),
        (
            "SELECT s.*, name FROM (s JOIN c ON s.id = c.id)",
            "id,name,v",
            2,
        ),
        ("SELECT * FROM s LEFT SEMI JOIN c ON s.id = c.id", "id,v", 2),
        ("SELECT * FROM s LEFT ANTI JOIN c ON s.id = c.id", "id,v", 1),
        ("SELECT x, y FROM s AS t(x, y)", "x,y", 3),
        (
            "WITH s AS (SELECT id FROM s WHERE id = 2) SELECT * FROM s",
            "id",
            1,
        ),
        ("SELECT id, _hw_offset AS o FROM s JOIN c USING (id)", "", 0),
        (
            "SELECT s.*, c._hw_offset AS o FROM s JOIN c USING (id)",
            "id,o,v",
            2,
        ),
    ] {
        let (place, job) = two_sources(sql);
        let outcome = place.run(&job, &[]);
        if columns.is_empty() {
            outcome.says(2, &["Ambiguous", "_hw_offset"]);
            continue;
        }
        outcome.done();
        let found = place.lake("lake").query("select * from out");
        assert_eq!(found.len(), rows, "{sql}");
        let names: Vec<&str> = found[0]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(names.join(","), columns, "{sql}");
        let nulls = found
            .iter()
            .flat_map(|row| row.as_object().unwrap().values());
        let nulls = nulls.filter(|value| value.is_null()).count();
        assert_eq!(
            nulls,
            usize::from(sql.contains("LEFT JOIN")),
            "{sql}: {found:?}"
        );
    }
}

#[test]
fn queries_that_could_not_be_run_exactly_are_refused_before_anything_is_read() {
    let limit = "LIMIT without ORDER BY";
    let unread = "the query needs no record of source";
    let several = "a subquery that stands for a value may give several rows";
    for (sql, word) in [
        ("SELECT DISTINCT v FROM s LIMIT 1", limit),
        ("SELECT v FROM s GROUP BY v LIMIT 2", limit),
        ("SELECT id FROM s UNION SELECT id FROM c LIMIT 3", limit),
        ("SELECT id, row_number() OVER () AS n FROM s LIMIT 2", limit),
        ("SELECT * FROM s WHERE false", unread),
        ("SELECT * FROM s WHERE id = NULL", unread),
        (
            "SELECT id FROM s UNION ALL SELECT id FROM c WHERE false",
            unread,
        ),
        ("SELECT * FROM s ORDER BY id LIMIT 0", unread),
        (
            "SELECT s.id FROM s LEFT JOIN (SELECT DISTINCT id FROM c) d ON s.id = d.id",
            unread,
        ),
        ("SELECT id, (SELECT id FROM c) AS x FROM s", several),
        ("SELECT id FROM s WHERE id >= (SELECT id FROM c)", several),
        (
            "SELECT * FROM s LEFT JOIN c USING (id)",
            "leaves open which of two columns",
        ),
        (
            "SELECT id FROM s RIGHT JOIN c USING (id)",
            "leaves open which of two columns",
        ),
        (
            "SELECT id FROM (s NATURAL FULL JOIN c)",
            "leaves open which of two columns",
        ),
        (
            "SELECT *, _hw_file FROM s NATURAL JOIN c",
            "NATURAL JOIN would compare the columns that begin with `_hw_`",
        ),
    ] {
        let (place, job) = two_sources(sql);
        place.run(&job, &[]).says(2, &["out", word]);
        place.lake("lake").assert_untouched("");
    }
    for (sql, rows) in [
        ("SELECT count(*) AS n FROM s LIMIT 1", 1),
        ("SELECT DISTINCT v FROM s ORDER BY v LIMIT 2", 2),
        ("SELECT id FROM s WHERE id > (SELECT min(id) FROM c)", 2),
        (
            "SELECT id FROM s WHERE id = (SELECT id FROM c ORDER BY id DESC LIMIT 1)",
            1,
        ),
    ] {
        let (place, job) = two_sources(sql);
        place.run(&job, &[]).done();
        assert_eq!(
            place.lake("lake").query("select * from out").len(),
            rows,
            "{sql}"
        );
    }
}

#[test]
fn a_value_that_a_query_cannot_work_with_is_told_in_its_words() {
    for (sql, word) in [
        ("SELECT 10 / (id - 2) AS x FROM s", "Divide by zero"),
        ("SELECT CAST(v AS BIGINT) AS x FROM s", "Cannot cast string"),
        (
            "SELECT sum(CAST(v AS BIGINT)) AS x FROM s JOIN c USING (id) GROUP BY name",
            "Cannot cast string",
        ),
    ] {
        let (place, job) = two_sources(sql);
        let words = [
            "the query met a value that it cannot work with",
            word,
            "TRY_CAST",
        ];
        let error = place.run(&job, &[]).says(1, &words);
        assert!(
            !error.contains("DataFusionError") && !error.contains('\\'),
            "{error}"
        );
        place.lake("lake").assert_untouched("");
    }
}

#[test]
fn names_are_found_whatever_their_case_unless_that_is_ambiguous() {
    let place = Place::new();
    place.write(
        "data/a.xml",
        "<rows><row><Id>1</Id><vendorName>v</vendorName><a>x</a><A>y</A></row></rows>",
    );
    let job = rows_job(
        &place,
        "SELECT ID AS i, VENDORNAME AS v, a AS small, A AS large FROM rows",
        &[],
    );
    place.run(&job, &[]).done();
    let row = place.lake("lake").row("select * from out");
    assert_eq!(row["i"], 1);
    assert_eq!(row["v"], "v");
    assert_eq!((&row["small"], &row["large"]), (&"x".into(), &"y".into()));
}

#[test]
fn an_unknown_column_is_an_error_that_lists_candidates() {
    let place = ten_rows();
    let job = rows_job(&place, "SELECT nmae FROM rows", &[]);
    let outcome = place.run(&job, &[]);
    assert!(outcome.code == 1 || outcome.code == 2, "{outcome:?}");
    let code = outcome.code;
    outcome.says(code, &["nmae", "name"]);
    place.lake("lake").assert_untouched("");
}

#[test]
fn plans_that_a_cluster_would_double_are_refused_by_name() {
    for (sql, word) in [
        (
            "SELECT id, value FROM rows CROSS JOIN generate_series(1, 10)",
            "generate_series",
        ),
        (
            "SELECT value FROM generate_series(1, 10)",
            "generate_series",
        ),
        ("SELECT id FROM rows LIMIT 3", "LIMIT"),
    ] {
        let place = ten_rows();
        let outcome = place.run(&rows_job(&place, sql, &[]), &[]);
        println!("{sql}: {}", outcome.stderr);
        assert!(outcome.code == 1 || outcome.code == 2, "{sql}: {outcome:?}");
        let error = outcome.stderr.to_lowercase();
        assert!(error.contains(&word.to_lowercase()), "{sql}: {error}");
        place.lake("lake").assert_untouched("");
    }
}

#[test]
fn plans_with_several_leaves_give_the_rows_of_one_process() {
    let place = Place::new();
    for file in ["a", "b", "c"] {
        place.write(&format!("data/{file}.xml"), rows(2000));
    }
    for (name, sql, rows) in [
        // A literal table stands whole in each task that joins with it, and doubles nothing.
        (
            "cross_join",
            "SELECT id, v FROM rows CROSS JOIN (VALUES (1), (2)) AS t(v)",
            12_000,
        ),
        (
            "left_join",
            "SELECT v, id FROM (VALUES (-1), (5)) AS t(v) LEFT JOIN rows ON id = v",
            4,
        ),
        // Guards against: a task of a union runs one of its branches, and was held to owe the reports of all.
        (
            "union_of_sources",
            "SELECT id FROM rows UNION ALL SELECT id FROM rows WHERE id <= 10",
            6030,
        ),
        (
            "union_with_values",
            "SELECT id FROM rows UNION ALL SELECT v FROM (VALUES (1), (2)) AS t(v)",
            6002,
        ),
    ] {
        let job = rows_job(&place, sql, &[]);
        let lake = place.lake(name);
        let job = place
            .run(
                &job,
                &[
                    "--set",
                    &lake.setting(),
                    "--set",
                    "tuning.split_size=20kB",
                    "--executors",
                    "2",
                ],
            )
            .done();
        assert_eq!(model(&job, "out")["rows"], rows, "{sql}");
        assert_eq!(lake.audit()["out"]["rows"], rows, "{sql}");
        assert_eq!(job["waves_rerun"], 0, "{sql}");
    }
}
