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


@dataclass
class Input:
    """A file or a folder, with its known answers. Spark is given globs, literal tags and a sample for its schema."""
    path: Path
    row_tag: str
    schema: Path
    bytes: int
    rows: int
    sum_obligated: str
    spark_path: str
    spark_row_tag: str
    spark_sample: str

    def warm(self) -> None:
        """Reads it once: both sides then find it in the page cache."""
        files = [self.path] if self.path.is_file() else self.path.glob("**/*.xml")
        for path in files:
            with open(path, "rb") as file:
                while file.read(1 << 22):
                    pass


def flat(bench, size: int) -> Input:
    """One file of about `size` bytes, without namespaces, of 41 fields a record."""
    path, truth = generate(bench.datagen, bench.work / f"flat-{size}", size)
    small, _ = generate(bench.datagen, bench.work / "flat-small", SMALL_BYTES)
    return Input(path, "award", BENCH / "flat.schema.yaml", truth["xml_bytes"], truth["records"],
                 truth["sum_obligated"], str(path), "award", str(small))


def generate(datagen: Path, folder: Path, size: int) -> tuple[Path, dict]:
    """The flat file, made once, with its truth."""
    truth = folder / "truth.json"
    if not truth.exists():
        subprocess.run([datagen, "fpds", "--shape", "flat", "--bytes", str(size), "--seed", str(SEED),
                        "-o", folder], check=True, stdout=sys.stderr)
    return folder / "awards.xml", json.loads(truth.read_text())


def feed(bench) -> Input:
    """The pages of the real feed: their `IDV` records, since Spark takes one row tag."""
    pages, expected = pages_of_feed()
    schema = bench.work / "feed.schema.yaml"
    if not schema.exists():
        # All pages, so that nothing is unknown to it.
        subprocess.run([bench.headworks, "schema", pages, "--row-tag", "IDV", "-O", schema], check=True,
                       stdout=sys.stderr)
    return Input(pages, "IDV", schema, expected["bytes"], expected["by_type"]["IDV"],
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
