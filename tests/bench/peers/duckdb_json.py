"""DuckDB: newline-delimited JSON to one zstd Parquet file, schema inferred. Prints {seconds}: imports are not in it.

usage: duckdb_json.py SOURCE DESTINATION THREADS
"""
import json
import sys
import time

import duckdb

source, destination, threads = sys.argv[1:]
connection = duckdb.connect()
connection.execute(f"set threads = {int(threads)}")
start = time.monotonic()
connection.execute(f"copy (select * from read_json('{source}')) to '{destination}' (format parquet, compression zstd)")
print(json.dumps({"seconds": time.monotonic() - start}), flush=True)
