"""Makes the safetensors and GGUF fixtures of this folder. Nothing runs it but a developer:

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install gguf==0.19.0 safetensors==0.8.0 numpy==2.4.6
    /tmp/venv/bin/python make_fixtures.py

The files are written by the formats' own Python packages, and the expected values of the
quantised types are what `gguf.quants.dequantize` makes of the same bytes, so that the Go
readers are checked against an outside source. The seed is fixed; a second run gives the same files.
"""

import json
from pathlib import Path

import gguf
import numpy as np
import safetensors
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as Q
from safetensors.numpy import save_file

HERE = Path(__file__).parent
rng = np.random.default_rng(20261123)

# Where the float16 scales lie in a block: random bits there could be NaN or infinite.
SCALES = {
    Q.Q4_0: [0], Q.Q4_1: [0, 2], Q.Q5_0: [0], Q.Q5_1: [0, 2], Q.Q8_0: [0],
    Q.Q2_K: [80, 82], Q.Q3_K: [108], Q.Q4_K: [0, 2], Q.Q5_K: [0, 2], Q.Q6_K: [208],
}


def blocks(kind, rows, columns):
    """Random blocks: every bit of the layout varies, which quantised weights do not ensure."""
    elements, size = GGML_QUANT_SIZES[kind]
    n = rows * columns // elements
    raw = rng.integers(0, 256, (n, size), dtype=np.uint8)
    for at in SCALES[kind]:
        raw[:, at:at + 2] = rng.normal(0, 0.05, (n, 1)).astype("<f2").view(np.uint8)
    return raw.reshape(rows, -1)


def types_gguf():
    """One tensor of every type, and one metadata value of every type."""
    w = gguf.GGUFWriter(HERE / "types.gguf", "test")
    w.add_uint8("value.uint8", 200)
    w.add_int8("value.int8", -100)
    w.add_uint16("value.uint16", 60000)
    w.add_int16("value.int16", -30000)
    w.add_uint32("value.uint32", 4000000000)
    w.add_int32("value.int32", -2000000000)
    w.add_uint64("value.uint64", 2**63 + 1)
    w.add_int64("value.int64", -(2**62))
    w.add_float32("value.float32", 0.1)
    w.add_float64("value.float64", 0.1)
    w.add_bool("value.bool", True)
    w.add_string("value.string", "Ġgrüße")
    w.add_array("array.string", ["a", "", "Ġgrüße"])
    w.add_array("array.int32", [1, -2, 3])
    w.add_array("array.float32", [0.5, -0.25])
    w.add_array("array.bool", [True, False])
    expected = {}

    def add(name, values, raw=None, kind=None):
        w.add_tensor(name, values if raw is None else raw, raw_dtype=kind)
        expected[name] = np.ascontiguousarray(values, dtype=np.float32)

    x = rng.normal(0, 1, (3, 5, 2)).astype(np.float32)
    add("F32", x)
    add("F16", x.astype(np.float16))
    add("F64", x.astype(np.float64))
    add("BF16", gguf.quants.dequantize(gguf.quants.quantize(x, Q.BF16), Q.BF16), gguf.quants.quantize(x, Q.BF16), Q.BF16)
    for t in (np.int8, np.int16, np.int32, np.int64):
        info = np.iinfo(t)
        add(f"I{info.bits}", np.array([[info.min, -1, 0], [1, 100, info.max]], dtype=t))
    for kind in SCALES:
        raw = blocks(kind, 2, 512)
        add(kind.name, gguf.quants.dequantize(raw, kind), raw, kind)
    # What the package quantises itself, as a real checkpoint is.
    for kind in (Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1, Q.Q8_0):
        raw = gguf.quants.quantize(rng.normal(0, 1, (2, 64)).astype(np.float32), kind)
        add("quantised." + kind.name, gguf.quants.dequantize(raw, kind), raw, kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    save_file(expected, HERE / "types_expected.safetensors")


def types_safetensors():
    """One tensor of every plain type, written from memory: numpy has no bfloat16."""
    alive = []  # a TensorSpec holds an address only

    def item(name, dtype, array):
        alive.append(array)
        return name, safetensors.TensorSpec(
            dtype=dtype, shape=array.shape, data_ptr=array.ctypes.data, data_len=array.nbytes)

    x = np.array([[1.5, -2.0, 0.1], [0.0, 65504.0, -1e-7]], dtype=np.float32)
    items = [
        item("F64", "float64", x.astype("<f8")), item("F32", "float32", x), item("F16", "float16", x.astype("<f2")),
        item("BF16", "bfloat16", (x.view("<u4") >> 16).astype("<u2")),
        item("BOOL", "bool", np.array([True, False, True])),
        item("scalar", "float32", np.array(2.5, dtype=np.float32)),
        item("empty", "float32", np.zeros((0, 3), dtype=np.float32)),
    ]
    for bits in (8, 16, 32, 64):
        for letter, kind in (("I", "int"), ("U", "uint")):
            t = np.dtype(f"{kind}{bits}")
            items.append(item(f"{letter}{bits}", t.name, np.array([np.iinfo(t).min, 1, min(np.iinfo(t).max, 2**63 - 1)], dtype=t)))
    (HERE / "types.safetensors").write_bytes(safetensors.serialize(dict(items), {"format": "pt", "origin": "grüße"}))


def shards():
    """Two shards and their index, as transformers saves them."""
    folder = HERE / "shards"
    folder.mkdir(exist_ok=True)
    parts = [{"a": np.arange(6, dtype=np.float32).reshape(2, 3), "c": np.array([1.0], dtype=np.float32)},
             {"b": np.array([[7.0]], dtype=np.float32)}]
    names = {}
    for i, part in enumerate(parts, 1):
        file = f"model-{i:05}-of-{len(parts):05}.safetensors"
        save_file(part, folder / file, {"format": "pt"})
        names.update(dict.fromkeys(part, file))
    index = {"metadata": {"total_size": 32}, "weight_map": dict(sorted(names.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


types_gguf()
types_safetensors()
shards()
