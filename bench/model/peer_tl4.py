"""TransformerLens 4's side of `make bench-peers`: work.py tells what it measures. The bridge wraps transformers' model,
and is as boot_transformers gives it: weights as they are, eager attention, hooks on every part."""

import work  # first: it notes when the process started

import sys

import torch
from transformer_lens import patching
from transformer_lens.model_bridge import TransformerBridge


def main(path, prompts, part=1):
    prompts = work.Prompts(prompts)
    model = TransformerBridge.boot_transformers(path, device="cpu", dtype=torch.float32)
    work.measure_hooked(model, patching, prompts, part)


main(*sys.argv[1:3], *map(int, sys.argv[3:]))
