"""PyTorch's side of gpu-check: a random model of GPT-2's architecture, and what BenchmarkShapes does.

    python3 gpu_check_torch.py gpt2-small float32 cuda

It prints a verb and its milliseconds a line. Attention is written out and every activation of TransformerLens' cache is
made, as TransformerLens does; a sweep's patched runs are whole forward passes there, and are timed as one batch of 32.
"""

import sys
import time

import torch
import torch.nn.functional as F

SHAPES = {"tiny": (2, 64, 4, 1000), "gpt2-small": (12, 768, 12, 50257), "gpt2-xl": (48, 1600, 25, 50257)}
layers, d, heads, vocab = SHAPES[sys.argv[1]]
dtype, device = getattr(torch, sys.argv[2]), sys.argv[3]
torch.manual_seed(1)


def weight(*shape):
    return (0.02 * torch.randn(*shape, device=device)).to(dtype)


embed, places = weight(vocab, d), weight(1024, d)
blocks = [{"qkv": weight(d, 3 * d), "out": weight(d, d), "up": weight(d, 4 * d), "down": weight(4 * d, d)} for _ in range(layers)]


def block(x, w, past, keep):
    """One layer; past holds the keys and values of earlier tokens, keep takes the activations."""
    b, t, _ = x.shape
    normed = F.layer_norm(x, (d,))
    q, k, v = (normed @ w["qkv"]).view(b, t, 3, heads, d // heads).unbind(2)
    if past is not None:
        if past:
            k, v = torch.cat([past[0], k], 1), torch.cat([past[1], v], 1)
        past[:] = [k, v]
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) * (d // heads) ** -0.5
    mask = torch.ones(t, k.shape[1], dtype=torch.bool, device=device).tril(k.shape[1] - t)
    scores = scores.masked_fill(~mask, float("-inf"))
    pattern = scores.softmax(-1)
    z = torch.einsum("bhqk,bkhd->bqhd", pattern, v)
    attn_out = z.reshape(b, t, d) @ w["out"]
    mid = x + attn_out
    normed2 = F.layer_norm(mid, (d,))
    pre = normed2 @ w["up"]
    post = F.gelu(pre, approximate="tanh")
    mlp_out = post @ w["down"]
    if keep is not None:
        keep += [x, normed, q, k, v, scores, pattern, z, attn_out, mid, normed2, pre, post, mlp_out]
    return mid + mlp_out


def run(tokens, pasts=None, keep=None):
    """The logits of the last position."""
    first = pasts[0][0].shape[1] if pasts and pasts[0] else 0
    x = embed[tokens] + places[first:first + tokens.shape[1]]
    for i, w in enumerate(blocks):
        x = block(x, w, pasts[i] if pasts else None, keep)
    return F.layer_norm(x[:, -1:], (d,)) @ embed.T


def generate(tokens, n):
    pasts = [[] for _ in blocks]
    for _ in range(n):
        tokens = run(tokens, pasts)[:, -1].argmax(-1, keepdim=True)
    tokens.cpu()


def wait():
    if device == "cuda":
        torch.cuda.synchronize()


def timed(f, times=3):
    f()
    wait()
    start = time.perf_counter()
    for _ in range(times):
        f()
    wait()
    return (time.perf_counter() - start) / times * 1000


with torch.inference_mode():
    tokens = torch.tensor([[(31 * i + 7 * p) % vocab for p in range(128)] for i in range(4)], device=device)
    rows = tokens[:1, :32].repeat(32, 1)
    for verb, f in {
        "forward": lambda: run(tokens).cpu(),
        "cache": lambda: run(tokens, keep=[]).cpu(),
        "sweep": lambda: run(rows).cpu(),
        "generate": lambda: generate(tokens[:1, :16], 50),
    }.items():
        # A sweep is one such batch for each layer.
        print(verb, "%.3f" % (timed(f) * (layers if verb == "sweep" else 1)), flush=True)
