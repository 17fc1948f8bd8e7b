"""Makes operations.json: what PyTorch and einops give for the operations of hooked's tensors.

Run it with PyTorch 1.13 or later and einops 0.8: python3 make.py. NaN and infinities are texts.
"""

import json
import math
import os

import einops
import torch

torch.manual_seed(16)
nan, inf = math.nan, math.inf

x = torch.randn(3, 5) * 2
y = torch.randn(3, 5)
v = torch.randn(5)
cube = torch.randn(2, 3, 4)
square = torch.randn(2, 4, 4)
holes = torch.tensor([[1.5, nan, -2.0, 0.0], [inf, -inf, 3.0, 3.0], [nan, nan, -0.0, 1.0]])
other = torch.tensor([[nan, 1.0, -2.5, 0.0], [1.0, 1.0, inf, 3.0], [nan, 0.0, 2.0, nan]])
ints = torch.tensor([[3, -1, 4, 1], [-5, 9, 2, -6]], dtype=torch.int32)
large = torch.tensor([2**31 - 1, 5, 2**31 - 1], dtype=torch.int32)
truth = torch.tensor([[True, False, True], [False, False, False]])
index = torch.tensor([[0, 4], [2, 2], [3, 1]])
index3 = torch.randint(0, 4, (2, 3, 2))
rowindex = torch.tensor([[2, 0, 1, 1, 0]])
halves = torch.tensor([[-1.5, 1.5, 2.5, -0.5]])
ties = torch.tensor([2.0, 1.0, 2.0, 1.0, 3.0, 1.0])

inputs = dict(x=x, y=y, v=v, cube=cube, square=square, holes=holes, other=other, ints=ints, large=large, truth=truth,
              index=index.int(), index3=index3.int(), rowindex=rowindex.int(), halves=halves, ties=ties)

F = torch.nn.functional


def sort(t, **kw):
    values, where = torch.sort(t, stable=True, **kw)
    return [values, where]


