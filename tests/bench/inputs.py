"""What the benchmarks read: generated files, made once from a seed, and the pages of the real feed, where they are."""
import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).resolve().parent
SEED = 20_261
SMALL_BYTES = 2_000_000
SMALL_FILES = 15_000
AMOUNT = "dollarValues.obligatedAmount"


@dataclass
class Input:
    """A file or a folder, with its known answers."""
    path: Path
    bytes: int
    rows: int
    # How `headworks convert` is told to read it.
    options: list[str]
    # A schema file, for the rows that give one.
    schema: Path | None = None
    # An exact column, and what its values sum to: `dollarValues.obligatedAmount`.
    summed: str | None = None
    sum: str | None = None
    # What Spark is given of XML: a glob, a literal tag, and a sample for its schema.
    spark_path: str = ""
    spark_row_tag: str = ""
    spark_sample: str = ""

    def warm(self) -> None:
        """Reads it once: both sides then find it in the page cache. (Before each run: while a slow peer was at it, the
        system may have taken pages back, and who takes a second pays more for a read of the disk than who takes thirty.)
        """
        files = [self.path] if self.path.is_file() else (path for path in self.path.glob("**/*") if path.is_file())
        for path in files:
            with open(path, "rb") as file:
                while file.read(1 << 22):
                    pass


def flat(bench, size: int) -> Input:
    """One file of about `size` bytes, without namespaces, of 41 fields a record."""
    path, truth = generate(bench, f"flat-{size}", "fpds", "--shape", "flat", "--bytes", size)
    small, _ = generate(bench, "flat-small", "fpds", "--shape", "flat", "--bytes", SMALL_BYTES)
    return Input(path / "awards.xml", truth["xml_bytes"], truth["records"], ["--row-tag", "award"],
                 BENCH / "flat.schema.yaml", AMOUNT, truth["sum_obligated"], str(path / "awards.xml"), "award",
                 str(small / "awards.xml"))


def generate(bench, name: str, *options: object) -> tuple[Path, dict]:
    """A folder of generated data, made once, with its truth."""
    folder = bench.work / name
    truth = folder / "truth.json"
    if not truth.exists():
        command = [bench.datagen, *map(str, options), "--seed", str(SEED), "-o", folder]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return folder, json.loads(truth.read_text())


def events(bench, size: int) -> Input:
    """One file of newline-delimited JSON of about `size` bytes, 18 fields a record."""
    folder, truth = generate(bench, f"events-{size}", "events", "--bytes", size)
    return Input(folder / "events.ndjson", truth["bytes"], truth["records"], [], None, "amount", truth["sum_amount"])


def small_files(bench) -> Input:
    """15,000 files of one JSON record each, in nested folders."""
    folder, truth = generate(bench, "small-files", "songs", "--songs", SMALL_FILES, "--days", 0, "--pretty-one-in", 0)
    return Input(folder / "song_data", truth["bytes"], truth["records"], ["--format", "json"])


def star(bench, size: int) -> Input:
    """Events of about `size` bytes, and the tables that they refer to. Its rows are those that are left when every
    event counts once."""
    folder, truth = generate(bench, f"star-{size}", "events", "--bytes", size, "--dimensions")
    return Input(folder, truth["bytes"], truth["events"], [], None, "revenue", truth["revenue"])


def feed(bench) -> Input:
    """The pages of the real feed: their `IDV` records, since Spark takes one row tag."""
    pages, expected = pages_of_feed()
    schema = bench.work / "feed.schema.yaml"
    if not schema.exists():
        # All pages, so that nothing is unknown to it.
        subprocess.run([bench.headworks, "schema", pages, "--row-tag", "IDV", "-O", schema], check=True,
                       stdout=sys.stderr)
    return Input(pages, expected["bytes"], expected["by_type"]["IDV"], ["--row-tag", "IDV"], schema, AMOUNT,
                 expected["sum_obligatedAmount_by_type"]["IDV"], f"{pages}/*/*.xml", "ns1:IDV", f"{pages}/*/*.xml")


def feed_in_one_file(bench) -> Input:
    """The same pages, one behind the other in one file: several documents, the same bytes."""
    data = feed(bench)
    path = bench.work / "feed.xml"
    if not path.exists():
        unfinished = path.with_suffix(".unfinished")
        with open(unfinished, "wb") as whole:
            for page in sorted(data.path.glob("**/*.xml")):
                whole.write(page.read_bytes())
        unfinished.rename(path)
    return Input(**{**vars(data), "path": path})


def pages_of_feed() -> tuple[Path, dict]:
    """The folder of the pages, unpacked once, and what is in them. Ends the script where there is no real data."""
    real = Path(os.environ.get("HEADWORKS_REAL_DATA") or BENCH.parent.parent.parent / "shared/data") / "fpds"
    archive = real / "atom-pages.tar.zst"
    if not archive.is_file():
        sys.exit(f"run.py: no {archive}: this row reads real data; name its folder with HEADWORKS_REAL_DATA")
    cache = Path(os.environ.get("HEADWORKS_CACHE") or Path.home() / ".cache" / "headworks")
    cache.mkdir(parents=True, exist_ok=True)
    pages = cache / "atom-pages"
    with open(cache / "atom-pages.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not pages.is_dir():
            unfinished = cache / "atom-pages.unpacking"
            unfinished.mkdir(exist_ok=True)
            subprocess.run(["tar", "-x", "-C", unfinished, "-I", "zstd -d --long=27", "-f", archive], check=True)
            unfinished.rename(pages)
    return pages, json.loads((real / "atom-pages.expected.json").read_text())
