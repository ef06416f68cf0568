"""A Spark session of one process with so many threads, and as much memory as a peer may ask for."""
import os

from pyspark.sql import SparkSession


def start(threads: str) -> SparkSession:
    memory_gb = min(12, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2 ** 31)
    session = (SparkSession.builder.master(f"local[{threads}]").config("spark.driver.memory", f"{memory_gb}g")
               .config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC").getOrCreate())
    session.sparkContext.setLogLevel("ERROR")
    return session
