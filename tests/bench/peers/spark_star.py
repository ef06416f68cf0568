"""Spark: the job of `star/job.yaml`, with the same SQL over the same columns, to zstd Parquet. Prints {seconds}: the
session's start is not in it.

usage: spark_star.py FOLDER DESTINATION THREADS
"""
import json
import sys
import time
from pathlib import Path

import spark_session

EVENTS = """event_id string, type string, ts timestamp, user_id bigint, session_id string, device struct<kind: string>,
    geo struct<country: string, city: string>, product_id string, quantity bigint, amount decimal(12,2),
    currency string, duration_ms bigint, campaign string"""
USERS = "user_id bigint, tier string, joined_on date, postal_code string"
PRODUCTS = "product_id string, category string, brand string, list_price decimal(12,2)"
STAR = Path(__file__).resolve().parent.parent / "star"

folder, destination, threads = sys.argv[1:]
session = spark_session.start(threads)
start = time.monotonic()
session.read.schema(EVENTS).json(f"{folder}/events.ndjson").createOrReplaceTempView("events")
for name, schema in {"users": USERS, "products": PRODUCTS}.items():
    table = session.read.schema(schema).option("header", "true").option("escape", '"').csv(f"{folder}/{name}.csv")
    table.createOrReplaceTempView(name)
for name in ("purchases_and_views", "daily_sales"):
    path = f"{destination}/{name}"
    rows = session.sql((STAR / f"{name}.sql").read_text())
    rows.write.mode("overwrite").option("compression", "zstd").parquet(path)
    # What comes next reads the table, as ours does.
    session.read.parquet(path).createOrReplaceTempView(name)
print(json.dumps({"seconds": time.monotonic() - start}), flush=True)
session.stop()
