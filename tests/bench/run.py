#!/usr/bin/env python3
"""Runs Headworks and a peer in turn over the same generated file, and prints one line of JSON.

usage: run.py ROW [--bytes N] [--pairs N] [--headworks PATH] [--datagen PATH] [--work DIR]
See README.md beside this file for the rows, and for what is counted.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent
REPOSITORY = BENCH.parent.parent
sys.path.insert(0, str(BENCH.parent / "support"))

from measure import Measured, run  # noqa: E402
from python_env import python_with, run_under  # noqa: E402

ROW_TAG = "award"
SEED = 20_261
SMALL_BYTES = 2_000_000


def spark(python: Path, bench: "Bench", destination: Path) -> Measured:
    return run([str(python), str(BENCH / "peers/spark_xml.py"), str(bench.source), str(destination),
                ROW_TAG, str(bench.small_source), "2"])


def xml2arrow(python: Path, bench: "Bench", destination: Path) -> Measured:
    return run([str(python), str(BENCH / "peers/xml2arrow_xml.py"), str(bench.source), str(destination),
                str(BENCH / "flat.xml2arrow.yaml")], {"OMP_NUM_THREADS": "1", "ARROW_IO_THREADS": "1"})


# Name of the row: how the peer is run, the packages it needs, Headworks' threads.
ROWS = {
    "xml-spark": (spark, ["pyspark"], 2),
    "xml-xml2arrow": (xml2arrow, ["xml2arrow", "pyarrow"], 1),
}


class Bench:
    """The files of one benchmark."""

    def __init__(self, arguments: argparse.Namespace):
        self.headworks = program(arguments.headworks, "HEADWORKS_BIN", "headworks")
        datagen = program(arguments.datagen, "HW_DATAGEN_BIN", "hw-datagen")
        self.work = arguments.work
        self.source, self.truth = generate(datagen, self.work / f"flat-{arguments.bytes}", arguments.bytes)
        self.small_source, _ = generate(datagen, self.work / "flat-small", SMALL_BYTES)

    def ours(self, destination: Path, threads: int) -> Measured:
        return run([str(self.headworks), "convert", str(self.source), str(destination), "--row-tag", ROW_TAG,
                    "--schema", str(BENCH / "flat.schema.yaml"), "--threads", str(threads), "-o", "json"])


def program(given: Path | None, variable: str, name: str) -> Path:
    """The program by option, by environment, or from the release build of this repository."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
    path = given or Path(os.environ.get(variable) or target / "release" / name)
    if not path.is_file():
        sys.exit(f"run.py: no {path}; build it with `cargo build --release`, or set {variable}")
    return path.resolve()


def generate(datagen: Path, folder: Path, size: int) -> tuple[Path, dict]:
    """The flat file of about `size` bytes, made once, with its truth."""
    truth = folder / "truth.json"
    if not truth.exists():
        subprocess.run([datagen, "fpds", "--shape", "flat", "--bytes", str(size), "--seed", str(SEED),
                        "-o", folder], check=True, stdout=sys.stderr)
    return folder / "awards.xml", json.loads(truth.read_text())


def warm(path: Path) -> None:
    """Reads the file once: both sides then find it in the page cache."""
    with open(path, "rb") as file:
        while file.read(1 << 22):
            pass


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def check(path: Path, truth: dict, whose: str) -> None:
    """Figures of a program that loses rows are worth nothing."""
    import pyarrow.parquet as parquet
    files = [path] if path.is_file() else sorted(path.glob("**/*.parquet"))
    rows = sum(parquet.ParquetFile(file).metadata.num_rows for file in files)
    if rows != truth["records"]:
        sys.exit(f"run.py: {whose} wrote {rows} rows of {truth['records']}")


def check_sum(path: Path, truth: dict) -> None:
    """Ours must hold every cent, too."""
    import pyarrow.compute as compute
    import pyarrow.parquet as parquet
    column = parquet.read_table(path, columns=["dollarValues"])["dollarValues"]
    total = sum(compute.sum(compute.struct_field(chunk, "obligatedAmount")).as_py() for chunk in column.chunks)
    if str(total) != truth["sum_obligated"]:
        sys.exit(f"run.py: the amounts sum to {total}, not {truth['sum_obligated']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--bytes", type=int, default=1_000_000_000, help="size of the XML file")
    parser.add_argument("--pairs", type=int, default=3, help="how often both run, in turn")
    parser.add_argument("--headworks", type=Path, help="the program [HEADWORKS_BIN, or target/release]")
    parser.add_argument("--datagen", type=Path, help="hw-datagen [HW_DATAGEN_BIN, or target/release]")
    parser.add_argument("--work", type=Path, default=REPOSITORY / "target" / "bench",
                        help="folder for the data; it is used again")
    arguments = parser.parse_args()
    peer, packages, threads = ROWS[arguments.row]
    if arguments.row == "xml-spark" and not shutil.which("java"):
        sys.exit("run.py: Spark needs Java 17 or later on the PATH")
    run_under("pyarrow")
    python = python_with(*packages)

    arguments.work.mkdir(parents=True, exist_ok=True)
    bench = Bench(arguments)
    warm(bench.source)
    ours, peers = [], []
    for number in range(arguments.pairs):
        our_output, peer_output = bench.work / "ours.parquet", bench.work / "peer.parquet"
        ours.append(bench.ours(our_output, threads))
        check(our_output, bench.truth, "Headworks")
        measured = peer(python, bench, peer_output)
        measured.seconds = json.loads(measured.stdout.splitlines()[-1])["seconds"]
        peers.append(measured)
        check(peer_output, bench.truth, "the peer")
        if number == 0:
            check_sum(our_output, bench.truth)
        remove(our_output)
        remove(peer_output)
        print(f"pair {number + 1}: {ours[-1].seconds:.2f} s, peer {measured.seconds:.2f} s", file=sys.stderr)
    print(json.dumps({
        "name": arguments.row,
        "ratio": round(statistics.median(p.seconds / o.seconds for o, p in zip(ours, peers)), 2),
        "ours_s": round(statistics.median(o.seconds for o in ours), 3),
        "peer_s": round(statistics.median(p.seconds for p in peers), 3),
        "ours_peak_rss_mb": round(max(o.peak_rss_mb for o in ours), 1),
        "peer_peak_rss_mb": round(max(p.peak_rss_mb for p in peers), 1),
        "bytes": bench.truth["xml_bytes"],
        "rows": bench.truth["records"],
        "pairs": [[round(o.seconds, 3), round(p.seconds, 3)] for o, p in zip(ours, peers)],
    }))


if __name__ == "__main__":
    main()
