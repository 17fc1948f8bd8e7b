"""TransformerLens 2's side of `make bench`, on PyTorch and the CPU: work.py tells what it measures."""

import work  # first: it notes when the process started

import sys

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
    work.measure_hooked(model, patching, prompts, part, verbose=False)


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
