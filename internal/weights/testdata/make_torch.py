"""Makes the .pt fixtures of this folder. Nothing runs it but a developer: `python3 make_torch.py`.

PyTorch itself is not needed (nor wanted: 800 MB). Its files are zip archives with a pickle written by
Python's own pickler, so stand-ins of the same names give the same bytes: classes torch.FloatStorage
and so on, and torch._utils._rebuild_tensor_v2, as torch/serialization.py and torch/_tensor.py use them.
The malicious files name functions that must never be called.
"""

import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path

HERE = Path(__file__).parent / "torch"


def module(name, **members):
    m = sys.modules.setdefault(name, types.ModuleType(name))
    for key, value in members.items():
        value.__module__, value.__qualname__, value.__name__ = name, key, key
        setattr(m, key, value)
    return m


def _rebuild_tensor_v2(*args): ...
def _rebuild_parameter(*args): ...


class Kind:
    """A typed storage's class; the letter is struct's, for packing."""


def kind(name, letter):
    return type(name, (Kind,), {"letter": letter})


KINDS = {n: kind(n, c) for n, c in {
    "DoubleStorage": "d", "FloatStorage": "f", "HalfStorage": "e", "LongStorage": "q", "IntStorage": "i",
    "ShortStorage": "h", "CharStorage": "b", "ByteStorage": "B", "BoolStorage": "?"}.items()}
module("torch", **KINDS)
module("torch._utils", _rebuild_tensor_v2=_rebuild_tensor_v2, _rebuild_parameter=_rebuild_parameter)


class Storage:
    def __init__(self, kind, values):
        self.kind, self.values = KINDS[kind], values


class Tensor:
    """What torch.Tensor.__reduce_ex__ gives."""

    def __init__(self, storage, shape, strides, offset=0):
        self.args = storage, offset, shape, strides, False, OrderedDict()

    def __reduce__(self):
        return _rebuild_tensor_v2, self.args


class Parameter:
    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        return _rebuild_parameter, (self.tensor, True, OrderedDict())


