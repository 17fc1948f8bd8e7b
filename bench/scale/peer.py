"""The peer's side of `make bench-scale`: TransformerLens on PyTorch, on the CPU.

    python peer.py CURVE MODEL.gguf prompts.json POINT...

It writes one line of JSON for each point to standard output, as ours.go does. A point that would take over a minute
is measured in part, some layers of a pass or some patches of a sweep, and multiplied; one that would need over 16 GB is
left out, and its line says so.
"""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "model"))

import peer as model_peer
import torch
import work
from transformer_lens import HookedTransformer, HookedTransformerConfig, patching

MOST_SECONDS, MOST_BYTES = 60, 16e9
LOOP = 20  # seconds: longer than the processes' starts lie apart


def reset_peak():
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")


def memory(key):
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith(key))


def report(curve, at, seconds=0, part=1, left=""):
    print(json.dumps({"curve": curve, "at": at, "seconds": seconds, "bytes": memory("VmHWM"), "part": part, "left": left}), flush=True)


def timed(f):
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


def forward(model, curve, at, batch, pos):
    """One pass, whole or by its first layers. The memory of a pass is its widest layer's, so a part has it all, but for
    the logits, which are computed alone."""
    tokens = work.made(batch, pos)
    need = memory("VmRSS") + 4 * batch * (2 * pos * model.cfg.d_vocab + 4 * model.cfg.n_heads * pos * pos)
    if need > MOST_BYTES:
        return report(curve, at, left=f"it needs about {need / 1e9:.0f} GB")
    reset_peak()
    layers = max(1, model.cfg.n_layers // 10)
    first = timed(lambda: model(tokens, stop_at_layer=layers)) * model.cfg.n_layers / layers
    if first > MOST_SECONDS:
        seconds = timed(lambda: model(tokens, stop_at_layer=layers)) * model.cfg.n_layers / layers
        resid = torch.zeros(batch, pos, model.cfg.d_model)
        seconds += timed(lambda: model.unembed(model.ln_final(resid)))
        return report(curve, at, seconds, part=layers / model.cfg.n_layers)
    model(tokens)
    seconds = [timed(lambda: model(tokens))]
    while len(seconds) < 3 and seconds[0] < 10:
        seconds.append(timed(lambda: model(tokens)))
    report(curve, at, sorted(seconds)[len(seconds) // 2])


def sweep(model, at, prompts):
    with open(prompts) as f:
        data = json.load(f)
    n = int(at)
    tokens = torch.tensor([data["tokens"][i % 8] for i in range(n)])
    answers = torch.tensor([data["answers"][i % 8] for i in range(n)])
    tokens[:, 0] += torch.arange(n) // 8
    corrupted = tokens[torch.arange(n) ^ 1]

    def diff(logits):
        last = logits[:, -1].gather(1, answers)
        return (last[:, 0] - last[:, 1]).mean()

    reset_peak()
    kept = {}
    clean = timed(lambda: kept.update(cache=model.run_with_cache(tokens, names_filter=lambda name: name.endswith("hook_resid_pre"))[1]))
    whole = model.cfg.n_layers * tokens.shape[1]

    def patch(position):
        layer, pos = divmod(position, tokens.shape[1])

        def hook(resid, hook):
            return patching.layer_pos_patch_setter(resid, (layer, pos), kept["cache"][hook.name])

        return diff(model.run_with_hooks(corrupted, fwd_hooks=[(f"blocks.{layer}.hook_resid_pre", hook)])).item()

    patch(0)
    one = timed(lambda: patch(1))
    done = max(1, min(whole, int(MOST_SECONDS / 2 / one)))
    seconds = timed(lambda: [patch(i * whole // done) for i in range(done)])
    report("sweep", at, clean + seconds * whole / done, part=done / whole)


def loop(model):
    tokens = work.made(8, 16)
    model(tokens)
    seconds, start = [], time.perf_counter()
    while time.perf_counter() - start < LOOP:
        seconds.append(timed(lambda: model(tokens)))
    report("copies", "1", sorted(seconds)[len(seconds) // 2])


def config(shape):
    name, layers, width, heads, keys, mlp, vocabulary = shape
    common = dict(n_layers=layers, d_model=width, n_ctx=1024, d_head=width // heads, n_heads=heads, d_mlp=mlp, d_vocab=vocabulary,
                  device="cpu", dtype=torch.float32, init_mode="gpt2", initializer_range=0.02, seed=1)
    if keys is None:
        return HookedTransformerConfig(act_fn="gelu_new", normalization_type="LN", **common)
    return HookedTransformerConfig(act_fn="silu", gated_mlp=True, normalization_type="RMS", final_rms=True, n_key_value_heads=keys,
                                   positional_embedding_type="rotary", rotary_dim=width // heads, **common)


SHAPES = [("SmolLM2-135M", 30, 576, 9, 3, 1536, 49152), ("GPT-2 small", 12, 768, 12, None, 3072, 50257),
          ("GPT-2 medium", 24, 1024, 16, None, 4096, 50257), ("Qwen2-0.5B", 24, 896, 14, 2, 4864, 151936)]


def main(curve, path, prompts, *points):
    if curve == "models":
        for shape in SHAPES:
            model = HookedTransformer(config(shape))
            for batch, pos in [(8, 16), (1, 512)]:
                forward(model, curve, f"{shape[0]}, {batch} x {pos}", batch, pos)
            del model
        return
    model = model_peer.load(path, n_ctx=8192)
    for at in points:
        if curve == "tokens":
            forward(model, curve, at, 1, int(at))
        elif curve == "batch":
            forward(model, curve, at, int(at), 16)
        elif curve == "sweep":
            sweep(model, at, prompts)
        else:
            return loop(model)


main(*sys.argv[1:])
