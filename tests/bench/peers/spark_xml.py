"""Spark: one XML file to zstd Parquet. Prints {seconds}: the session's start and the schema are not in it.

usage: spark_xml.py SOURCE DESTINATION ROW_TAG SMALL_SOURCE THREADS
The schema is inferred from SMALL_SOURCE beforehand, so that the timed part parses and writes, no more.
"""
import json
import os
import sys
import time

from pyspark.sql import SparkSession

source, destination, row_tag, small_source, threads = sys.argv[1:]
memory_gb = min(12, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2 ** 31)
session = (SparkSession.builder.master(f"local[{threads}]").config("spark.driver.memory", f"{memory_gb}g")
           .config("spark.ui.enabled", "false").getOrCreate())
session.sparkContext.setLogLevel("ERROR")
reader = session.read.format("xml").option("rowTag", row_tag)
reader = reader.schema(reader.load(small_source).schema)
start = time.monotonic()
reader.load(source).write.mode("overwrite").option("compression", "zstd").parquet(destination)
print(json.dumps({"seconds": time.monotonic() - start}), flush=True)
session.stop()
