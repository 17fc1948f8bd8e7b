"""Makes flan of this folder, and flan.gguf from it. Nothing runs it but a developer, in a venv with torch 2.8.0, transformers 5.23.0, tokenizers 0.23.3,
safetensors and gguf 0.19.0: `python3 make.py`. The folder t5 is gen_families.py's, with TransformerLens' numbers beside Hugging Face's.

flan has what t5 has not: gated MLPs, an unembedding of its own, more layers in the encoder than in the decoder, texts longer than the longest distance,
and a tokenizer. golden.safetensors has, all of Hugging Face's model in float32:
    tokens, attention_mask, decoder_tokens, hf_logits, hf_loss      two sources, of which the second has pads
    long/tokens, long/decoder_tokens, long/hf_logits                150 and 140 tokens
    grad/SITE, grad/WEIGHT                                          of the loss, by hook name and by canonical name in TransformerLens' shape
    generated, generated_edited                                     greedy, without an end; edited: encoder.1 head 1 and decoder.0 cross head 2 are zero
    edited_logits                                                   the same edit
    buckets/N_MAX_both, buckets/N_MAX_causal                        of distances -300 to 300
    text/source, text/target, text/target_mask, text/loss           texts.json, tokenized by transformers
"""

import json
import math
import shutil
from pathlib import Path

import to_gguf_file
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModelForSeq2SeqLM, T5Config, T5ForConditionalGeneration, T5TokenizerFast
from transformers.models.t5.modeling_t5 import T5Attention

HERE = Path(__file__).parent
OUT = HERE / "flan"
HEADS = 4
TEXTS = {"source": ["the cat sat on the mat", "a dog ran"], "target": ["the mat sat", "a cat ran on"]}


def checkpoint():
    torch.manual_seed(20261128)
    config = T5Config(vocab_size=64, d_model=24, d_kv=5, d_ff=28, num_layers=3, num_decoder_layers=2, num_heads=HEADS, feed_forward_proj="gated-gelu",
                      tie_word_embeddings=False, decoder_start_token_id=0, dropout_rate=0.0)
    model = T5ForConditionalGeneration(config).eval()
    for name, p in model.named_parameters():
        p.data = 1 + 0.3 * torch.randn_like(p) if "layer_norm" in name else torch.randn_like(p) * (1.0 if "relative" in name or "shared" in name else 0.25)
    model.lm_head.weight = torch.nn.Parameter(torch.randn(64, 24) * 0.25)
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    state = {n: w.detach().contiguous() for n, w in model.state_dict().items() if n not in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")}
    save_file(state, OUT / "model.safetensors", {"format": "pt"})
    said = {k: v for k, v in config.to_dict().items() if k not in ("scale_decoder_outputs", "dtype", "transformers_version")}
    said |= {"tie_word_embeddings": False, "architectures": ["T5ForConditionalGeneration"], "n_positions": 512, "output_past": True, "torch_dtype": "float32"}
    (OUT / "config.json").write_text(json.dumps(said, indent=2, sort_keys=True) + "\n")  # as it is on the hub


def tokenizer():
    tok = Tokenizer(models.Unigram())
    tok.pre_tokenizer = pre_tokenizers.Metaspace()
    tok.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=60, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False)
    tok.train_from_iterator(["the cat sat on the mat and a dog ran to the man", "a rat and a hat on the mat", "the dog sat and the cat ran"], trainer)
    tok.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    fast = T5TokenizerFast(tokenizer_object=tok, extra_ids=0, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    tok.save(str(OUT / "tokenizer.json"))
    (OUT / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "extra_ids": 0}, indent=1) + "\n")
    return tok


def zero_head(h):
    """A hook that zeroes a head's z before the output matrix."""
    def hook(_, args):
        z = args[0].clone()
        z[..., h * 5:(h + 1) * 5] = 0
        return (z,)
    return hook


def texts(tok, which):
    ids = [tok.encode(t).ids for t in TEXTS[which]]
    if which == "target":
        ids = [[0] + row[:-1] for row in ids]  # the start, and no end
    n = max(map(len, ids))
    return torch.tensor([row + [0] * (n - len(row)) for row in ids]), torch.tensor([[1] * len(row) + [0] * (n - len(row)) for row in ids])


