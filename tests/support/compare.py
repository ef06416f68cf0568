#!/usr/bin/env python3
"""Compares every row of a lake with DuckDB's own answer over the raw files.

usage: compare.py ANSWERS.sql DATA LAKE [--url URL]

ANSWERS.sql makes a view `expected_TABLE` for each table, from the files in the folder DATA ($DATA in it); $URL is where
the job found them, if that was another place. Prints one line of JSON, {table: {rows, missing, extra, examples,
columns}}: the rows of the lake, how many of the answer are not in it and how many it has beyond, and columns whose type
differs. Rows are compared as a bag, so a doubled one counts. Ends with 3 if anything differs.
"""
import argparse
import json
import sys
from pathlib import Path

from python_env import run_under

EXAMPLES_MAX = 3
# A sum is as wide as an engine likes to make it; the places must agree, and the digits are compared.
WIDE = ("decimal", "hugeint")


def types_of(connection, view: str) -> dict[str, str]:
    return {row[0]: row[1].lower() for row in connection.execute(f'describe "{view}"').fetchall()}


def differing(expected: dict[str, str], found: dict[str, str], partitions: set[str]) -> list[str]:
    """What is wrong with the columns of a table."""
    wrong = [f"{name} is missing" for name in expected.keys() - found.keys()]
    wrong += [f"{name} is new" for name in found.keys() - expected.keys()]
    for name in expected.keys() & found.keys() - partitions:
        if comparable(expected[name]) != comparable(found[name]):
            wrong.append(f"{name} is {found[name]}, not {expected[name]}")
    return sorted(wrong)


def comparable(kind: str) -> str:
    return f"decimal with {kind.split(',')[1]}" if kind.startswith(WIDE) and "," in kind else kind


def compare(connection, table: str, partitions: set[str]) -> dict:
    expected = types_of(connection, f"expected_{table}")
    wrong = differing(expected, types_of(connection, table), partitions)
    report = {"rows": connection.execute(f'select count(*) from "{table}"').fetchone()[0], "columns": wrong,
              "missing": 0, "extra": 0, "examples": []}
    if any(word in line for line in wrong for word in ("missing", "new")):
        return report
    # Partition values are text in the names of folders; sums are made equally wide.
    def columns_as(kinds):
        return ", ".join(f'cast("{name}" as {wide(kind)}) as "{name}"' for name, kind in kinds.items())

    def wide(kind):
        return f"decimal(38,{kind.split(',')[1]}" if kind.startswith("decimal") else kind
    ours = f'select {columns_as(expected)} from "{table}"'
    theirs = f'select {columns_as(expected)} from "expected_{table}"'
    for side, (left, right) in {"missing": (theirs, ours), "extra": (ours, theirs)}.items():
        cursor = connection.execute(f"{left} except all {right}")
        rows = cursor.fetchall()
        report[side] = len(rows)
        names = [column[0] for column in cursor.description]
        for row in sorted(rows, key=str)[:EXAMPLES_MAX]:
            report["examples"].append({"side": side, **{name: str(value) for name, value in zip(names, row)}})
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answers", type=Path)
    parser.add_argument("data")
    parser.add_argument("lake", type=Path)
    parser.add_argument("--url")
    arguments = parser.parse_args()
    run_under("duckdb")
    import read_back
    connection = read_back.connect(arguments.lake)
    sql = arguments.answers.read_text().replace("$DATA", arguments.data)
    connection.execute(sql.replace("$URL", arguments.url or arguments.data))
    views = [row[0] for row in connection.execute("select view_name from duckdb_views() where not internal").fetchall()]
    tables = read_back.tables_of(arguments.lake)
    report = {}
    for view in sorted(view for view in views if view.startswith("expected_")):
        table = view.removeprefix("expected_")
        if table not in views:
            report[table] = {"rows": None, "columns": ["no such table"], "missing": 0, "extra": 0, "examples": []}
            continue
        report[table] = compare(connection, table, partitions_of(tables[table]))
    print(json.dumps(report))
    return 3 if any(t["columns"] or t["missing"] or t["extra"] for t in report.values()) or not report else 0


def partitions_of(folder: Path) -> set[str]:
    """The columns that stand in the names of a table's folders."""
    return {path.name.split("=")[0] for path in folder.glob("**/*=*") if path.is_dir()}


if __name__ == "__main__":
    sys.exit(main())
