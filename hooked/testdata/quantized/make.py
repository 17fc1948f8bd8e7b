"""Makes the checkpoints of eight bits in this folder. Nothing runs it but a developer, in a venv with torch 2.8.0,
transformers 5.23.0, safetensors 0.8.0 and compressed-tensors 0.20.1: `python3 make.py`.

Each folder has a tiny Llama's configuration, its quantized weights, and in dequantized.safetensors what torch makes
of them in float32 (for compressed-tensors' layouts what that library's decompression makes).
"""

import json
import shutil
from pathlib import Path

import torch
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import (QuantizationArgs, QuantizationConfig, QuantizationScheme, apply_quantization_config)
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).parent
BLOCK = (10, 12)  # does not divide the matrices
E4M3, E5M2, E8M0 = torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e8m0fnu


def model():
    torch.manual_seed(20261128)
    m = LlamaForCausalLM(LlamaConfig(
        vocab_size=11, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=32, tie_word_embeddings=False, dtype="float32")).eval()
    for p in m.parameters():
        p.data = torch.randn_like(p) * torch.rand(p.shape[0], *[1] * (p.dim() - 1))
    return m


def matrices(m):
    return [n for n, _ in m.named_parameters() if "_proj" in n]


def save(name, m, quantization, tensors, dequantized):
    out = HERE / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    config = m.config.to_dict() | {"architectures": ["LlamaForCausalLM"], "quantization_config": quantization}
    (out / "config.json").write_text(json.dumps(config, indent=1, default=str) + "\n")
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, out / "model.safetensors", {"format": "pt"})
    save_file({k: v.detach().float().contiguous() for k, v in dequantized.items()}, out / "dequantized.safetensors", {"format": "pt"})


def spread(scale, rows, cols):
    """A grid of scales over the whole matrix."""
    s = scale.float()
    if s.dim() < 2:
        return s.reshape(-1, 1).expand(rows, cols) if s.numel() > 1 else s.reshape(1, 1).expand(rows, cols)
    down = 1 if s.shape[0] == rows else rows if s.shape[0] == 1 else BLOCK[0]
    across = cols if s.shape[1] == 1 else BLOCK[1]
    return s.repeat_interleave(down, 0)[:rows].repeat_interleave(across, 1)[:, :cols]


def by_hand(name, quantization, suffix, kind, scale_of, extra=lambda base: {}):
    """Quantizes every matrix: what is stored is the nearest number of eight bits to weight / scale."""
    m = model()
    tensors, whole = dict(m.state_dict()), dict(m.state_dict())
    for n in matrices(m):
        w = tensors[n]
        scale = scale_of(w, torch.finfo(kind).max)
        over = spread(scale, *w.shape)
        tensors[n] = (w / over).clamp(-torch.finfo(kind).max, torch.finfo(kind).max).to(kind)
        tensors[n + suffix] = scale
        tensors |= extra(n.removesuffix(".weight"))
        whole[n] = tensors[n].to(torch.float32) * over
    save(name, m, quantization, tensors, whole)


def in_blocks(w, largest):
    rows, cols = [(w.shape[i] + BLOCK[i] - 1) // BLOCK[i] for i in range(2)]
    blocks = [[w[i * BLOCK[0]:(i + 1) * BLOCK[0], j * BLOCK[1]:(j + 1) * BLOCK[1]].abs().max() for j in range(cols)] for i in range(rows)]
    return torch.tensor(blocks) / largest


def compressed(name, weights, activations=None):
    """Quantizes with the library compressed-tensors."""
    m = model()
    scheme = QuantizationScheme(targets=["Linear"], weights=weights, input_activations=activations)
    config = QuantizationConfig(config_groups={"group_0": scheme}, ignore=["lm_head"])
    apply_quantization_config(m, config)
    largest = 127 if weights.type == "int" else torch.finfo(E4M3).max
    for n, module in m.named_modules():
        if hasattr(module, "weight_scale"):
            w = module.weight.data
            rows = w.abs().amax(1, keepdim=True) if weights.strategy == "channel" else w.abs().max().reshape(1)
            module.weight_scale.data = (rows / largest).to(module.weight_scale.dtype)
            if hasattr(module, "input_scale"):
                module.input_scale.data.fill_(0.25)
    compressor = ModelCompressor.from_pretrained_model(m, "int-quantized" if weights.type == "int" else "float-quantized")
    compressor.compress_model(m)
    tensors = {k: v.clone() for k, v in m.state_dict().items()}
    with_config = json.loads(json.dumps(compressor.quantization_config.model_dump(), default=str)) | {"quant_method": "compressed-tensors"}
    compressor.decompress_model(m)
    whole = {k: v for k, v in m.state_dict().items() if not k.endswith(("_scale", "_zero_point"))}
    save(name, m, with_config, tensors, whole)


fp8 = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "modules_to_not_convert": ["lm_head"]}
by_hand("fp8_blocks", fp8 | {"weight_block_size": BLOCK}, "_scale_inv", E4M3, in_blocks)
by_hand("fp8_blocks_powers", fp8 | {"weight_block_size": BLOCK, "scale_fmt": "ue8m0"}, "_scale_inv", E4M3,
        lambda w, most: torch.exp2(torch.ceil(torch.log2(in_blocks(w, most)))).to(E8M0))
by_hand("fp8_whole", {"quant_method": "fp8", "activation_scheme": "static", "ignored_layers": ["lm_head"]}, "_scale", E5M2,
        lambda w, most: w.abs().max() / most, lambda base: {base + ".input_scale": torch.tensor(0.5)})
by_hand("fbgemm_fp8", {"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0, "modules_to_not_convert": ["lm_head"]}, "_scale", E4M3,
        lambda w, most: w.abs().amax(1, keepdim=True) / most)
dynamic = QuantizationArgs(num_bits=8, type="float", symmetric=True, strategy="token", dynamic=True)
static = QuantizationArgs(num_bits=8, type="float", symmetric=True, strategy="tensor")
compressed("compressed_rows", QuantizationArgs(num_bits=8, type="float", symmetric=True, strategy="channel"), dynamic)
compressed("compressed_whole", QuantizationArgs(num_bits=8, type="float", symmetric=True, strategy="tensor"), static)
compressed("compressed_int8", QuantizationArgs(num_bits=8, type="int", symmetric=True, strategy="channel"),
           QuantizationArgs(num_bits=8, type="int", symmetric=True, strategy="token", dynamic=True))
