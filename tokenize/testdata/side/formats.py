"""Makes formats.json.gz: files beside vocab.json and tokenizer.model, and what AutoTokenizer makes of them.

    python3 -m venv V5 && V5/bin/pip install transformers==5.24.0 tokenizers==0.23.3 sentencepiece==0.2.3 protobuf
    V5/bin/python formats.py

The tokenizers are the fixtures ../gpt2 (without its tokenizer.json), ../trained/sp-bpe and
../trained/sp-unigram. (make.py does the same for tokenizer.json.)
"""

import gzip
import json
import logging
import os
import pathlib
import shutil
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TEXTS = ["Hello<|im_start|>user", "<s>Hello</s> world<|endoftext|>", " a <tok> b", "Hello world!", "<extra_id_3> x"]
FORMATS = {
    "trained/sp-bpe": (["tokenizer.model"], 1200, ["LlamaTokenizer"]),
    "trained/sp-unigram": (["tokenizer.model"], 1200, ["T5Tokenizer"]),
    "gpt2": (["vocab.json", "merges.txt"], 50257, ["GPT2Tokenizer", "Qwen2Tokenizer"]),
}


def token(content, **flags):
    return {"content": content, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True} | flags


def beside(name, base, n):
    """Yields the files of each case."""
    yield base, {}
    yield base, {"added_tokens.json": {"<|im_start|>": n}}
    yield base | {"added_tokens_decoder": {str(n): token("<|im_start|>"), str(n + 1): token("<tok>", lstrip=True)}}, {}
    yield base | {"added_tokens_decoder": {str(n): token("<|im_start|>", normalized=True, special=False)}}, {}
    yield base, {"special_tokens_map.json": {"pad_token": "<tok>"}}
    yield base, {"special_tokens_map.json": {"mask_token": "<tok>"}, "added_tokens.json": {"<|im_start|>": n + 1, "<tok>": n}}
    for key in ("add_eos_token", "legacy", "add_bos_token", "add_prefix_space"):
        for value in (True, False):
            if (name, key, value) not in {("Qwen2Tokenizer", "add_bos_token", True), ("Qwen2Tokenizer", "add_prefix_space", True)}:
                yield base | {key: value}, {}
    if name != "T5Tokenizer":
        yield base | {"additional_special_tokens": ["<tok>"]}, {}


def answer(folder):
    from transformers import AutoTokenizer

    tok = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return {"ids": [tok(t, add_special_tokens=False)["input_ids"] for t in TEXTS], "special": [tok(t)["input_ids"] for t in TEXTS]}


def main():
    logging.disable(logging.CRITICAL)
    os.environ["HF_HUB_OFFLINE"] = "1"
    cases = []
    for fixture, (names, n, classes) in FORMATS.items():
        for c in classes:
            for config, files in beside(c, {"tokenizer_class": c}, n):
                files = {"tokenizer_config.json": config} | files
                folder = pathlib.Path(tempfile.mkdtemp(prefix="folder"))
                for name in names:
                    (folder / name).write_bytes(gzip.open(HERE.parent / fixture / f"{name}.gz").read())
                for name, value in files.items():
                    (folder / name).write_text(json.dumps(value))
                cases.append({"fixture": fixture, "files": files, "want": answer(folder)})
                shutil.rmtree(folder)
    with gzip.GzipFile(HERE / "formats.json.gz", "wb", mtime=0) as f:
        f.write(json.dumps({"texts": TEXTS, "cases": cases}, ensure_ascii=False).encode())


main()
