"""Makes bpe.json.gz: random BPE models, texts, and the ids that Hugging Face gives them.

    python3 -m venv VENV && VENV/bin/pip install tokenizers==0.23.3
    VENV/bin/python make.py bpe.json.gz [SEED [COUNT]]

The vocabularies are small and full of holes: byte tokens for some bytes only, no unknown token,
prefixes and suffixes, merges of all of these. Half of them have added tokens, found in every way, and
a normaliser. Models that the library refuses are left out.
"""

import gzip
import json
import random
import sys

from tokenizers import Tokenizer

LETTERS = "abé日#"
TEXTS = ["", "a", "é", "日", "éa日", "ab#é日日a", "aéaéa", "日é日é"]


def model(rng):
    """Returns the model of a tokenizer.json."""
    prefix = rng.choice([None, None, None, "##", "é"])
    suffix = rng.choice([None, None, None, "</w>", "b"])
    symbols = [c for c in LETTERS if rng.random() < 0.5]
    symbols += [(prefix or "") + c for c in LETTERS if prefix and rng.random() < 0.5]
    symbols += [c + (suffix or "") for c in LETTERS if suffix and rng.random() < 0.5]
    used = sorted(set("".join([LETTERS, prefix or "", suffix or ""]).encode()))
    symbols += [f"<0x{b:02X}>" for b in used if rng.random() < rng.choice([0.5, 0.8, 1])]
    vocab = dict.fromkeys(["<unk>"] if rng.random() < 0.9 else []) | dict.fromkeys(symbols)
    merges = []
    for _ in range(rng.randint(0, 8)):
        tokens = [t for t in vocab if t != "<unk>"]
        if not tokens:
            break
        left, right = rng.choice(tokens), rng.choice(tokens)
        if prefix and not right.startswith(prefix):
            continue  # the library cuts off as many bytes of any token
        joined = left + right[len(prefix or ""):]
        vocab[joined] = None
        merges.append([left, right])
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": rng.choice([None, "<unk>", "<unk>"]),
        "continuing_subword_prefix": prefix,
        "end_of_word_suffix": suffix,
        "fuse_unk": rng.random() < 0.5,
        "byte_fallback": rng.random() < 0.8,
        "ignore_merges": rng.random() < 0.3,
        "vocab": {t: i for i, t in enumerate(vocab)},
        "merges": merges,
    }


def added(rng):
    """Returns added_tokens of a tokenizer.json."""
    contents = ["<t>", "<t>b", " ", "  ", "a ", " b", "B", "日", "t"]
    rng.shuffle(contents)
    flags = ["single_word", "lstrip", "rstrip", "normalized", "special"]
    return [{"id": 100 + i, "content": c} | {f: rng.random() < 0.4 for f in flags}
            for i, c in enumerate(contents[: rng.randint(1, 6)])]


def entries(rng):
    """Returns the entries of a tokenizer.json beside its model."""
    if rng.random() < 0.5:
        return {"added_tokens": []}
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": rng.choice(["▁", "_", "  "])}
    normalizer = rng.choice([None, {"type": "Lowercase"}, replace, {"type": "Prepend", "prepend": " "}])
    return {"added_tokens": added(rng), "normalizer": normalizer}


def main():
    path, seed, count = sys.argv[1], *(int(a) for a in [*sys.argv[2:], 14, 400][:2])
    rng = random.Random(seed)
    cases = []
    while len(cases) < count:
        m = model(rng)
        file = {"version": "1.0", **entries(rng), "model": m}
        try:
            tokenizer = Tokenizer.from_str(json.dumps(file))
        except BaseException:  # a panic of the library is no Exception
            continue
        parts = [*LETTERS, " ", " ", "   ", "<t>", "B"] if file["added_tokens"] else LETTERS
        texts = TEXTS + ["".join(rng.choice(parts) for _ in range(rng.randint(1, 60))) for _ in range(6)]
        ids = {}
        for text in texts:
            try:
                ids[text] = tokenizer.encode(text).ids
            except Exception:
                ids[text] = None  # no unknown token in the vocabulary
            except BaseException:  # a panic: an added token inside the blanks of another
                continue
        cases.append({"file": file, "texts": list(ids), "ids": list(ids.values())})
    with gzip.GzipFile(path, "wb", mtime=0) as f:
        f.write(json.dumps(cases, ensure_ascii=False).encode())


main()