want = {
    # Functions of each entry.
    "relu": torch.relu(x), "relu holes": torch.relu(holes), "relu ints": torch.relu(ints),
    "tanh": torch.tanh(x), "sin": torch.sin(x), "cos": torch.cos(x), "exp": torch.exp(x), "sigmoid": torch.sigmoid(x),
    "log": torch.log(x.abs()), "log holes": torch.log(holes), "sqrt holes": torch.sqrt(holes), "gelu": F.gelu(x), "silu": F.silu(x),
    "gelu_new": 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "abs ints": ints.abs(), "neg ints": -ints, "square": x.square(), "square ints": ints.square(), "sign holes": torch.sign(holes),
    "sign ints": torch.sign(ints), "floor": torch.floor(halves), "ceil": torch.ceil(halves), "sin ints": torch.sin(ints),
    "exp holes": torch.exp(holes), "tanh holes": torch.tanh(holes), "abs holes": holes.abs(), "sigmoid holes": torch.sigmoid(holes),
    "int": halves.int(), "float truth": truth.float(),
    "pow 2": x.pow(2), "pow 3": x.pow(3), "pow 0.5": x.pow(0.5), "pow -1": x.pow(-1), "pow tensor": x.abs().pow(v), "pow holes": holes.pow(2),
    "maximum": torch.maximum(holes, other), "minimum": torch.minimum(holes, other), "maximum 0.5": holes.clamp(min=0.5),
    "clamp": x.clamp(-1, 0.5), "clamp holes": holes.clamp(-1, 2), "clamp low": x.clamp(min=-0.25), "clamp ints": ints.clamp(-2, 3),
    # Arithmetic of types.
    "ints plus floats": ints[:, :3] + x[:2, :3], "ints div": ints / ints.flip(1), "ints scale 2": ints * 2, "ints scale 0.5": ints * 0.5,
    "truth plus ints": truth + ints[:, :3], "truth plus truth": truth.int() + truth.int(), "ints shift": ints + 1,
    "last axis": x + v, "last axes": cube * x[:, :4], "broadcast": x[:, :1] * y[:1],
    # Comparisons.
    "gt": x > y, "ge": ints >= 1, "lt": holes < other, "le": holes <= other, "eq": holes == other, "ne": holes != other,
    "ne ints": ints != 4, "isnan": holes.isnan(), "and": (x > 0) & (y > 0), "or": (x > 0) | (y > 0), "not": ~(x > 0),
    "gt half": ints > 0.5,
    "where": torch.where(x > y, x, y), "where numbers": torch.where(x > 0, torch.tensor(1.0), torch.tensor(-1.0)),
    "where holes": torch.where(holes.isnan(), torch.zeros(()), holes), "where ints": torch.where(ints > 0, ints, -ints),
    "masked_fill": x.masked_fill(x < 0, -1e5), "any": truth.any(), "any row": truth.any(-1), "all row": truth.all(-1), "all ints": (ints != 0).all(),
    # Reductions.
    "sum": x.sum(), "sum row": x.sum(-1), "sum ints": ints.sum(0), "sum large": large.sum(), "sum truth": truth.sum(-1),
    "mean": x.mean(0), "mean truth": truth.float().mean(), "max": x.amax(-1), "min": cube.amin((0, 2)), "max holes": holes.amax(-1), "min holes": holes.amin(0),
    "max ints": ints.amax(), "var": x.var(), "var row": x.var(-1), "std row": x.std(-1), "var biased": x.var(-1, unbiased=False),
    "std biased": x.std(0, unbiased=False), "std axes": cube.std((0, 2)), "var single": x[:, :1].var(-1), "var ints": ints.float().var(),
    "norm": x.norm(), "norm row": x.norm(dim=-1), "norm ints": ints.float().norm(dim=-1),
    "argmax": x.argmax(-1), "argmin": x.argmin(0), "argmax holes": holes.argmax(-1), "argmin holes": holes.argmin(-1), "argmax ints": ints.argmax(-1),
    "argmax ties": ties.argmax(),
    "softmax ints": torch.softmax(ints.float(), -1),
    # Order.
    "sort": sort(x), "sort first": sort(x, dim=0), "sort descending": sort(x, descending=True), "sort holes": sort(holes),
    "sort holes descending": sort(holes, descending=True), "sort ties": sort(ties), "sort ties descending": sort(ties, descending=True),
    "sort ints": sort(ints), "sort middle": sort(cube, dim=1), "argsort": x.argsort(-1),
    "topk holes": list(torch.topk(holes[1], 2)), "topk nan": torch.topk(holes, 1)[0],
    "topk ints": list(torch.topk(ints, 3)),
    "cumsum": x.cumsum(-1), "cumsum first": cube.cumsum(0), "cumsum ints": ints.cumsum(1), "cumsum large": large.cumsum(0),
    "cumsum truth": truth.cumsum(-1), "cumsum holes": holes.cumsum(-1),
    # Matrices.
    "tril": square.tril(), "tril -1": square.tril(-1), "triu": square.triu(), "triu 2": square.triu(2), "tril wide": x.tril(1), "triu wide": x.triu(-1),
    "tril holes": holes.tril(), "tril truth": (square > 0).tril(), "tril ints": ints.tril(),
    "diagonal": square.diagonal(dim1=-2, dim2=-1), "diagonal -1": square.diagonal(-1, dim1=-2, dim2=-1),
    "diagonal 3": square.diagonal(3, dim1=-2, dim2=-1), "diagonal wide": x.diagonal(1), "diagonal low": x.diagonal(-2), "diagonal ints": ints.diagonal(),
    "causal": torch.ones(4, 4).tril().bool(), "eye": torch.eye(3),
    "einsum diagonal": torch.einsum("bii->bi", square), "einsum trace": torch.einsum("bii->b", square), "einsum trace all": torch.einsum("bii->", square),
    "einsum diagonal pair": torch.einsum("bii,bij->bj", square, square), "einsum outside": torch.einsum("ibi->bi", square.transpose(0, 1)),
    "einsum ints": torch.einsum("ij,kj->ik", ints, ints), "einsum mixed": torch.einsum("ij,j->i", ints.float(), x[0, :4]),
    # Gather and concatenation.
    "gather": x.gather(-1, index), "gather 3": cube.gather(-1, index3), "gather first": x.gather(0, rowindex), "gather middle": cube.gather(1, index3[:, :, :] % 3),
    "gather ints": ints.gather(-1, torch.tensor([[3], [0]])), "gather one": x.gather(-1, torch.tensor([[4], [0], [2]]))[..., 0],
    "concat": torch.cat([x, y], 0), "concat last": torch.cat([x, v[None].expand(3, 5), y[:, :2]], 1), "concat types": torch.cat([ints.float(), x[:2, :4]], 0),
    "stack types": torch.stack([ints.float(), x[:2, :4]]),
    # Made from nothing.
    "arange": torch.arange(5), "arange from": torch.arange(2, 7), "arange step": torch.arange(1, 10, 4), "arange back": torch.arange(5, -2, -3),
    "linspace": torch.linspace(-1, 2, 7), "linspace one": torch.linspace(3, 4, 1), "full": torch.full((2, 3), 0.25), "ones": torch.ones(2, 2), "zeros": torch.zeros(1, 2),
    # Patterns.
    "split": einops.rearrange(cube, "a (b c) d -> a b c d", c=1), "split head": einops.rearrange(x, "a (h d) -> h a d", h=5),
    "merge": einops.rearrange(cube, "a b c -> (a b) c"), "merge back": einops.rearrange(cube, "a b c -> c (b a)"), "move": einops.rearrange(cube, "a b c -> c a b"),
    "ones axes": einops.rearrange(x, "a b -> a 1 b ()"), "drop ones": einops.rearrange(x[:, None], "a 1 b -> b a"), "dots": einops.rearrange(cube, "... c -> c ..."),
    "dots merged": einops.rearrange(cube, "a ... -> (... a)"), "both": einops.rearrange(cube, "a b (c d) -> (a c) (d b)", d=2), "move ints": einops.rearrange(ints, "a b -> b a"),
    "repeat": einops.repeat(x, "a b -> a n b", n=2), "repeat merged": einops.repeat(x, "a b -> (a 2) b"), "repeat first": einops.repeat(v, "d -> 3 d"),
    "repeat interleaved": einops.repeat(v, "d -> (n d)", n=2), "repeat truth": einops.repeat(truth, "a b -> b (a n)", n=2),
    "reduce": einops.reduce(cube, "a b c -> b", "sum"), "reduce blocks": einops.reduce(cube, "a b (c n) -> a c b", "mean", n=2), "reduce all": einops.reduce(cube, "a b c ->", "max"),
    "reduce ones": einops.reduce(cube, "a b c -> a 1 c", "min"),
}


def plain(t):
    t = torch.as_tensor(t)
    kind = {torch.bool: "bool", torch.float32: "float32", torch.int32: "int32", torch.int64: "int64"}[t.dtype]
    values = [v if isinstance(v, bool) or math.isfinite(v) else str(v) for v in t.flatten().tolist()]
    return {"shape": list(t.shape), "kind": kind, "values": [int(v) if isinstance(v, bool) else v for v in values]}


out = {
    "made_with": f"torch {torch.__version__}, einops {einops.__version__}",
    "inputs": {name: plain(t) for name, t in inputs.items()},
    "want": {name: [plain(t) for t in (w if isinstance(w, list) else [w])] for name, w in want.items()},
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "operations.json"), "w") as f:
    lines = []
    for key in ("inputs", "want"):
        body = ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in out[key].items())
        lines.append(f'"{key}": {{\n{body}\n}}')
    f.write("{\n" + f'"made_with": {json.dumps(out["made_with"])},\n' + ",\n".join(lines) + "\n}\n")
