"""A training step in PyTorch eager, on all cores: the peer of package bench/steps, by whose names it knows the trainings.

usage: peer.py addition|texts STEPS
"""
import json
import math
import os
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, d, heads, hidden, act, norm):
        super().__init__()
        self.heads, self.act = heads, act
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, hidden), nn.Linear(hidden, d)
        self.ln1, self.ln2 = (nn.LayerNorm(d), nn.LayerNorm(d)) if norm else (nn.Identity(), nn.Identity())

    def forward(self, x, mask):
        b, n, d = x.shape
        q, k, v = (t.view(b, n, self.heads, -1).transpose(1, 2) for t in self.qkv(self.ln1(x)).chunk(3, -1))
        scores = (q @ k.transpose(-1, -2)) / math.sqrt(d // self.heads)
        z = scores.masked_fill(mask, float("-inf")).softmax(-1) @ v
        x = x + self.out(z.transpose(1, 2).reshape(b, n, d))
        return x + self.down(self.act(self.up(self.ln2(x))))


class Model(nn.Module):
    def __init__(self, layers, d, heads, hidden, act, norm, ctx, vocab, out):
        super().__init__()
        self.embed, self.pos = nn.Embedding(vocab, d), nn.Parameter(0.02 * torch.randn(ctx, d))
        self.blocks = nn.ModuleList(Block(d, heads, hidden, act, norm) for _ in range(layers))
        self.norm, self.unembed = nn.LayerNorm(d) if norm else nn.Identity(), nn.Linear(d, out)
        self.register_buffer("mask", torch.ones(ctx, ctx, dtype=torch.bool).triu(1))

    def forward(self, tokens):
        n = tokens.shape[1]
        x = self.embed(tokens) + self.pos[:n]
        for block in self.blocks:
            x = block(x, self.mask[:n, :n])
        return self.unembed(self.norm(x))


def timed(model, step, lr, steps, **kw):
    opt = torch.optim.AdamW(model.parameters(), lr=lr, **kw)
    for i in range(steps + 3):
        if i == 3:
            begin = time.perf_counter()
        opt.zero_grad()
        step(model).backward()
        opt.step()
    print(json.dumps({"name": "a step", "seconds": (time.perf_counter() - begin) / steps}))
    print(json.dumps({"name": "peak memory", "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def addition(steps):
    pairs = torch.cartesian_prod(torch.arange(113), torch.arange(113))[torch.randperm(113 * 113)[:3830]]
    sums, tokens = pairs.sum(-1) % 113, torch.cat([pairs, torch.full((3830, 1), 113)], -1)
    timed(Model(1, 128, 4, 512, F.relu, False, 3, 114, 113), lambda m: F.cross_entropy(m(tokens)[:, -1], sums), 1e-3, steps,
          weight_decay=1.0, betas=(0.9, 0.98))


def texts(steps):
    tokens = torch.randint(0, 5000, (16, 128))
    gelu = nn.GELU(approximate="tanh")
    timed(Model(4, 256, 4, 1024, gelu, True, 128, 5000, 5000),
          lambda m: F.cross_entropy(m(tokens)[:, :-1].reshape(-1, 5000), tokens[:, 1:].reshape(-1)), 1e-3, steps)


torch.set_num_threads(os.cpu_count())
torch.manual_seed(1)
{"addition": addition, "texts": texts}[sys.argv[1]](int(sys.argv[2]))
