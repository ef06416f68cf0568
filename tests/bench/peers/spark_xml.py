"""Spark: XML files to zstd Parquet. Prints {seconds}: the session's start is not in it.

usage: spark_xml.py SOURCE DESTINATION ROW_TAG SAMPLE THREADS schema|infer
schema: it is inferred from SAMPLE beforehand, so that the timed part parses and writes, no more.
infer: it is inferred from SOURCE, in the time that is measured.
"""
import json
import sys
import time

import spark_session

source, destination, row_tag, sample, threads, mode = sys.argv[1:]
session = spark_session.start(threads)
reader = session.read.format("xml").option("rowTag", row_tag)
if mode == "schema":
    reader = reader.schema(reader.load(sample).schema)
start = time.monotonic()
reader.load(source).write.mode("overwrite").option("compression", "zstd").parquet(destination)
print(json.dumps({"seconds": time.monotonic() - start}), flush=True)
session.stop()
