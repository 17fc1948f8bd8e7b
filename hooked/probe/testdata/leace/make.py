"""What concept-erasure 0.2.4, by LEACE's authors, leaves of the activations of ../probes.

usage: make.py    (torch 2.8, safetensors, concept-erasure 0.2.4)
Writes golden.safetensors: LABELS/erased [n, d] and LABELS/rank for the labels y (binary) and classes, fitted on the first
n_train rows in float64, without the package's shrinkage of the covariance, its bound on the trace and its tolerance of 0.01.
"""
import json
import os

import torch
from concept_erasure import LeaceFitter
from safetensors.torch import load_file, save_file

here = os.path.dirname(os.path.abspath(__file__))
probes = os.path.join(here, "..", "probes")
data = load_file(os.path.join(probes, "golden.safetensors"))
train = json.load(open(os.path.join(probes, "golden.json")))["n_train"]
x = data["X"].double()
out = {}
for name in ("y", "classes"):
    z = torch.nn.functional.one_hot(data[name].long()).double()
    fitter = LeaceFitter.fit(x[:train], z[:train], shrinkage=False, constrain_cov_trace=False, svd_tol=1e-8)
    eraser = fitter.eraser
    out[name + "/erased"] = eraser(x).float().contiguous()
    out[name + "/rank"] = torch.linalg.matrix_rank(eraser.proj_right, atol=1e-8).reshape(1)
    z = z[:train] - z[:train].mean(0)
    print(name, "rank", out[name + "/rank"].item(), "covariance left", (eraser(x[:train]).T @ z).abs().max().item())
save_file(out, os.path.join(here, "golden.safetensors"), {"made_by": "concept-erasure 0.2.4, torch " + torch.__version__})
