"""Polars: newline-delimited JSON to one zstd Parquet file, schema inferred. Prints {seconds}: imports are not in it.

usage: polars_json.py SOURCE DESTINATION THREADS     (SOURCE may be a glob; POLARS_MAX_THREADS sets the threads)
"""
import json
import sys
import time

import polars

source, destination, threads = sys.argv[1:]
assert polars.thread_pool_size() == int(threads), "set POLARS_MAX_THREADS"
start = time.monotonic()
polars.scan_ndjson(source).sink_parquet(destination, compression="zstd")
print(json.dumps({"seconds": time.monotonic() - start}), flush=True)
