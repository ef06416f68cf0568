#!/usr/bin/env python3
"""Reads a lake's tables with DuckDB, which shares no code with Headworks, and prints what it finds as JSON.

usage: read_back.py LAKE SQL...     one line of JSON a query: a list of rows, each an object
       read_back.py LAKE --audit    one line of JSON: {table: {version, files, rows, bytes, unlogged, missing}}

Every table of the lake is a view of its name; the quarantine of source `awards` is `quarantine_awards`. A view
reads the files that anyone would see (`**/*.parquet`, nothing hidden), and partition values are text. Decimals
and times are printed as text, so that nothing is rounded.

--audit replays each table's log and compares: files that can be seen but that the log doesn't name (unlogged),
files that it names but that aren't there (missing), and the rows that DuckDB counts in each file against the
log's. It ends with 3 if anything differs.
"""
import datetime
import decimal
import json
import sys
from pathlib import Path

from python_env import run_under


def tables_of(lake: Path) -> dict[str, Path]:
    """Every folder with a log, by the name of its view."""
    found = {}
    for log in sorted(lake.glob("**/_headworks/log")):
        folder = log.parent.parent
        found["_".join(folder.relative_to(lake).parts).lstrip("_")] = folder
    return found


def visible_files(folder: Path) -> dict[str, Path]:
    """What a reader of the folder takes for data: no hidden file, nothing below a hidden folder."""
    files = {}
    for path in folder.glob("**/*.parquet"):
        parts = path.relative_to(folder).parts
        if not any(part.startswith((".", "_headworks")) for part in parts):
            files["/".join(parts)] = path
    return files


def logged_files(folder: Path) -> tuple[int, dict[str, dict]]:
    """The latest version, and the files that the log leaves standing."""
    version, files = 0, {}
    for entry_path in sorted((folder / "_headworks" / "log").glob("*.json")):
        if entry_path.name.startswith("."):
            continue
        entry = json.loads(entry_path.read_text())
        version = entry["version"]
        for path in entry["remove"]:
            files.pop(path, None)
        for file in entry["add"]:
            files[file["path"]] = file
    return version, files


def connect(lake: Path):
    import duckdb
    connection = duckdb.connect()
    for name, folder in tables_of(lake).items():
        files = [str(path) for path in visible_files(folder).values()]
        if files:
            connection.execute(
                f'create view "{name}" as select * from read_parquet({files!r}, hive_partitioning=true, '
                "hive_types_autocast=false, union_by_name=true)")
    return connection


def as_json(value):
    if isinstance(value, (decimal.Decimal, datetime.date, datetime.time)):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value


def query(connection, sql: str) -> list[dict]:
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description]
    return [{name: as_json(value) for name, value in zip(names, row)} for row in cursor.fetchall()]


def audit(connection, lake: Path) -> dict:
    report = {}
    for name, folder in tables_of(lake).items():
        visible, (version, logged) = visible_files(folder), logged_files(folder)
        rows, wrong = 0, []
        for path in sorted(visible.keys() & logged.keys()):
            count = connection.execute(
                "select count(*) from read_parquet(?)", [str(visible[path])]).fetchone()[0]
            rows += count
            size = visible[path].stat().st_size
            if (count, size) != (logged[path]["rows"], logged[path]["bytes"]):
                wrong.append({"path": path, "rows": count, "bytes": size, "logged": logged[path]})
        report[name] = {
            "version": version,
            "files": len(visible),
            "rows": rows,
            "bytes": sum(path.stat().st_size for path in visible.values()),
            "unlogged": sorted(visible.keys() - logged.keys()),
            "missing": sorted(logged.keys() - visible.keys()),
            "wrong": wrong,
        }
    return report


def main() -> int:
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    run_under("duckdb")
    lake = Path(sys.argv[1])
    if not lake.is_dir():
        sys.exit(f"read_back.py: no such lake: {lake}")
    connection = connect(lake)
    if sys.argv[2] == "--audit":
        report = audit(connection, lake)
        print(json.dumps(report))
        return 3 if any(t["unlogged"] or t["missing"] or t["wrong"] for t in report.values()) else 0
    for sql in sys.argv[2:]:
        print(json.dumps(query(connection, sql)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