def numbers(model, tok, golden):
    g = torch.Generator().manual_seed(3)
    draw = lambda *shape: torch.randint(3, 60, shape, generator=g)
    tokens, mask = draw(2, 9), torch.ones(2, 9, dtype=torch.long)
    tokens[1, 6:], mask[1, 6:] = 0, 0
    target = torch.cat([torch.zeros(2, 1, dtype=torch.long), draw(2, 6)], 1)
    golden |= {"tokens": tokens, "attention_mask": mask, "decoder_tokens": target}
    given = {"input_ids": tokens, "attention_mask": mask, "decoder_input_ids": target}

    model.zero_grad()
    kept = {}
    def keep(name):
        def hook(_, args, out):
            x = out[0] if isinstance(out, tuple) else out
            x.retain_grad()
            kept[name] = x
        return hook
    hooks = [model.encoder.block[1].register_forward_hook(keep("encoder.1.hook_resid_post")),
             model.decoder.block[0].register_forward_hook(keep("decoder.0.hook_resid_post")),
             model.decoder.block[1].layer[1].EncDecAttention.register_forward_hook(keep("decoder.1.hook_cross_attn_out"))]
    logits = model(**given).logits
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, 64), target[:, 1:].reshape(-1))
    loss.backward()
    for h in hooks:
        h.remove()
    golden |= {"hf_logits": logits.detach(), "hf_loss": loss.detach()} | {"grad/" + n: x.grad for n, x in kept.items()}
    by_head = lambda w: w.reshape(HEADS, 5, 24).swapaxes(1, 2)
    golden["grad/decoder.1.cross_attn.W_K"] = by_head(model.decoder.block[1].layer[1].EncDecAttention.k.weight.grad)
    golden["grad/encoder.0.attn.rel_pos_bias.weight"] = model.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight.grad

    with torch.no_grad():
        long = {"input_ids": draw(1, 150), "decoder_input_ids": draw(1, 140)}
        golden |= {"long/tokens": long["input_ids"], "long/decoder_tokens": long["decoder_input_ids"], "long/hf_logits": model(**long).logits}
        how = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None}
        golden["generated"] = model.generate(input_ids=tokens, attention_mask=mask, **how)
        hooks = [model.encoder.block[1].layer[0].SelfAttention.o.register_forward_pre_hook(zero_head(1)),
                 model.decoder.block[0].layer[1].EncDecAttention.o.register_forward_pre_hook(zero_head(2))]
        golden |= {"edited_logits": model(**given).logits, "generated_edited": model.generate(input_ids=tokens, attention_mask=mask, **how)}
        for h in hooks:
            h.remove()
        (source, source_mask), (target, target_mask) = texts(tok, "source"), texts(tok, "target")
        logits = model(input_ids=source, attention_mask=source_mask, decoder_input_ids=target).logits[:, :-1]
        labels = target[:, 1:].masked_fill(target_mask[:, 1:] == 0, -100)
        golden |= {"text/source": source, "text/target": target, "text/target_mask": target_mask,
                   "text/loss": torch.nn.functional.cross_entropy(logits.reshape(-1, 64), labels.reshape(-1), ignore_index=-100)}


def buckets(golden):
    for n, most in ((32, 128), (8, 16), (32, 100), (64, 256), (12, 40)):
        for both in (True, False):
            golden[f"buckets/{n}_{most}_{'both' if both else 'causal'}"] = T5Attention._relative_position_bucket(torch.arange(-300, 301), both, n, most)[None]


def to_gguf(tok):
    pieces = json.loads(tok.to_str())["model"]["vocab"]
    pieces += [[f"[PAD{i}]", -1000.0] for i in range(len(pieces), 64)]
    kinds = {"<pad>": 3, "</s>": 3, "<unk>": 2}
    to_gguf_file.write("flan", [p for p, _ in pieces], [s for _, s in pieces], [5 if p.startswith("[PAD") else kinds.get(p, 1) for p, _ in pieces])


checkpoint()
tok = tokenizer()
golden, exact = {}, {}
model = AutoModelForSeq2SeqLM.from_pretrained(OUT, attn_implementation="eager", dtype=torch.float32).eval()
numbers(model, tok, golden)
numbers(model.double(), tok, exact)
differ = max((golden[k].double() - exact[k]).abs().max().item() for k in golden if golden[k].is_floating_point())
assert all(torch.equal(golden[k], exact[k]) for k in golden if not golden[k].is_floating_point())
buckets(golden)
save_file({k: v.detach().contiguous() if v.is_floating_point() else v.to(torch.int32).contiguous() for k, v in golden.items()}, OUT / "golden.safetensors")
about = {"description": "Flan-T5: gated, unembedding of its own, 3 layers that encode and 2 that decode; see ../make.py",
         "tolerance": {"f32_vs_f64_max_abs": differ, "suggested_atol": max(1e-5, 10 * differ), "suggested_rtol": 1e-4},
         "logits_max_abs": golden["hf_logits"].abs().max().item()}
(OUT / "golden.json").write_text(json.dumps(about, indent=1) + "\n")
(OUT / "texts.json").write_text(json.dumps(TEXTS) + "\n")
to_gguf(tok)
print(about, golden["generated"], golden["generated_edited"])