class Call:
    """An object whose unpickling calls a function: the classical attack."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


def save(name, obj, protocol=2, pickled=None, byteorder="little", compress=zipfile.ZIP_STORED):
    """torch.save: the pickle, then each storage under the number that it got there."""
    storages = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, x):
            if not isinstance(x, Storage):
                return None
            if x not in storages:
                storages.append(x)
            return "storage", x.kind, str(storages.index(x)), "cpu", len(x.values)

    out = io.BytesIO()
    Pickler(out, protocol).dump(obj)
    with zipfile.ZipFile(HERE / name, "w", compress) as z:
        def write(entry, data):
            z.writestr(zipfile.ZipInfo(f"{Path(name).stem}/{entry}", (1980, 1, 1, 0, 0, 0)), data, compress)
        write("data.pkl", out.getvalue() if pickled is None else pickled)
        write("byteorder", byteorder)
        for i, s in enumerate(storages):
            write(f"data/{i}", struct.pack(f"<{len(s.values)}{s.kind.letter}", *s.values))
        write("version", "3\n")


def state_dict():
    six = Storage("FloatStorage", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    d = OrderedDict()
    d["w"] = Tensor(six, (2, 3), (3, 1))
    d["tied"] = Tensor(six, (2, 3), (3, 1))
    d["transposed"] = Tensor(six, (3, 2), (1, 3))
    d["row"] = Tensor(six, (3,), (1,), 3)
    d["column"] = Tensor(six, (2,), (3,), 1)
    d["parameter"] = Parameter(Tensor(Storage("FloatStorage", [0.5, -0.25]), (2,), (1,)))
    d["scalar"] = Tensor(Storage("FloatStorage", [2.5]), (), ())
    d["empty"] = Tensor(Storage("FloatStorage", []), (0, 3), (3, 1))
    for name, values in {
        "DoubleStorage": [0.1], "HalfStorage": [0.5, -2.0], "LongStorage": [-(2**63), 2**63 - 1],
        "IntStorage": [-(2**31), 2**31 - 1], "ShortStorage": [-(2**15), 2**15 - 1],
        "CharStorage": [-128, 127], "ByteStorage": [0, 255], "BoolStorage": [True, False],
    }.items():
        d[name] = Tensor(Storage(name, values), (len(values),), (1,))
    d._metadata = OrderedDict({"": {"version": 1}})  # as torch.nn.Module.state_dict sets it
    return d


def one(*args):
    return Tensor(Storage("FloatStorage", [1.0, 2.0, 3.0, 4.0]), *args)


def good():
    for protocol in (2, 3, 4, 5):
        save(f"protocol{protocol}.pt", state_dict(), protocol)
    save("training.pt", {"epoch": 3, "loss": 0.25, "lr": [1e-3, None, -70000, 2**40], "done": True, "model": state_dict(),
                         "optimizer": {"betas": (0.9, 0.999), 0: "adam", "seen": {1, 2}}}, 4)


def bad():
    """Each named by its fault."""
    save("os_system.pt", {"w": one((4,), (1,)), "x": Call(__import__("os").system, "touch /tmp/owned")})
    save("os_system_protocol4.pt", {"w": Call(__import__("os").system, "touch /tmp/owned")}, 4)
    save("nested_eval.pt", {"model": {"w": {"deep": [(Call(eval, "1+1"),)]}}}, 4)
    save("subprocess.pt", OrderedDict(w=Call(__import__("subprocess").Popen, ("true",))))
    save("getattr.pt", {"w": Call(getattr, "torch", "load")})
    save("object_of_class.pt", None, pickled=b"(S'x'\n.".replace(b"S'x'\n", b"ios\nsystem\n"))
    save("namespace.pt", {"args": types.SimpleNamespace(lr=1e-3), "w": one((4,), (1,))}, 4)
    save("not_a_dict.pt", one((4,), (1,)))
    save("not_a_tensor.pt", {"w": one((4,), (1,)), "epoch": 3})
    save("number_for_name.pt", {1: one((4,), (1,))})
    save("past_the_end.pt", {"w": one((3, 2), (2, 1))})
    save("offset_past_the_end.pt", {"w": one((1,), (1,), 4)})
    save("negative_offset.pt", {"w": one((1,), (1,), -1)})
    save("negative_stride.pt", {"w": one((4,), (-1,), 3)})
    save("negative_shape.pt", {"w": one((-2, -2), (1, 1))})
    save("expanded.pt", {"w": one((1 << 40, 4), (0, 1))})
    save("overflow.pt", {"w": one((1 << 62, 1 << 62), (1 << 62, 1))})
    save("strides_missing.pt", {"w": one((2, 2), (1,))})
    save("big_endian.pt", state_dict(), byteorder="big")
    save("compressed.pt", state_dict(), compress=zipfile.ZIP_DEFLATED)
    save("empty_stack.pt", None, pickled=b"\x80\x02tR.")
    save("no_stop.pt", None, pickled=b"\x80\x02}")
    save("missing_storage.pt", None, pickled=b"\x80\x02((U\x07storagectorch\nFloatStorage\nU\x019U\x03cpuK\x04tQ.")
    save("escaping_storage.pt", None, pickled=b"\x80\x02((U\x07storagectorch\nFloatStorage\nU\x0b../data.pklU\x03cpuK\x04tQ.")
    save("wrong_count.pt", {"w": one((4,), (1,))})
    text = (HERE / "wrong_count.pt").read_bytes()
    assert text.count(b"cpuq") == 1
    at = text.index(b"K\x04t", text.index(b"cpuq"))
    (HERE / "wrong_count.pt").write_bytes(text[:at + 1] + b"\x05" + text[at + 2:])
    # Before PyTorch 1.6: a magic number, protocol version and so on, pickled one after the other.
    (HERE / "old_format.pt").write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2))


HERE.mkdir(exist_ok=True)
good()
bad()
