"""The peer's side of the harvest's benchmark: SAELens' ActivationsStore on TransformerLens, on the CPU.

    python peer.py MODEL.gguf LAYER CONTEXT TOKENS

For batches of 8 and of 32 rows it writes a line of JSON: tokens a second of the bare forward to the layer, and of the
store, which keeps the activations in memory in float32 and writes nothing.
"""

import json
import os
import sys
import time
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
warnings.filterwarnings("ignore")

import torch
from datasets import Dataset
from sae_lens import ActivationsStore
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions import convert_llama_weights
from transformers import AutoModelForCausalLM

torch.set_grad_enabled(False)


def load(path):
    folder, file = os.path.split(os.path.realpath(path))
    hf = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
    c = hf.config
    d_head = c.hidden_size // c.num_attention_heads
    cfg = HookedTransformerConfig(
        n_layers=c.num_hidden_layers, d_model=c.hidden_size, n_ctx=2048, d_head=d_head, n_heads=c.num_attention_heads,
        n_key_value_heads=c.num_key_value_heads, d_mlp=c.intermediate_size, d_vocab=c.vocab_size, act_fn="silu", gated_mlp=True,
        eps=c.rms_norm_eps, normalization_type="RMS", positional_embedding_type="rotary", rotary_base=100000, rotary_dim=d_head,
        rotary_adjacent_pairs=False, final_rms=True, original_architecture="LlamaForCausalLM", dtype=torch.float32, device="cpu",
        default_prepend_bos=True,
    )
    model = HookedTransformer(cfg, move_to_device=False)
    model.load_and_process_state_dict(convert_llama_weights(hf, cfg), fold_ln=True, center_unembed=True)
    return model


def made(n, length):
    """The rows of main.go: a linear congruential generator."""
    state, rows = 1, []
    for _ in range(n):
        row = []
        for _ in range(length):
            state = (state * 1664525 + 1013904223) % 2**32
            row.append((state >> 16) % 40000)
        rows.append(row)
    return rows


def main(path, layer, length, tokens):
    model = load(path)
    rows = made(tokens // length, length)
    for batch in [8, 32]:
        store = ActivationsStore(
            model=model, dataset=Dataset.from_dict({"tokens": rows}), streaming=False, hook_name=f"blocks.{layer}.hook_resid_post",
            hook_head_index=None, context_size=length, d_in=model.cfg.d_model, n_batches_in_buffer=8, total_training_tokens=tokens,
            store_batch_size_prompts=batch, train_batch_size_tokens=4096, prepend_bos=False, normalize_activations="none",
            device=torch.device("cpu"), dtype="float32",
        )
        n = len(rows) // batch
        parts = [torch.tensor(rows[i * batch : (i + 1) * batch]) for i in range(n)]
        model(parts[0], stop_at_layer=layer + 1)
        start, used = time.perf_counter(), time.process_time()
        for part in parts:
            model(part, stop_at_layer=layer + 1)
        bare, bare_cpu = n * batch * length / (time.perf_counter() - start), time.process_time() - used
        start, used = time.perf_counter(), time.process_time()
        kept = [store.get_raw_llm_batch()[0] for _ in range(n)]
        harvest, cpu = n * batch * length / (time.perf_counter() - start), time.process_time() - used
        value = kept[0].reshape(-1, model.cfg.d_model).norm(dim=-1)[1:length].mean().item()
        per = 1e6 / (n * batch * length)
        print(json.dumps({"batch": batch, "bare": bare, "harvest": harvest, "barecpu": bare_cpu * per, "harvestcpu": cpu * per, "norm": value}),
              flush=True)


main(sys.argv[1], *map(int, sys.argv[2:]))
