"""Writes the Parquet files beside it with pyarrow 20.0.0:  build/golden/bin/python make.py"""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

here = pathlib.Path(__file__).parent
texts = [f"Document {i} is {'long ' * (i % 50)}and says ä, 日本 or 🙂." for i in range(500)]
table = pa.table({
    "id": pa.array(range(500), pa.int64()),
    "text": pa.array(texts),
    "kind": pa.array(["even" if i % 2 == 0 else "odd" for i in range(500)]),
    "score": pa.array([i / 4 for i in range(500)], pa.float64()),
    "tags": pa.array([["a", "b"]] * 500),
    "gaps": pa.array([None if i == 321 else "there" for i in range(500)]),
})
for codec in ["snappy", "zstd", "gzip", "none"]:
    pq.write_table(table, here / f"{codec}.parquet", compression=codec, row_group_size=130, data_page_size=700,
                   use_dictionary=["kind"], data_page_version="2.0" if codec == "zstd" else "1.0")
pq.write_table(table.slice(0, 0), here / "empty.parquet")
