#!/usr/bin/env python3
"""Runs Headworks and a peer in turn over the same data, and prints one line of JSON.

usage: run.py ROW [--bytes N] [--pairs N] [--headworks PATH] [--datagen PATH] [--work DIR]
See README.md beside this file for the rows, and for what is counted.
"""
import argparse
import json
import os
import shutil
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

BENCH = Path(__file__).resolve().parent
REPOSITORY = BENCH.parent.parent
sys.path.insert(0, str(BENCH.parent / "support"))

import inputs  # noqa: E402
from inputs import Input  # noqa: E402
from measure import Measured, run  # noqa: E402
from outputs import check_rows, check_sum, remove  # noqa: E402
from python_env import python_with, run_under  # noqa: E402

GB = 1_000_000_000
# Two million events.
EVENTS_BYTES = 988_000_000


class Bench:
    """The programs of one run of this script, and where its data stands."""

    def __init__(self, arguments: argparse.Namespace):
        self.headworks = program(arguments.headworks, "HEADWORKS_BIN", "headworks")
        self.datagen = program(arguments.datagen, "HW_DATAGEN_BIN", "hw-datagen")
        self.bytes, self.work = arguments.bytes, arguments.work

    def convert(self, data: Input, destination: Path, threads: int = 2, infer: bool = False) -> Measured:
        schema = [] if infer else ["--schema", str(data.schema)]
        data.warm()
        return run([str(self.headworks), "convert", str(data.path), str(destination), *data.options, *schema,
                    "--threads", str(threads), "-o", "json"])


@dataclass
class Row:
    """One benchmark: what is read, how we read it, how the peer does, and what Python packages that needs."""
    data: Callable[[Bench], Input]
    ours: Callable[[Bench, Input, Path], Measured]
    peer: Callable[[Bench, Input, Path], Measured]
    packages: tuple[str, ...] = ()
    java: bool = False
    bytes: int = GB
    pairs: int = 3
    # Checks one side's output: the path, the data, whose it is.
    check: Callable[[Path, Input, str], None] = lambda path, data, whose: check_rows(path, data.rows, whose)
    # What of our output holds the summed column.
    summed_in: str = ""


def flat(bench: Bench) -> Input:
    return inputs.flat(bench, bench.bytes)


def events(bench: Bench) -> Input:
    return inputs.events(bench, bench.bytes)


def small_files(bench: Bench) -> Input:
    return inputs.small_files(bench)


def star(bench: Bench) -> Input:
    return inputs.star(bench, bench.bytes)


def spark(mode: str) -> Callable[[Bench, Input, Path], Measured]:
    def peer(bench: Bench, data: Input, destination: Path) -> Measured:
        return timed_inside(run([str(python_with("pyspark")), str(BENCH / "peers/spark_xml.py"), str(data.spark_path),
                                 str(destination), data.spark_row_tag, str(data.spark_sample), "2", mode]))
    return peer


def python_peer(script: str, package: str, pattern: str = "",
                environment: dict[str, str] | None = None) -> Callable[[Bench, Input, Path], Measured]:
    """A peer in Python, with two threads. `pattern` picks the files of a folder."""
    def peer(_bench: Bench, data: Input, destination: Path) -> Measured:
        source = f"{data.path}{pattern}"
        return timed_inside(run([str(python_with(package)), str(BENCH / "peers" / script), source, str(destination),
                                 "2"], environment))
    return peer


def polars(pattern: str = "") -> Callable[[Bench, Input, Path], Measured]:
    return python_peer("polars_json.py", "polars", pattern, {"POLARS_MAX_THREADS": "2"})


def our_star(bench: Bench, data: Input, destination: Path) -> Measured:
    """A whole job: both tables of `star/job.yaml`."""
    data.warm()
    return run([str(bench.headworks), "run", str(BENCH / "star/job.yaml"), "--set", f"lake={destination}", "--cores",
                "2", "-o", "json", "-q", "--state-dir", str(bench.work / "state")], {"STAR_DATA": str(data.path)})


def check_star(path: Path, data: Input, whose: str) -> None:
    check_rows(path / "purchases_and_views", data.rows, whose)


def xml2arrow(bench: Bench, data: Input, destination: Path) -> Measured:
    return timed_inside(run([str(python_with("xml2arrow", "pyarrow")), str(BENCH / "peers/xml2arrow_xml.py"),
                             str(data.path), str(destination), str(BENCH / "flat.xml2arrow.yaml")],
                            {"OMP_NUM_THREADS": "1", "ARROW_IO_THREADS": "1"}))


def timed_inside(measured: Measured) -> Measured:
    """A peer times its parsing and writing itself, so that neither imports nor session starts count."""
    measured.seconds = json.loads(measured.stdout.splitlines()[-1])["seconds"]
    return measured


def ours(threads: int = 2, infer: bool = False) -> Callable[[Bench, Input, Path], Measured]:
    return lambda bench, data, destination: bench.convert(data, destination, threads, infer)


