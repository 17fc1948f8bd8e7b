"""TransformerLens 4's side of `make bench-peers`: work.py tells what it measures. The bridge wraps transformers' model,
and is as boot_transformers gives it: weights as they are, eager attention, hooks on every part."""

import work  # first: it notes when the process started

import sys

import pandas
import torch
from transformer_lens import patching
from transformer_lens.model_bridge import TransformerBridge


def main(path, prompts, part=1):
    prompts = work.Prompts(prompts)
    model = TransformerBridge.boot_transformers(path, device="cpu", dtype=torch.float32)

    def sweep(site, setter):
        """get_act_patch_resid_pre and get_act_patch_attn_head_out_all_pos, for some layers."""
        def run(pairs, clean):
            index = pandas.DataFrame(pairs, columns=["layer", "entry"])
            return patching.generic_activation_patch(model, prompts.corrupted, clean, prompts.diff, setter, site, index_df=index)
        return run

    work.measure(
        prompts, part, model.cfg.n_layers,
        forward=model,
        cached=lambda tokens: model.run_with_cache(tokens)[1],
        read_patterns=lambda cache: [cache["pattern", layer][0, 0, 0, 0].item() for layer in range(model.cfg.n_layers)],
        generate=lambda tokens, count: model.generate(tokens, max_new_tokens=count, do_sample=False, stop_at_eos=False)[0],
        clean=lambda: model.run_with_cache(prompts.tokens)[1],
        sweeps=[
            ("residual sweep, 30 x 16 x 8", prompts.tokens.shape[1], sweep("resid_pre", patching.layer_pos_patch_setter)),
            ("head sweep, 30 x 9 x 8", model.cfg.n_heads, sweep("z", patching.layer_head_vector_patch_setter)),
        ],
    )


main(*sys.argv[1:3], *map(int, sys.argv[3:]))
