"""nnsight's side of `make bench-peers`: work.py tells what it measures. The model is transformers' own, with eager
attention, so that patterns are there to be read; a cache holds the output of every module, and their inputs where patches
need them; each patch of a sweep is a trace."""

import work  # first: it notes when the process started

import sys

import torch
from nnsight import TransformersModel


def main(path, prompts, part=1):
    prompts = work.Prompts(prompts)
    model = TransformersModel(path, task="text-generation", device_map="cpu", dtype=torch.float32, attn_implementation="eager", dispatch=True)
    layers = model.model.layers
    heads = model.config.num_attention_heads
    head = model.config.hidden_size // heads

    def forward(tokens):
        with model.trace(tokens):
            logits = model.lm_head.output.save()
        return logits

    def cached(tokens, **options):
        with model.trace(tokens) as tracer:
            cache = tracer.cache(**options).save()
        return cache

    def read_patterns(cache):
        for layer in range(len(layers)):
            cache.model.model.layers[layer].self_attn.output[1][0, 0, 0, 0].item()

    def generate(tokens, count):
        with model.generate(tokens, max_new_tokens=count, min_new_tokens=count, do_sample=False) as tracer:
            out = tracer.result.save()
        return out[0]

    def residual(pairs, clean):
        grid = []
        for layer, pos in pairs:
            value = clean.model.model.layers[layer].input[:, pos]
            with model.trace(prompts.corrupted):
                layers[layer].input[:, pos] = value
                logits = model.lm_head.output.save()
            grid.append(prompts.diff(logits))
        return grid

    def by_head(pairs, clean):
        grid = []
        for layer, entry in pairs:
            part = slice(entry * head, (entry + 1) * head)
            value = clean.model.model.layers[layer].self_attn.o_proj.input[:, :, part]
            with model.trace(prompts.corrupted):
                layers[layer].self_attn.o_proj.input[:, :, part] = value
                logits = model.lm_head.output.save()
            grid.append(prompts.diff(logits))
        return grid

    work.measure(
        prompts, part, len(layers), forward, cached, read_patterns, generate,
        clean=lambda: cached(prompts.tokens, include_inputs=True),
        sweeps=[
            ("residual sweep, 30 x 16 x 8", prompts.tokens.shape[1], residual),
            ("head sweep, 30 x 9 x 8", heads, by_head),
        ],
    )


main(*sys.argv[1:3], *map(int, sys.argv[3:]))
