"""Runs a program and measures it from outside: wall clock, and the memory of all its processes together."""
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

SAMPLE_INTERVAL_S = 0.1
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Measured:
    """What a run took, and what it said on standard output."""
    seconds: float
    peak_rss_mb: float
    stdout: str


def run(command: list[str], environment: dict[str, str] | None = None) -> Measured:
    """Runs the command to its end. Raises if it fails, with what it said. What others have written is on the disk
    before: else the one that makes its files durable would wait for the other's, too."""
    os.sync()
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, **(environment or {})})
    peak = PeakMemory(process.pid)
    peak.start()
    stdout, stderr = process.communicate()
    seconds = time.monotonic() - start
    peak.stop()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{stderr[-4000:]}")
    return Measured(seconds, peak.bytes / 1e6, stdout)


class PeakMemory(threading.Thread):
    """The largest sum of resident memory over a process and its descendants, sampled from /proc."""

    def __init__(self, root: int):
        super().__init__(daemon=True)
        self.root, self.bytes, self.done = root, 0, threading.Event()

    def run(self) -> None:
        while not self.done.wait(SAMPLE_INTERVAL_S):
            self.bytes = max(self.bytes, sum(resident_bytes(pid) for pid in family(self.root)))

    def stop(self) -> None:
        self.done.set()
        self.join()


def family(root: int) -> list[int]:
    """The process and all its descendants. (Only their own entries are read: to look at all of /proc would take a
    tenth of a core from what is measured.)"""
    found, unvisited = [], [root]
    while unvisited:
        pid = unvisited.pop()
        found.append(pid)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                unvisited += map(int, children.read_text().split())
            except OSError:
                continue
    return found


def resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0
