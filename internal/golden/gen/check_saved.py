"""Loads models that hooked has saved into TransformerLens' HookedTransformer, and compares logits.

    check_saved.py FOLDER...

Each folder is one of Model.Save's; beside it lies FOLDER.run.safetensors, with "tokens" and the "logits" that hooked computes of
them. hooked's TestSavedInTransformerLens writes both and runs this.
"""
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from safetensors.torch import load_file
from transformer_lens import HookedTransformer, HookedTransformerConfig

# what TransformerLens counts among the weights and is none
NO_WEIGHTS = (".mask", ".IGNORE", ".rotary_sin", ".rotary_cos", ".alibi")


def checked(folder):
    """The same, and infinite where TransformerLens refuses what was saved."""
    try:
        return check(folder)
    except Exception as refusal:
        print(f"{os.path.basename(folder)}: {type(refusal).__name__}: {refusal}")
        return float("inf")


def check(folder):
    """The largest difference of a logit, in parts of what 1e-4 absolute and relative allow."""
    with open(os.path.join(folder, "cfg.json")) as f:
        cfg = HookedTransformerConfig.from_dict({**json.load(f), "device": "cpu"})
    model = HookedTransformer(cfg)
    found = model.load_state_dict(load_file(os.path.join(folder, "model.safetensors")), strict=False)
    no_weights = NO_WEIGHTS
    if cfg.positional_embedding_type == "alibi":
        no_weights += ("pos_embed.W_pos",)  # which such a model has and does not read
    missing = [name for name in found.missing_keys if not name.endswith(no_weights)]
    if missing or found.unexpected_keys:
        print(f"{os.path.basename(folder)}: missing {missing}, unexpected {found.unexpected_keys}")
        return float("inf")
    run = load_file(folder + ".run.safetensors")
    with torch.no_grad():
        logits = model(run["tokens"])
    if logits.shape != run["logits"].shape:
        print(f"{os.path.basename(folder)}: logits {tuple(logits.shape)}, hooked's are {tuple(run['logits'].shape)}")
        return float("inf")
    difference = (logits - run["logits"]).abs()
    parts = (difference / (1e-4 + 1e-4 * logits.abs())).max().item()
    print(f"{os.path.basename(folder):40} {len(found.missing_keys):3} without weights  largest difference {difference.max().item():.1e}"
          f" of logits up to {logits.abs().max().item():.2f}")
    return parts


if __name__ == "__main__":
    worst = [checked(folder) for folder in sys.argv[1:]]
    if not worst or not all(parts <= 1 for parts in worst):
        sys.exit(f"the logits of {sum(not parts <= 1 for parts in worst)} of {len(worst)} models differ")
