"""Makes the LoRA adapters of this folder, for checkpoints of ../arch. Nothing runs it but a developer, in a venv with
torch 2.8.0, transformers 5.23.0, safetensors 0.8.0, gguf 0.19.0 and peft 0.21.2: `python3 make.py`.

golden.safetensors has tokens, the logits of PEFT's model, and of the adapter at half its strength (merged by PEFT with
its factors halved). llama3_rope.gguf is the adapter of llama3_rope as llama.cpp's convert_lora_to_gguf.py writes it:
the rows of B for q and k stand as those of the permuted matrices.
"""

import json
import shutil
from pathlib import Path

import gguf
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent


def make(name, base, config):
    torch.manual_seed(20261128)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(HERE / "../arch" / base, dtype=torch.float32).eval(), config).eval()
    for n, p in model.named_parameters():
        if p.requires_grad:
            p.data = torch.randn_like(p) * 0.2
    out = HERE / name
    shutil.rmtree(out, ignore_errors=True)
    model.save_pretrained(out)
    (out / "README.md").unlink(missing_ok=True)
    said = json.loads((out / "adapter_config.json").read_text())
    (out / "adapter_config.json").write_text(json.dumps(said | {"base_model_name_or_path": base}, indent=2) + "\n")
    tokens = torch.randint(0, model.base_model.model.config.vocab_size, (2, 7))
    with torch.no_grad():
        golden = {"tokens": tokens, "hf_logits": model(tokens).logits}
        if not config.modules_to_save and config.bias == "none":
            for module in model.modules():
                for factors in ("lora_A", "lora_embedding_A"):
                    for p in getattr(module, factors, {}).values():
                        (p.data if hasattr(p, "data") else p.weight.data).mul_(0.5)
            golden["half_logits"] = model(tokens).logits
    save_file({k: v.contiguous() for k, v in golden.items()}, out / "golden.safetensors")
    return model


def permuted(b, heads):
    """llama.cpp's order of the rows of q and k: the two of a rotary pair lie side by side."""
    return b.reshape(heads, 2, b.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(b.shape)


def to_gguf(name, model, alpha):
    factors = load_file(HERE / name / "adapter_model.safetensors")
    c = model.base_model.model.config
    w = gguf.GGUFWriter(HERE / f"{name}.gguf", "llama")
    w.add_type("adapter")
    w.add_string("adapter.type", "lora")
    w.add_float32("adapter.lora.alpha", alpha)
    names = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "down_proj": "ffn_down"}
    for key, value in factors.items():
        parts = key.split(".")
        if parts[-3] not in names:
            raise ValueError(key)
        if parts[-2] == "lora_B" and parts[-3] in ("q_proj", "k_proj"):
            value = permuted(value, c.num_attention_heads if parts[-3] == "q_proj" else c.num_key_value_heads)
        w.add_tensor(f"blk.{parts[4]}.{names[parts[-3]]}.weight.{parts[-2].lower()}", value.contiguous().numpy())
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


plain = make("llama3_rope", "llama3_rope", LoraConfig(
    r=3, lora_alpha=6, target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "down_proj"], task_type="CAUSAL_LM"))
to_gguf("llama3_rope", plain, 6)
make("llama_patterns", "llama", LoraConfig(
    r=4, lora_alpha=5, use_rslora=True, target_modules=["q_proj", "v_proj", "gate_proj", "embed_tokens", "lm_head"],
    rank_pattern={"layers.1.self_attn.q_proj": 2, "v_proj": 1}, alpha_pattern={r"layers\.\d\.mlp\.gate_proj": 3}, task_type="CAUSAL_LM"))
make("llama_replaced", "llama", LoraConfig(r=2, lora_alpha=2, target_modules=["up_proj"], modules_to_save=["lm_head", "norm"], task_type="CAUSAL_LM"))
make("gpt2", "gpt2", LoraConfig(r=2, lora_alpha=8, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True, bias="lora_only", task_type="CAUSAL_LM"))
