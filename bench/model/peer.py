"""The peer's side of `make bench`: TransformerLens on PyTorch, on the CPU.

    python peer.py MODEL.gguf prompts.json [part]

It writes one line of JSON for each measurement to standard output: its name, seconds, and what was computed, so that the
two sides can be seen to do the same work. With `part` the sweeps compute every part-th row only, and the time is
multiplied: every patch is a whole forward pass, whatever the layer.
"""

import itertools
import json
import os
import resource
import sys
import time

started = time.time()  # the process started a few milliseconds ago

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

import pandas
import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig, patching
from transformer_lens.pretrained.weight_conversions import convert_llama_weights
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_grad_enabled(False)


def report(name, seconds, **what):
    print(json.dumps({"name": name, "seconds": seconds, **what}), flush=True)


def load(path, n_ctx=2048):
    folder, file = os.path.split(os.path.realpath(path))
    hf = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
    c = hf.config
    cfg = HookedTransformerConfig(
        n_layers=c.num_hidden_layers, d_model=c.hidden_size, n_ctx=n_ctx, d_head=c.hidden_size // c.num_attention_heads,
        n_heads=c.num_attention_heads, n_key_value_heads=c.num_key_value_heads, d_mlp=c.intermediate_size,
        d_vocab=c.vocab_size, act_fn="silu", gated_mlp=True, eps=c.rms_norm_eps, normalization_type="RMS",
        positional_embedding_type="rotary", rotary_base=100000, rotary_dim=c.hidden_size // c.num_attention_heads,
        rotary_adjacent_pairs=False, final_rms=True, original_architecture="LlamaForCausalLM", dtype=torch.float32,
        device="cpu", default_prepend_bos=True,
    )
    model = HookedTransformer(cfg, move_to_device=False)
    model.tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)  # generate asks for one
    model.load_and_process_state_dict(convert_llama_weights(hf, cfg), fold_ln=True, center_unembed=True)
    return model


def median(f, times=5):
    f()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        f()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[times // 2]


def made(batch, pos):
    """Prompts that have no token in the same place."""
    return (torch.arange(batch)[:, None] * 5000 + torch.arange(pos)[None] * 37 + 11) % 40000


def read_patterns(model, tokens):
    _, cache = model.run_with_cache(tokens)
    for layer in range(model.cfg.n_layers):
        cache["pattern", layer][0, 0, 0, 0].item()


def main(path, prompts, part=1):
    with open(prompts) as f:
        data = json.load(f)
    tokens, answers = torch.tensor(data["tokens"]), torch.tensor(data["answers"])
    corrupted = tokens[torch.arange(len(tokens)) ^ 1]
    model = load(path)

    def diff(logits):
        last = logits[:, -1].gather(1, answers)
        return (last[:, 0] - last[:, 1]).mean()

    value = diff(model(tokens)).item()
    report("start to first logits", time.time() - started, value=value)
    long, unlike = made(1, 1024), made(8, 16)
    report("forward, 8 x 16", median(lambda: model(tokens)))
    report("forward, 8 x 16 that share nothing", median(lambda: model(unlike)))
    report("run with cache, 8 x 16", median(lambda: model.run_with_cache(tokens)))
    report("run with cache, 8 x 16 that share nothing", median(lambda: model.run_with_cache(unlike)))
    report("run with cache, 1 x 1024", median(lambda: model.run_with_cache(long), times=3))
    report("run with cache, 1 x 1024, every pattern read", median(lambda: read_patterns(model, long), times=1))
    for name in ["generate 50 tokens", "generate 50 tokens again"]:
        start = time.perf_counter()
        out = model.generate(tokens[:1], max_new_tokens=50, do_sample=False, stop_at_eos=False, verbose=False)
        report(name, time.perf_counter() - start, value=out[0, 16:].sum().item())

    _, clean = model.run_with_cache(tokens)
    for name, site, setter, entries in [
        ("residual sweep, 30 x 16 x 8", "resid_pre", patching.layer_pos_patch_setter, tokens.shape[1]),
        ("head sweep, 30 x 9 x 8", "z", patching.layer_head_vector_patch_setter, model.cfg.n_heads),
    ]:
        # TransformerLens' get_act_patch_resid_pre and get_act_patch_attn_head_out_all_pos, for every part-th layer
        index = pandas.DataFrame(itertools.product(range(0, model.cfg.n_layers, part), range(entries)), columns=["layer", "entry"])
        start = time.perf_counter()
        grid = patching.generic_activation_patch(model, corrupted, clean, diff, setter, site, index_df=index)
        seconds = (time.perf_counter() - start) * part
        report(name, seconds, value=grid[:entries].sum().item())
    report("peak memory", 0, bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
