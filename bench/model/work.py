"""What the peers' scripts share: the rows that all of them measure, and how they are told.

Each script writes one line of JSON for each measurement to standard output: its name, seconds, and what was computed, so
that the sides can be seen to do the same work. A script is called as

    peer.py MODEL prompts.json [part]

where MODEL is a GGUF file or a folder. With `part` the sweeps compute every part-th layer only, and the time is
multiplied: every patch is a whole forward pass, whatever the layer.
"""

import itertools
import json
import os
import resource
import time

started = time.time()  # the process started a few milliseconds ago

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_grad_enabled(False)


def report(name, seconds, **what):
    print(json.dumps({"name": name, "seconds": seconds, **what}), flush=True)


def pretrained(path, **options):
    """A model and its tokenizer, of a GGUF file or of a folder as the hub has them."""
    folder, file = os.path.split(os.path.realpath(path))
    where = (path, {}) if os.path.isdir(path) else (folder, {"gguf_file": file})
    model = AutoModelForCausalLM.from_pretrained(where[0], dtype=torch.float32, **where[1], **options)
    return model, AutoTokenizer.from_pretrained(where[0], **where[1])


class Prompts:
    def __init__(self, path):
        with open(path) as f:
            data = json.load(f)
        self.tokens, self.answers = torch.tensor(data["tokens"]), torch.tensor(data["answers"])
        self.corrupted = self.tokens[torch.arange(len(self.tokens)) ^ 1]

    def diff(self, logits):
        last = logits[:, -1].gather(1, self.answers)
        return (last[:, 0] - last[:, 1]).mean()


def made(batch, pos):
    """Up to 266 prompts that have no token in the same place."""
    return (torch.arange(batch)[:, None] * 150 + torch.arange(pos)[None] * 37 + 11) % 40000


def median(f, times=5):
    f()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        f()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[times // 2]


def measure_hooked(model, patching, prompts, part, **generation):
    """All rows of TransformerLens, whose versions have the same calls: patching is its package of that name."""

    def sweep(site, setter):
        """get_act_patch_resid_pre and get_act_patch_attn_head_out_all_pos, for some layers."""
        import pandas  # what TransformerLens asks for; nnsight does without

        def run(pairs, clean):
            index = pandas.DataFrame(pairs, columns=["layer", "entry"])
            return patching.generic_activation_patch(model, prompts.corrupted, clean, prompts.diff, setter, site, index_df=index)

        return run

    measure(
        prompts, part, model.cfg.n_layers,
        forward=model,
        cached=lambda tokens: model.run_with_cache(tokens)[1],
        read_patterns=lambda cache: [cache["pattern", layer][0, 0, 0, 0].item() for layer in range(model.cfg.n_layers)],
        generate=lambda tokens, count: model.generate(tokens, max_new_tokens=count, do_sample=False, stop_at_eos=False, **generation)[0],
        clean=lambda: model.run_with_cache(prompts.tokens)[1],
        sweeps=[
            ("residual sweep, 30 x 16 x 8", prompts.tokens.shape[1], sweep("resid_pre", patching.layer_pos_patch_setter)),
            ("head sweep, 30 x 9 x 8", model.cfg.n_heads, sweep("z", patching.layer_head_vector_patch_setter)),
        ],
    )


def report_memory(name):
    report(name, 0, bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def measure(prompts, part, layers, forward, cached, read_patterns, generate, clean, sweeps):
    """All rows of one side.

    forward(tokens) gives logits, cached(tokens) a cache, which read_patterns(cache) reads, generate(tokens, count) a row
    of tokens with the prompt, clean() what patches take their values from; sweeps are a name, how many entries a layer
    has, and a function of (layer, entry) pairs and of clean() that gives the metric of each.
    """
    report("start to first logits", time.time() - started, value=prompts.diff(forward(prompts.tokens)).item())
    long, unlike = made(1, 1024), made(8, 16)
    report("forward, 8 x 16", median(lambda: forward(prompts.tokens)))
    report("forward, 8 x 16 that share nothing", median(lambda: forward(unlike)))
    report("run with cache, 8 x 16", median(lambda: cached(prompts.tokens)))
    report("run with cache, 8 x 16 that share nothing", median(lambda: cached(unlike)))
    report("run with cache, 1 x 1024", median(lambda: cached(long), times=3))
    for name in ["generate 50 tokens", "generate 50 tokens again"]:
        start = time.perf_counter()
        out = generate(prompts.tokens[:1], 50)
        seconds = time.perf_counter() - start
        assert len(out) == 66, f"{len(out)} tokens"
        report(name, seconds, value=out[16:].sum().item())
    source = clean()
    for name, entries, sweep in sweeps:
        pairs = list(itertools.product(range(0, layers, part), range(entries)))
        start = time.perf_counter()
        grid = sweep(pairs, source)
        report(name, (time.perf_counter() - start) * part, value=float(sum(grid[:entries])))
    report_memory("peak memory until here")
    report("run with cache, 1 x 1024, every pattern read", median(lambda: read_patterns(cached(long)), times=1))
    report_memory("peak memory with every pattern read")
