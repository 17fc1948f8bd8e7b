"""Makes the .pt files in testdata/numpy: what torch.save writes of more than a state dict. Run with PyTorch 1.13 or later."""

import collections
import os

import torch

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "numpy")
probe = torch.arange(12, dtype=torch.float32).reshape(3, 4)
torch.save(probe.T, os.path.join(here, "probe.pt"))
step = lambda k: collections.OrderedDict(W=torch.full((2,), float(k)), b=torch.tensor(k))
torch.save({"state_dicts": [step(0), step(1)], "epochs": (0, 100), "lr": 0.25, "done": True, "name": "run", "test": None, 3: torch.tensor([7, -7])},
           os.path.join(here, "run.pt"))
torch.save({"name": "no arrays", "notes": [None, "text"]}, os.path.join(here, "bad_nothing.pt"))
loop = {}
loop["self"] = loop
torch.save(loop, os.path.join(here, "bad_loop.pt"))
tree = [torch.zeros(1)]
for _ in range(28):
    tree = [tree, tree]
torch.save(tree, os.path.join(here, "bad_shared.pt"))
