"""Writes the GGUF files in ../gguf_families from the checkpoints in ../families: python families.py

The rest is make.py's. What each of llama.cpp's converters adds to that is a row of the table below. Experts of a layer become one tensor, and so do the
norms of StableLM's heads.
"""

import re

import gguf
import numpy as np

import make

ARCH = gguf.MODEL_ARCH
MERGED = re.compile(r"(.*\.(?:experts|norms))\.(\d+)\.(.*)")


def merged(tensors):
    """Tensors that differ in the number of an expert, or of a head's norm, as one with a new first axis."""
    out, parts = {}, {}
    for name, w in tensors.items():
        m = MERGED.fullmatch(name)
        if m:
            parts.setdefault(f"{m[1]}.{m[3]}".replace(".norms.", "."), {})[int(m[2])] = w
        else:
            out[name] = w
    return out | {name: np.stack([ws[i] for i in range(len(ws))]) for name, ws in parts.items()}


def falcon(name, w, c):
    if "query_key_value" not in name:
        return w
    heads, kv = c["num_attention_heads"], c["num_kv_heads"] if c["new_decoder_architecture"] else 1
    rows = w.reshape(kv, heads // kv + 2, c["hidden_size"] // heads, -1)
    return np.concatenate([rows[:, :-2].reshape(-1, w.shape[1]), rows[:, -2].reshape(-1, w.shape[1]), rows[:, -1].reshape(-1, w.shape[1])])


def gemma3(name, w, c):
    w = make.gemma(name, w, c)
    if name.endswith(".q_norm.weight"):  # GGUF has no query_pre_attn_scalar: it is the width of a head in every model of this size
        return w * (c["head_dim"] / c["query_pre_attn_scalar"]) ** 0.5
    return w


def granite_moe(tensors):
    out = {}
    for name, w in tensors.items():
        if "input_linear" in name:
            gate, up = np.split(w, 2, axis=1)
            base = name.replace("block_sparse_moe.input_linear", "mlp.experts.%s_proj")
            out |= {base % "gate": gate, base % "up": up}
        else:
            out[name.replace("block_sparse_moe.output_linear", "mlp.experts.down_proj")] = w
    return out


def gpt_oss(tensors):
    out = {}
    for name, w in tensors.items():
        dotted = re.sub(r"_bias$", ".bias", name) if name.endswith("_bias") else name + ".weight" if "experts" in name or "sinks" in name else name
        w = w.swapaxes(1, 2) if "experts" in name and w.ndim == 3 else w
        if "gate_up_proj" in name:
            out[dotted.replace("gate_up", "gate")], out[dotted.replace("gate_up", "up")] = w[:, ::2], w[:, 1::2]
        else:
            out[dotted] = w
    return out


def experts(out, c):
    out.add_expert_count(c.get("num_local_experts") or c["num_experts"])
    out.add_expert_used_count(c["num_experts_per_tok"])
    if c.get("moe_intermediate_size"):
        out.add_expert_feed_forward_length(c["moe_intermediate_size"])
    if c.get("shared_expert_intermediate_size"):
        out.add_expert_shared_feed_forward_length(c["shared_expert_intermediate_size"])


def multipliers(out, c):
    out.add_attention_scale(c["attention_multiplier"])
    out.add_embedding_scale(c["embedding_multiplier"])
    out.add_residual_scale(c["residual_multiplier"])
    out.add_logit_scale(c["logits_scaling"])


def rotary(share):
    return lambda out, c: out.add_rope_dimension_count(int(share * (c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"])))


def no_scaling(out, c):
    out.add_logit_scale(c["logit_scale"])
    out.add_rope_scaling_type(gguf.RopeScalingType.NONE)


def wide_experts(out, c):
    out.add_expert_feed_forward_length(c["intermediate_size"])


def windows(out, c):
    out.add_sliding_window_pattern([kind == "sliding_attention" for kind in c["layer_types"]])


def full_base(out, c):
    out.add_rope_freq_base(c["rope_parameters"]["full_attention"]["rope_theta"])


def mpt(out, c):
    attn = c["attn_config"]
    if attn["clip_qkv"]:
        out.add_clamp_kqv(attn["clip_qkv"])
    out.add_max_alibi_bias(attn["alibi_bias_max"] if attn["alibi"] else 0.0)


# fixture: architecture, change of a tensor, change of all, more fields
TABLE = {
    "olmo": (ARCH.OLMO, make.llama, merged, [lambda out, c: out.add_layer_norm_eps(1e-5), lambda out, c: out.add_clamp_kqv(c["clip_qkv"])]),
    "olmo2": (ARCH.OLMO2, make.plain, merged, []),
    "olmo3": (ARCH.OLMO2, make.plain, merged, [windows, full_base]),
    "smollm3": (ARCH.SMOLLM3, make.llama, merged, [rotary(1)]),
    "cohere": (ARCH.COMMAND_R, make.plain, merged, [no_scaling]),
    "cohere2": (ARCH.COHERE2, make.plain, merged, [no_scaling, rotary(1)]),
    "stablelm": (ARCH.STABLELM, make.plain, merged, [rotary(0.25)]),
    "starcoder2": (ARCH.STARCODER2, make.plain, merged, [lambda out, c: out.add_layer_norm_eps(c["norm_epsilon"])]),
    "gpt_bigcode": (ARCH.STARCODER, make.plain, merged, []),
    "granite": (ARCH.GRANITE, make.llama, merged, [multipliers, rotary(1)]),
    "glm4": (ARCH.GLM4, make.plain, merged, [rotary(0.5)]),
    "falcon_7b": (ARCH.FALCON, falcon, merged, [lambda out, c: out.add_head_count_kv(1), lambda out, c: out.add_tensor_data_layout("jploski")]),
    "falcon_40b": (ARCH.FALCON, falcon, merged, [lambda out, c: out.add_head_count_kv(c["num_kv_heads"])]),
    "falcon_11b": (ARCH.FALCON, falcon, merged, [lambda out, c: out.add_head_count_kv(c["num_kv_heads"])]),
    "command_r_plus": (ARCH.COMMAND_R, make.plain, merged, [no_scaling]),
    "stablelm_12b": (ARCH.STABLELM, make.plain, merged, [rotary(0.25)]),
    "mpt": (ARCH.MPT, make.plain, merged, [mpt]),
    "phi4_mini": (ARCH.PHI3, make.plain, merged, []),
    "gemma3": (ARCH.GEMMA3, gemma3, merged, [full_base]),
    "mixtral": (ARCH.LLAMA, make.llama, merged, [experts]),
    "qwen3_moe": (ARCH.QWEN3MOE, make.plain, merged, [experts]),
    "olmoe": (ARCH.OLMOE, make.plain, merged, [experts]),
    "granitemoe": (ARCH.GRANITE_MOE, make.llama, granite_moe, [experts, multipliers, rotary(1)]),
    "phimoe": (ARCH.PHIMOE, make.plain, merged, [experts, rotary(1)]),
    "arcee": (ARCH.ARCEE, make.llama, merged, [rotary(1)]),
    "ernie4_5": (ARCH.ERNIE4_5, make.plain, merged, []),
    "gpt_oss": (ARCH.GPT_OSS, make.plain, gpt_oss, [experts, wide_experts]),
}

make.HERE.joinpath("../gguf_families").mkdir(exist_ok=True)
for fixture, (arch, change, all_of_them, more) in TABLE.items():
    make.convert(fixture, arch, change, source=f"../families/{fixture}", where="../gguf_families", all_of_them=all_of_them, more=more)

# llama.cpp knows no layers without experts in Qwen 2: the first layer alone, which has them
first = lambda tensors: merged({name: w for name, w in tensors.items() if ".layers." not in name or ".layers.0." in name})
make.convert("qwen2_moe", ARCH.QWEN2MOE, make.plain, source="../families/qwen2_moe", where="../gguf_families", all_of_them=first, more=[experts], layers=1)
