"""TransformerLens 2's side of `make bench`, on PyTorch and the CPU: work.py tells what it measures."""

import work  # first: it notes when the process started

import sys

import pandas
import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig, patching
from transformer_lens.pretrained.weight_conversions import convert_llama_weights


def load(path, n_ctx=2048):
    hf, tokenizer = work.pretrained(path)
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
    model.tokenizer = tokenizer  # generate asks for one
    model.load_and_process_state_dict(convert_llama_weights(hf, cfg), fold_ln=True, center_unembed=True)
    return model


def main(path, prompts, part=1):
    prompts = work.Prompts(prompts)
    model = load(path)

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
        generate=lambda tokens, count: model.generate(tokens, max_new_tokens=count, do_sample=False, stop_at_eos=False, verbose=False)[0],
        clean=lambda: model.run_with_cache(prompts.tokens)[1],
        sweeps=[
            ("residual sweep, 30 x 16 x 8", prompts.tokens.shape[1], sweep("resid_pre", patching.layer_pos_patch_setter)),
            ("head sweep, 30 x 9 x 8", model.cfg.n_heads, sweep("z", patching.layer_head_vector_patch_setter)),
        ],
    )


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
