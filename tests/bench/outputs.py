"""Whether what was written is what was read: figures of a program that loses rows are worth nothing."""
import shutil
import sys
from pathlib import Path

from inputs import Input


def check_rows(path: Path, rows: int, whose: str) -> None:
    """Ends the script if the Parquet files hold another number of rows."""
    import pyarrow.parquet as parquet
    files = [path] if path.is_file() else sorted(path.glob("**/*.parquet"))
    found = sum(parquet.ParquetFile(file).metadata.num_rows for file in files)
    if found != rows:
        sys.exit(f"run.py: {whose} wrote {found} rows of {rows}")


def check_sum(path: Path, data: Input) -> None:
    """Ours must hold every cent, too."""
    if data.summed is None:
        return
    import pyarrow.compute as compute
    import pyarrow.parquet as parquet
    files = [path] if path.is_file() else sorted(path.glob("**/*.parquet"))
    total = 0
    for file in files:
        name, *inner = data.summed.split(".")
        column = parquet.ParquetFile(file).read(columns=[name])[name]
        for chunk in column.chunks:
            for field in inner:
                chunk = compute.struct_field(chunk, field)
            total += compute.sum(chunk).as_py() or 0
    if str(total) != data.sum:
        sys.exit(f"run.py: {data.summed} sums to {total}, not {data.sum}")


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
