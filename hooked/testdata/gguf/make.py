"""Writes the GGUF files here and in ../gguf_optional from the checkpoints in ../arch, ../rope and ../sparse, the way llama.cpp's convert_hf_to_gguf.py does.
families.py beside it does those of ../families.

    pip install gguf==0.19.0 safetensors numpy
    python make.py

Tensor names come from the gguf package's own tables. What the converter does to values is repeated below: Llama's q
and k are permuted, Llama 3's rotary scaling becomes the tensor rope_freqs, Gemma's norms get their 1, and the fused
matrices of GPT-NeoX and BLOOM are put in the order q, k, v, and GPT-2's are transposed.
"""

import json
import math
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

HERE = Path(__file__).parent
ARCH = gguf.MODEL_ARCH


def permute(w, heads):
    """The two halves of a rotary pair, side by side: LlamaModel.permute."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def llama(name, w, c):
    if ".q_proj." in name:
        return permute(w, c["num_attention_heads"])
    if ".k_proj." in name:
        return permute(w, c["num_key_value_heads"])
    return w


def fused(name, w, c):
    if "query_key_value" not in name:
        return w
    heads = c.get("n_head") or c["num_attention_heads"]
    return np.moveaxis(w.reshape(heads, 3, -1, *w.shape[1:]), 0, 1).reshape(w.shape)


def gpt2(name, w, c):
    return w.T if w.ndim == 2 and ".h." in name else w  # Conv1D is [in, out]


def gemma(name, w, c):
    return w + 1 if name.endswith("norm.weight") else w


def gemma2(name, w, c):
    w = gemma(name, w, c)
    if ".q_proj." in name:  # GGUF has no query_pre_attn_scalar: it is the width of a head in every model of this size
        return w * math.sqrt(c["head_dim"] / c["query_pre_attn_scalar"])
    return w


def plain(name, w, c):
    return w


def rope_freqs(c):
    """LlamaModel.generate_extra_tensors."""
    r = c["rope_parameters"]
    old, low, high = r["original_max_position_embeddings"], r["low_freq_factor"], r["high_freq_factor"]
    factors = []
    for i in range(0, c["head_dim"], 2):
        wavelength = 2 * math.pi * r["rope_theta"] ** (i / c["head_dim"])
        if wavelength < old / high:
            factors.append(1)
        elif wavelength > old / low:
            factors.append(r["factor"])
        else:
            smooth = (old / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / r["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def metadata(out, c):
    """The fields that TextModel.set_gguf_parameters writes, in either of Hugging Face's spellings."""
    first = lambda *names: next((c[n] for n in names if c.get(n) is not None), None)
    rope = c.get("rope_parameters") or {}
    heads, width = first("num_attention_heads", "n_head", "n_heads"), first("hidden_size", "n_embd", "d_model")
    fields = [
        (out.add_block_count, first("num_hidden_layers", "n_layer", "n_layers")),
        (out.add_context_length, first("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len") or 2048),
        (out.add_embedding_length, width),
        (out.add_feed_forward_length, first("intermediate_size", "n_inner") or 4 * width),
        (out.add_head_count, heads),
        (out.add_head_count_kv, first("num_key_value_heads")),
        (out.add_layer_norm_rms_eps, first("rms_norm_eps")),
        (out.add_layer_norm_eps, first("layer_norm_eps", "layer_norm_epsilon")),
        (out.add_key_length, first("head_dim")),
        (out.add_value_length, first("head_dim")),
        (out.add_attn_logit_softcapping, first("attn_logit_softcapping")),
        (out.add_final_logit_softcapping, first("final_logit_softcapping")),
        (out.add_sliding_window, first("sliding_window")),
        (out.add_rope_freq_base, rope.get("rope_theta")),
        (out.add_parallel_residual, first("use_parallel_residual")),
    ]
    if c["model_type"] in ("gpt_neox", "phi", "phi3", "llama"):
        share = rope.get("partial_rotary_factor", 1)
        fields.append((out.add_rope_dimension_count, int(share * (c.get("head_dim") or width // heads))))
    for add, value in fields:
        if value is not None:
            add(value)
    out.add_tokenizer_model("gpt2")
    out.add_token_list([f"token{i}" for i in range(c["vocab_size"])])
    out.add_file_type(gguf.LlamaFileType.ALL_F32)


def scaling(out, c):
    """The rotary scaling that LlamaModel and Phi3MiniModel write as fields, and Phi 3's two tensors."""
    r = c.get("rope_parameters") or {}
    kind, original = r.get("rope_type"), r.get("original_max_position_embeddings")
    if kind in ("linear", "yarn"):
        out.add_rope_scaling_type(gguf.RopeScalingType(kind))
        out.add_rope_scaling_factor(r["factor"])
    if kind in ("yarn", "longrope"):
        out.add_rope_scaling_orig_ctx_len(original)
    if kind == "longrope":  # no type: the tensors say it
        longer = c["max_position_embeddings"] / original
        out.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(longer) / math.log(original)))
        for which in ("long", "short"):
            out.add_tensor(f"rope_factors_{which}.weight", np.array(r[f"{which}_factor"], dtype=np.float32))


def convert(name, arch, change, source=None, config="config.json", leave_out=(), where=".", all_of_them=dict, more=(), layers=None):
    source = HERE / (source or f"../arch/{name}")
    c = json.loads((source / config).read_text())
    if layers:
        c["num_hidden_layers"] = layers
    tensors = all_of_them(load_file(source / "model.safetensors"))
    out = gguf.GGUFWriter(HERE / where / f"{name}.gguf", gguf.MODEL_ARCH_NAMES[arch])
    metadata(out, {k: v for k, v in c.items() if k not in leave_out})
    scaling(out, c)
    for add in more:
        add(out, c)
    names = gguf.get_tensor_name_map(arch, c.get("num_hidden_layers") or c.get("n_layer") or c["n_layers"])
    for key in sorted(tensors):
        w = change(key, tensors[key], c)
        short = key.removeprefix("transformer.")  # BloomModel.modify_tensors
        called = names.get_name(short, try_suffixes=(".weight", ".bias")) or names.get_name(key, try_suffixes=(".weight", ".bias"))
        out.add_tensor(called, np.ascontiguousarray(w, dtype=np.float32))
    if (c.get("rope_parameters") or {}).get("rope_type") == "llama3":
        out.add_tensor("rope_freqs.weight", rope_freqs(c))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def main():
    for model in [
        ("llama3_rope", ARCH.LLAMA, llama),
        ("qwen2", ARCH.QWEN2, plain),
        ("qwen3", ARCH.QWEN3, plain),
        ("gemma", ARCH.GEMMA, gemma),
        ("gemma2", ARCH.GEMMA2, gemma2),
        ("gpt2", ARCH.GPT2, gpt2),
        ("phi", ARCH.PHI2, plain),
        ("phi3", ARCH.PHI3, plain),
        ("gpt_neox", ARCH.GPTNEOX, fused),
        ("bloom", ARCH.BLOOM, fused),
    ]:
        convert(*model)

    # What follows is compared with fixtures of other folders, see TestGGUFOptional.
    more = HERE / "../gguf_optional"
    more.mkdir(exist_ok=True)
    convert("linear", ARCH.LLAMA, llama, "../rope/linear", where=more)
    convert("yarn", ARCH.LLAMA, llama, "../rope/yarn", where=more)
    convert("phi3_longrope", ARCH.PHI3, plain, "../rope/phi3_longrope", where=more)
    optional = ("attn_logit_softcapping", "final_logit_softcapping", "sliding_window")
    convert("gemma2", ARCH.GEMMA2, gemma2, "../sparse/gemma2", "config_v5_full.json", optional, where=more)


if __name__ == "__main__":
    main()
