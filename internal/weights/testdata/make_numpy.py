"""Makes testdata/numpy: arrays as NumPy writes them, and values.json, what NumPy reads from them.

Run with NumPy 2 and ml_dtypes: python3 make_numpy.py. make_torch_arrays.py makes the .pt files beside them.
"""

import io
import json
import os
import zipfile

import ml_dtypes
import numpy as np
from numpy.lib import format as npformat

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "numpy")
os.makedirs(here, exist_ok=True)
base = np.arange(24).reshape(2, 3, 4) - 5.5

good = {
    "f4": base.astype("<f4"), "f8": base / 3, "f2": (base / 2).astype("<f2"),
    "i8": np.array([[-(2**40), 7]], "<i8"), "i4": np.array([-(2**31), 2**31 - 1], "<i4"), "i2": np.array([-3, 300], "<i2"), "i1": np.array([-128, 127], "i1"),
    "u8": np.array([0, 2**40], "<u8"), "u4": np.array([2**32 - 1], "<u4"), "u2": np.array([65535], "<u2"), "u1": np.array([[0], [255]], "u1"),
    "b1": np.array([True, False, True]), "scalar": np.float32(2.5), "empty": np.zeros((0, 3), "<f4"), "special": np.array([np.nan, np.inf, -np.inf, -0.0], "<f4"),
    "fortran": np.asfortranarray(base.astype("<f4")), "big_f4": base.astype(">f4"), "big_i2": np.array([-3, 300], ">i2"), "big_f8": np.array([0.1], ">f8"),
    "fortran_big": np.asfortranarray(base.astype(">i4")), "column": np.asfortranarray(np.arange(3.0, dtype="<f4").reshape(3, 1)),
}
values = {}
for name, array in good.items():
    np.save(os.path.join(here, name + ".npy"), array)
for name, version in {"version2": (2, 0), "version3": (3, 0)}.items():
    with open(os.path.join(here, name + ".npy"), "wb") as f:
        npformat.write_array(f, good["f4"], version=version)
    good[name] = good["f4"]
# Python 2's NumPy wrote sizes as longs.
with open(os.path.join(here, "python2.npy"), "wb") as f:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L)}"
    header += b" " * (118 - len(header) - 1) + b"\n"
    f.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + np.array([1, 2], "<f4").tobytes())
good["python2"] = np.array([[1], [2]], "<f4")

bad = {
    "object": np.array([{"a": 1}, None], dtype=object), "text": np.array(["ab", "c"]), "bytes": np.array([b"ab"]), "complex": np.array([1j]),
    "date": np.array(["2026-11-28"], "M8[D]"), "fields": np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", "<f4")]), "wide": np.array([1.0], np.longdouble),
    "bfloat16": np.array([1.5], ml_dtypes.bfloat16),
}
for name, array in bad.items():
    np.save(os.path.join(here, "bad_" + name + ".npy"), array, allow_pickle=name == "object")

archive = {"weights/first": good["f4"], "second": good["i8"], "turned": good["fortran"], "arr_0": good["b1"]}
np.savez(os.path.join(here, "stored.npz"), **archive)
np.savez_compressed(os.path.join(here, "deflated.npz"), **archive)
with zipfile.ZipFile(os.path.join(here, "bad_foreign.npz"), "w") as z:
    z.writestr("readme.txt", "no array")
buffer = io.BytesIO()
np.save(buffer, good["f4"])
with zipfile.ZipFile(os.path.join(here, "bad_lzma.npz"), "w", zipfile.ZIP_LZMA) as z:
    z.writestr("x.npy", buffer.getvalue())


def entry(array):
    array = np.asarray(array)
    flat = [str(v) if isinstance(v, float) and not np.isfinite(v) else v for v in array.flatten().tolist()]
    return {"shape": list(array.shape), "values": flat}


out = {name: entry(np.load(os.path.join(here, name + ".npy"))) for name in good}
out |= {"npz:" + name: entry(array) for name, array in archive.items()}
with open(os.path.join(here, "values.json"), "w") as f:
    f.write("{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in out.items()) + "\n}\n")