def pages_in_one_file(bench: Bench, _data: Input, destination: Path) -> Measured:
    return bench.convert(inputs.feed_in_one_file(bench), destination)


def a_tenth(bench: Bench, _data: Input, destination: Path) -> Measured:
    return bench.convert(inputs.flat(bench, bench.bytes // 10), destination)


ROWS = {
    "xml-spark": Row(flat, ours(), spark("schema"), ("pyspark",), java=True),
    "xml-spark-infer": Row(flat, ours(infer=True), spark("infer"), ("pyspark",), java=True, pairs=2),
    "xml-xml2arrow": Row(flat, ours(threads=1), xml2arrow, ("xml2arrow", "pyarrow"), pairs=5),
    "xml-feed-spark": Row(inputs.feed, ours(), spark("schema"), ("pyspark",), java=True),
    "xml-feed-one-file": Row(inputs.feed, ours(), pages_in_one_file, pairs=5),
    "xml-two-threads": Row(flat, ours(threads=2), ours(threads=1), pairs=5),
    "xml-memory": Row(flat, ours(), a_tenth, bytes=10 * GB, pairs=1),
    "json-polars": Row(events, ours(infer=True), polars(), ("polars",), bytes=EVENTS_BYTES, pairs=5),
    "json-duckdb": Row(events, ours(infer=True), python_peer("duckdb_json.py", "duckdb"), ("duckdb",),
                       bytes=EVENTS_BYTES, pairs=5),
    "json-spark": Row(events, ours(infer=True), python_peer("spark_json.py", "pyspark"), ("pyspark",), java=True,
                      bytes=EVENTS_BYTES),
    "json-small-files-polars": Row(small_files, ours(infer=True), polars("/**/*.json"), ("polars",), pairs=5),
    "json-small-files-spark": Row(small_files, ours(infer=True), python_peer("spark_json.py", "pyspark"), ("pyspark",),
                                  java=True),
    "star-spark": Row(star, our_star, python_peer("spark_star.py", "pyspark"), ("pyspark",), java=True,
                      check=check_star, summed_in="daily_sales"),
}


def program(given: Path | None, variable: str, name: str) -> Path:
    """The program by option, by environment, or from the release build of this repository."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
    path = given or Path(os.environ.get(variable) or target / "release" / name)
    if not path.is_file():
        sys.exit(f"run.py: no {path}; build it with `cargo build --release --workspace`, or set {variable}")
    return path.resolve()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--bytes", type=int, help="size of the generated file")
    parser.add_argument("--pairs", type=int, help="how often both run, in turn")
    parser.add_argument("--headworks", type=Path, help="the program [HEADWORKS_BIN, or target/release]")
    parser.add_argument("--datagen", type=Path, help="hw-datagen [HW_DATAGEN_BIN, or target/release]")
    parser.add_argument("--work", type=Path, default=REPOSITORY / "target" / "bench",
                        help="folder for the data; it is used again")
    arguments = parser.parse_args()
    row = ROWS[arguments.row]
    arguments.bytes = arguments.bytes or row.bytes
    if row.java and not shutil.which("java"):
        sys.exit("run.py: Spark needs Java 17 or later on the PATH")
    run_under("pyarrow")
    if row.packages:
        python_with(*row.packages)

    arguments.work.mkdir(parents=True, exist_ok=True)
    bench = Bench(arguments)
    data = row.data(bench)
    our_runs, peer_runs = [], []
    for number in range(arguments.pairs or row.pairs):
        our_output, peer_output = bench.work / "ours.parquet", bench.work / "peer.parquet"
        our_runs.append(row.ours(bench, data, our_output))
        row.check(our_output, data, "Headworks")
        if number == 0:
            check_sum(our_output / row.summed_in if row.summed_in else our_output, data)
        remove(our_output)
        data.warm()
        peer_runs.append(row.peer(bench, data, peer_output))
        if row.peer is not a_tenth:
            row.check(peer_output, data, "the peer")
        remove(peer_output)
        print(f"pair {number + 1}: {our_runs[-1].seconds:.2f} s, peer {peer_runs[-1].seconds:.2f} s", file=sys.stderr)
    print(json.dumps({
        "name": arguments.row,
        "ratio": round(statistics.median(p.seconds / o.seconds for o, p in zip(our_runs, peer_runs)), 2),
        "ours_s": round(statistics.median(o.seconds for o in our_runs), 3),
        "peer_s": round(statistics.median(p.seconds for p in peer_runs), 3),
        "ours_peak_rss_mb": round(max(o.peak_rss_mb for o in our_runs), 1),
        "peer_peak_rss_mb": round(max(p.peak_rss_mb for p in peer_runs), 1),
        "bytes": data.bytes,
        "rows": data.rows,
        "pairs": [[round(o.seconds, 3), round(p.seconds, 3)] for o, p in zip(our_runs, peer_runs)],
    }))


if __name__ == "__main__":
    main()
