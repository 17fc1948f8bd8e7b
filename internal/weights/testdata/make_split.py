"""Writes split/: a GGUF file in three parts, as the Python package gguf splits it. Nothing runs it but a developer,
with the venv of make_fixtures.py: `python3 make_split.py`.
"""

import shutil
from pathlib import Path

import gguf
import numpy as np

out = Path(__file__).parent / "split"
shutil.rmtree(out, ignore_errors=True)
out.mkdir()
w = gguf.GGUFWriter(out / "m.gguf", "test", split_max_tensors=2)
w.add_string("general.name", "split")
for i, name in enumerate("abcde"):
    w.add_tensor(name, np.arange(3, dtype=np.float32) + 10 * i)
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
