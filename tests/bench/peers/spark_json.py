"""Spark: newline-delimited JSON to zstd Parquet, schema inferred. Prints {seconds}: the session's start is not in it.

usage: spark_json.py SOURCE DESTINATION THREADS      (SOURCE may be a folder, which is read with all below it)
"""
import json
import sys
import time

import spark_session

source, destination, threads = sys.argv[1:]
session = spark_session.start(threads)
start = time.monotonic()
rows = session.read.option("recursiveFileLookup", "true").json(source)
rows.write.mode("overwrite").option("compression", "zstd").parquet(destination)
print(json.dumps({"seconds": time.monotonic() - start}), flush=True)
session.stop()
