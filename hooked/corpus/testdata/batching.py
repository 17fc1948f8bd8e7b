"""Writes batching.json: rows that SAELens' concat_and_batch_sequences makes of random documents.

    build/golden/bin/python hooked/corpus/testdata/batching.py hooked/corpus/testdata/batching.json

Its second part is rows of texts by a real tokenizer, tokenize/testdata/trained/gpt-neox, as SAELens' store makes them:
prepend_bos=True, sequence_separator_token="bos".

It runs the function of the installed sae-lens (6.54.12) without the package around it, which would load its models.
"""

import gzip
import importlib.metadata
import importlib.util
import json
import pathlib
import random
import sys

import tokenizers
import torch

TOKENIZER = pathlib.Path(__file__).parents[3] / "tokenize/testdata/trained/gpt-neox/tokenizer.json.gz"
WORDS = ["the", " cat", "\n\n", " naïve", "日本", " 🙂", "123", " it's", "<|endoftext|>", "  ", ".", " Straße"]


def batching():
    root = pathlib.Path(importlib.util.find_spec("sae_lens").submodule_search_locations[0])
    spec = importlib.util.spec_from_file_location("batching", root / "tokenization_and_batching.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.concat_and_batch_sequences


def main(path):
    concat, rng, cases = batching(), random.Random(18), []
    for _ in range(400):
        vocabulary = rng.choice([3, 6, 50])  # small ones, so that documents hold special tokens too
        token = lambda: rng.choice([None, rng.randrange(vocabulary)])
        case = {
            "documents": [[rng.randrange(vocabulary) for _ in range(rng.choice([0, 1, 2, 3, 7, 20]))] for _ in range(rng.randrange(1, 9))],
            "length": rng.randrange(2, 12),
            "row": token(),
            "document": token(),
            "between": token(),
            "one_document": rng.random() < 0.2,
        }
        if case["one_document"]:
            case["between"] = None
            case[rng.choice(["row", "document"])] = None
        rows = concat(
            tokens_iterator=(torch.tensor(d, dtype=torch.long) for d in case["documents"]),
            context_size=case["length"],
            begin_batch_token_id=case["row"],
            begin_sequence_token_id=case["document"],
            sequence_separator_token_id=case["between"],
            disable_concat_sequences=case["one_document"],
        )
        case["rows"] = [row.tolist() for row in rows]
        cases.append(case)
    tokenizer = tokenizers.Tokenizer.from_str(gzip.decompress(TOKENIZER.read_bytes()).decode())
    texts = ["".join(rng.choices(WORDS, k=rng.choice([0, 1, 5, 40]))) for _ in range(40)]
    ids = [torch.tensor(tokenizer.encode(t, add_special_tokens=False).ids, dtype=torch.long) for t in texts]
    bos = tokenizer.token_to_id("<|endoftext|>")
    rows = concat(iter(ids), context_size=16, begin_batch_token_id=bos, begin_sequence_token_id=None, sequence_separator_token_id=bos)
    made = {"sae_lens": importlib.metadata.version("sae-lens"), "cases": cases, "texts": texts, "rows": [row.tolist() for row in rows]}
    pathlib.Path(path).write_text(json.dumps(made, separators=(",", ":")) + "\n")


main(sys.argv[1])
