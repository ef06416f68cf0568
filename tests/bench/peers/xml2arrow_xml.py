"""xml2arrow and pyarrow: one XML file to zstd Parquet, one thread. Prints {seconds}: imports are not in it.

usage: xml2arrow_xml.py SOURCE DESTINATION CONFIG
"""
import json
import sys
import time

import pyarrow
import pyarrow.parquet
import xml2arrow

source, destination, config = sys.argv[1:]
pyarrow.set_cpu_count(1)
start = time.monotonic()
(batch,) = xml2arrow.XmlToArrowParser(config).parse(source).values()
pyarrow.parquet.write_table(pyarrow.Table.from_batches([batch]), destination, compression="zstd")
print(json.dumps({"seconds": time.monotonic() - start}), flush=True)
