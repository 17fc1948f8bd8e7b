"""Makes cases.json.gz: small tokenizers, files beside them, and what AutoTokenizer makes of both.

    python3 -m venv V5 && V5/bin/pip install transformers==5.24.0 tokenizers==0.23.3
    python3 -m venv V4 && V4/bin/pip install transformers==4.57.6 tokenizers==0.22.2
    V5/bin/python make.py 5 && V4/bin/python make.py 4 && python3 make.py join

A case is a folder: the files of one of the tokenizers below, with more beside it or changed. Each
version writes its answers to answers5.json and answers4.json; "join" puts them together and says
where they differ. An answer is what the folder's tokenizer gives for the texts: ids without and
with special tokens, and the text of these ids with and without special tokens; or that it fails.
"""

import copy
import gzip
import json
import logging
import os
import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

TEXTS = ["Hello<|im_start|>user", "Hello world", " Hello  world. ", "<s>Hello</s> World!", "[MASK]ed [CLS]éa HELLO", "do n't , stop",
         "a <tok> b <|im_start|>", "日本a", "", "<|im_end|>x<tok>", "<extra_id_3>hello <pad>[PAD]"]
PARTIAL = [[5, 6], [9, 301, 4], [0, 1, 2, 3], [299, 300, 301, 350, 12]]


def byte_symbols():
    """GPT-2's characters for the 256 bytes, in its order."""
    bs = [*range(33, 127), *range(161, 173), *range(174, 256)]
    cs = bs[:]
    for b in range(256):
        if b not in bs:
            bs.append(b)
            cs.append(256 + len(bs) - 189)
    return [chr(c) for c in cs]


def added(content, ident, **flags):
    token = {"id": ident, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
    return token | flags


def decoder_entry(content, **flags):
    token = added(content, 0, **flags)
    del token["id"]
    return token


def file(model, **entries):
    base = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
            "pre_tokenizer": None, "post_processor": None, "decoder": None}
    return base | entries | {"model": model}


def template(before, after, ids):
    single = [{"SpecialToken": {"id": t, "type_id": 0}} for t in before] + [{"Sequence": {"id": "A", "type_id": 0}}]
    single += [{"SpecialToken": {"id": t, "type_id": 0}} for t in after]
    pair = single + [{"Sequence": {"id": "B", "type_id": 1}}]
    return {"type": "TemplateProcessing", "single": single, "pair": pair,
            "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in {*before, *after}}}


def bpe(tokens, merges, **settings):
    base = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": False, "byte_fallback": False, "ignore_merges": False}
    vocab = {t: i for i, t in enumerate(tokens)}
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    while len(vocab) < 300:
        vocab[f"filler{len(vocab)}"] = len(vocab)
    return base | settings | {"vocab": vocab, "merges": [list(m) for m in merges]}


MERGES = [("H", "e"), ("l", "l"), ("He", "ll"), ("Hell", "o"), ("Ġ", "w"), ("o", "r"), ("h", "e"), ("Ġw", "or"), ("e", "l")]
METAMERGES = [("H", "e"), ("l", "l"), ("He", "ll"), ("Hell", "o"), ("▁", "Hello"), ("▁", "w"), ("o", "r"), ("▁w", "or"), ("▁", "a")]
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,!'▁[]<>|/_"


def tokenizers():
    """The tokenizers as their tokenizer.json, by name."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    vocab = ["<|endoftext|>", *byte_symbols()]
    level = file(bpe(vocab, MERGES), pre_tokenizer=byte_level, decoder=byte_level,
                 added_tokens=[added("<|endoftext|>", 0)])
    special = ["<unk>", "<s>", "</s>"]
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    meta = file(
        bpe([*special, *bytes_, *LETTERS], METAMERGES, unk_token="<unk>", fuse_unk=True, byte_fallback=True),
        added_tokens=[added(t, i) for i, t in enumerate(special)],
        pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False},
        post_processor=template(["<s>"], [], {"<s>": 1}),
        decoder={"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})
    llama = copy.deepcopy(meta)
    llama["pre_tokenizer"] = None
    llama["normalizer"] = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
    roles = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    gemma = file(
        bpe([*roles, *bytes_, *LETTERS], METAMERGES, unk_token="<unk>", fuse_unk=True, byte_fallback=True),
        added_tokens=[added(t, i) for i, t in enumerate(roles)],
        normalizer={"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        pre_tokenizer={"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
        post_processor=template(["<bos>"], [], {"<bos>": 2}),
        decoder={"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]})
    pieces = ["<pad>", "</s>", "<unk>", *LETTERS, "▁Hello", "Hello", "▁w", "or", "▁a"]
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    unigram = file({"type": "Unigram", "unk_id": 2, "byte_fallback": False,
                    "vocab": [[p, 0.0 if i < 3 else -2.0 - i / 64] for i, p in enumerate(pieces)]},
                   added_tokens=[added(t, i) for i, t in enumerate(pieces[:3])],
                   pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, space]},
                   post_processor=template([], ["</s>"], {"</s>": 1}), decoder=space)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "Hello", "world", "World", "e", "a", "##a", "##ed", "é", "##é",
             "日", "本", "##日", "##本", "stop", ".", ",", "!", "'", "n", "##n", "t", "##t", "do", "HELLO", "<", ">", "|", "[", "]"]
    words += [c for c in LETTERS if c not in words] + ["##" + c for c in LETTERS if "##" + c not in words]
    word_piece = file({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                       "vocab": {w: i for i, w in enumerate(words)}},
                      added_tokens=[added(t, i) for i, t in enumerate(words[:5])],
                      normalizer={"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                                  "lowercase": True},
                      pre_tokenizer={"type": "BertPreTokenizer"},
                      post_processor=template(["[CLS]"], ["[SEP]"], {"[CLS]": 2, "[SEP]": 3}),
                      decoder={"type": "WordPiece", "prefix": "##", "cleanup": True})
    cased = copy.deepcopy(word_piece)
    cased["normalizer"]["lowercase"] = False
    return {"bytes": level, "meta": meta, "llama": llama, "gemma": gemma, "unigram": unigram, "wordpiece": word_piece, "cased": cased}


CLASSES = {
    "bytes": ["GPT2Tokenizer", "GPT2TokenizerFast", "GPTNeoXTokenizerFast", "Qwen2Tokenizer", "CodeGenTokenizer", "LlamaTokenizerFast",
              "RobertaTokenizer", "BloomTokenizerFast", "CohereTokenizerFast"],
    "meta": ["LlamaTokenizer", "LlamaTokenizerFast", "CodeLlamaTokenizer"],
    "llama": ["LlamaTokenizer", "LlamaTokenizerFast"],
    "gemma": ["GemmaTokenizer", "GemmaTokenizerFast"],
    "unigram": ["T5Tokenizer", "T5TokenizerFast"],
    "wordpiece": ["BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "ElectraTokenizer"],
    "cased": ["BertTokenizer", "DistilBertTokenizerFast"],
}
NAMES = {"bytes": {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"},
         "meta": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
         "llama": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
         "gemma": {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"},
         "unigram": {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"},
         "wordpiece": {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"},
         "cased": {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"}}

GENERIC = "PreTrainedTokenizerFast"


def config(tokenizer, **fields):
    return {"tokenizer_class": GENERIC} | NAMES[tokenizer] | fields


def flags():
    """Every way in which an added token can be found in text."""
    return [{"normalized": n, "special": s, **more} for n in (False, True) for s in (False, True)
            for more in ({}, {"lstrip": True}, {"rstrip": True}, {"single_word": True})]


def beside(name, size):
    """The files beside a tokenizer, by case; size is that of the model's vocabulary."""
    start = {"<|im_start|>": size}
    both = {"<|im_start|>": size, "<|im_end|>": size + 1}
    base = config(name)
    cases = {
        "alone": {},
        "config": {"tokenizer_config.json": base},
        "empty config": {"tokenizer_config.json": {}},
        "added": {"added_tokens.json": start},
        "added and config": {"added_tokens.json": start, "tokenizer_config.json": base},
        "added both": {"added_tokens.json": dict(reversed(both.items())), "tokenizer_config.json": base},
        "added with a gap": {"added_tokens.json": {"<|im_start|>": size + 7}, "tokenizer_config.json": base},
        "added over the vocabulary": {"added_tokens.json": {"Hello": 3, "<|im_start|>": size}, "tokenizer_config.json": base},
        "added and decoder": {"added_tokens.json": start, "tokenizer_config.json": base | {
            "added_tokens_decoder": {str(size): decoder_entry("<tok>")}}},
        "added, special by config": {"added_tokens.json": both, "tokenizer_config.json": base | {"mask_token": "<|im_start|>"}},
        "added, special by map": {"added_tokens.json": both, "tokenizer_config.json": base,
                                  "special_tokens_map.json": {"additional_special_tokens": ["<|im_start|>"]}},
        "map": {"special_tokens_map.json": NAMES[name]},
        "map against config": {"tokenizer_config.json": base | {"eos_token": "<tok>"},
                               "special_tokens_map.json": {"eos_token": "<|im_end|>"}},
        "map and decoder": {"tokenizer_config.json": base | {"added_tokens_decoder": {str(size): decoder_entry("<tok>")}},
                            "special_tokens_map.json": {"eos_token": "<|im_end|>"}},
        "map of objects": {"tokenizer_config.json": base, "special_tokens_map.json": {
            "mask_token": {"content": "<tok>", "lstrip": True, "rstrip": False, "normalized": True, "single_word": False}}},
        "decoder with a gap": {"tokenizer_config.json": base | {"added_tokens_decoder": {
            str(size + 5): decoder_entry("<tok>"), str(size + 2): decoder_entry("<|im_start|>")}}},
        "decoder over the vocabulary": {"tokenizer_config.json": base | {"added_tokens_decoder": {
            "3": decoder_entry("Hello", special=False), str(size): decoder_entry("<|im_start|>")}}},
        "additional": {"tokenizer_config.json": base | {"additional_special_tokens": ["<|im_start|>", "<tok>"]}},
        "additional objects": {"tokenizer_config.json": base | {"additional_special_tokens": [
            {"__type": "AddedToken"} | decoder_entry("<|im_start|>", lstrip=True), "<tok>"]}},
        "extra": {"tokenizer_config.json": base | {"extra_special_tokens": ["<|im_start|>", "<tok>"]}},
        "extra names": {"tokenizer_config.json": base | {"extra_special_tokens": {"image_token": "<tok>"}}},
        "own name": {"tokenizer_config.json": base | {"image_token": "<tok>"}},
        "nowhere": {"tokenizer_config.json": base | {"pad_token": "<tok>", "mask_token": "<|im_start|>"}},
        "splits special": {"tokenizer_config.json": base | {"split_special_tokens": True, "additional_special_tokens": ["<tok>"]}},
        "cleans": {"tokenizer_config.json": base | {"clean_up_tokenization_spaces": True}},
        "cleans not": {"tokenizer_config.json": base | {"clean_up_tokenization_spaces": False}},
        "cleans in spite": {"tokenizer_config.json": base | {
            "clean_up_tokenization_spaces": True, "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": True}},
        "eos in template": {"tokenizer_config.json": base | {"add_eos_token": True, "add_bos_token": True}},
        "no bos in template": {"tokenizer_config.json": base | {"add_bos_token": False}},
        "truncation": {"truncation": True},
        "model_max_length": {"tokenizer_config.json": base | {"model_max_length": 2, "padding_side": "left", "truncation_side": "left"}},
        "lower generic": {"tokenizer_config.json": base | {"do_lower_case": True}},
        "spaces": {"tokenizer_config.json": base | {"spaces_between_special_tokens": True}},
        "prefix space generic": {"tokenizer_config.json": base | {"add_prefix_space": True}},
        "no prefix space generic": {"tokenizer_config.json": base | {"add_prefix_space": False}},
        "legacy generic": {"tokenizer_config.json": base | {"legacy": True}},
        "not legacy generic": {"tokenizer_config.json": base | {"legacy": False}},
        "names of objects": {"tokenizer_config.json": base | {
            "mask_token": {"__type": "AddedToken"} | decoder_entry("<tok>", lstrip=True, special=False)}},
        "named and in the file": {"tokenizer_config.json": base | {"mask_token": "<tok>"}, "file": [added("<tok>", size, special=False)]},
        "file with a gap": {"tokenizer_config.json": base, "file": [added("<tok>", size + 9), added("<|im_start|>", size + 4)]},
        "file out of order": {"tokenizer_config.json": base, "file": [added("<tok>", size + 1), added("<|im_start|>", size)]},
        "file over the vocabulary": {"tokenizer_config.json": base, "file": [added("Hello", 1, special=False), added("<tok>", 2)]},
        "map of extra": {"tokenizer_config.json": base | {"extra_special_tokens": ["<tok>"]},
                         "special_tokens_map.json": {"extra_special_tokens": ["<|im_start|>", {"content": "<|im_end|>", "rstrip": True}]}},
        "map of extra names": {"tokenizer_config.json": base, "special_tokens_map.json": {"extra_special_tokens": {"image_token": "<tok>"}}},
        "map of additional": {"tokenizer_config.json": base | {"additional_special_tokens": ["<tok>"]},
                              "special_tokens_map.json": {"additional_special_tokens": ["<|im_start|>"], "video_token": "<|im_end|>"}},
        "all three": {"tokenizer_config.json": base | {"additional_special_tokens": ["<|im_end|>"]},
                      "special_tokens_map.json": {"mask_token": "<|im_start|>"}, "added_tokens.json": {"<tok>": size + 2, "<|im_start|>": size + 1}},
        "null names": {"tokenizer_config.json": base | {"eos_token": None, "mask_token": None, "additional_special_tokens": None}},
        "from_slow": {"tokenizer_config.json": base | {"from_slow": True}},
    }
    for i, f in enumerate(flags()):
        cases[f"flags {i}"] = {"tokenizer_config.json": base | {"added_tokens_decoder": {str(size): decoder_entry("<tok>", **f)}}}
    for i, f in enumerate(flags()):
        cases[f"file flags {i}"] = {"tokenizer_config.json": base, "file": [added("<tok>", size, **f)]}
    again = {"file": [added("<tok>", size)]}
    for i, f in enumerate(flags()):
        cases[f"flags again {i}"] = again | {"tokenizer_config.json": base | {
            "added_tokens_decoder": {str(size): decoder_entry("<tok>", **f)}}}
        cases[f"other flags again {i}"] = {"file": [added("<tok>", size, special=False, normalized=True, lstrip=True)]} | {
            "tokenizer_config.json": base | {"added_tokens_decoder": {str(size): decoder_entry("<tok>", **f)}}}
    for c in CLASSES[name]:
        classed = base | {"tokenizer_class": c}
        cases |= {
            f"{c}": {"tokenizer_config.json": classed},
            f"{c} bare": {"tokenizer_config.json": {"tokenizer_class": c}},
            f"{c} added": {"tokenizer_config.json": classed, "added_tokens.json": start},
            f"{c} prefix space": {"tokenizer_config.json": classed | {"add_prefix_space": True}},
            f"{c} no prefix space": {"tokenizer_config.json": classed | {"add_prefix_space": False}},
            f"{c} bos": {"tokenizer_config.json": classed | {"add_bos_token": True}},
            f"{c} no bos": {"tokenizer_config.json": classed | {"add_bos_token": False}},
            f"{c} eos": {"tokenizer_config.json": classed | {"add_eos_token": True}},
            f"{c} lower": {"tokenizer_config.json": classed | {"do_lower_case": True}},
            f"{c} not lower": {"tokenizer_config.json": classed | {"do_lower_case": False}},
            f"{c} accents": {"tokenizer_config.json": classed | {"strip_accents": True}},
            f"{c} no accents": {"tokenizer_config.json": classed | {"strip_accents": False}},
            f"{c} not chinese": {"tokenizer_config.json": classed | {"tokenize_chinese_chars": False}},
            f"{c} basic": {"tokenizer_config.json": classed | {"do_basic_tokenize": False, "never_split": ["Hello"]}},
            f"{c} legacy": {"tokenizer_config.json": classed | {"legacy": True}},
            f"{c} not legacy": {"tokenizer_config.json": classed | {"legacy": False}},
            f"{c} sp": {"tokenizer_config.json": classed | {"sp_model_kwargs": {"enable_sampling": False}, "keep_accents": True,
                                                             "remove_space": False, "extra_ids": 0}},
            f"{c} unk": {"tokenizer_config.json": classed | {"unk_token": "a"}},
        }
    return cases


TYPES = {"bytes": "gpt2", "meta": "llama", "llama": "llama", "gemma": "gemma2", "unigram": "t5", "wordpiece": "bert", "cased": "bert"}


def folders():
    """Yields (name, files) of each case."""
    for name, tokenizer in tokenizers().items():
        vocab = tokenizer["model"]["vocab"]
        for case, files in beside(name, len(vocab)).items():
            changed = copy.deepcopy(tokenizer)
            files = dict(files)
            changed["added_tokens"] += files.pop("file", [])
            if files.pop("truncation", False):
                changed["truncation"] = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
                changed["padding"] = {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
                                      "pad_type_id": 0, "pad_token": "x"}
            yield f"{name}: {case}", {"tokenizer.json": changed} | files
        typed = {"config.json": {"model_type": TYPES[name]}}
        if name == "bytes":
            for flag in (None, True, False):
                for c in (GENERIC, "GPT2Tokenizer"):
                    spaced = copy.deepcopy(tokenizer)
                    spaced["pre_tokenizer"]["add_prefix_space"] = True
                    fields = config(name, tokenizer_class=c) | ({} if flag is None else {"add_prefix_space": flag})
                    yield f"{name}: spaced {c} {flag}", {"tokenizer.json": spaced, "tokenizer_config.json": fields}
        yield f"{name}: model type", {"tokenizer.json": tokenizer} | typed
        yield f"{name}: model type and config", {"tokenizer.json": tokenizer, "tokenizer_config.json": NAMES[name]} | typed
        yield f"{name}: model type and generic", {"tokenizer.json": tokenizer, "tokenizer_config.json": config(name)} | typed


def answer(folder):
    from transformers import AutoTokenizer

    try:
        tok = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        out = {"ids": [], "special": [], "decoded": [], "skipped": []}
        for text in TEXTS:
            out["ids"].append(tok(text, add_special_tokens=False)["input_ids"])
            out["special"].append(tok(text)["input_ids"])
        for ids in out["special"] + PARTIAL:
            out["decoded"].append(tok.decode(ids))
            out["skipped"].append(tok.decode(ids, skip_special_tokens=True))
        out["names"] = [tok.bos_token_id, tok.eos_token_id, tok.pad_token_id, tok.unk_token_id]
        out["class"] = type(tok).__name__
        return out
    except Exception as e:
        return {"error": f"{type(e).__name__}: {str(e)[:200]}"}


def main():
    if sys.argv[1] == "join":
        join()
        return
    logging.disable(logging.CRITICAL)
    os.environ["HF_HUB_OFFLINE"] = "1"
    answers = {}
    for name, files in folders():
        folder = tempfile.mkdtemp(prefix="folder")
        for path, value in files.items():
            (pathlib.Path(folder) / path).write_text(json.dumps(value))
        answers[name] = answer(folder)
        shutil.rmtree(folder)
    (HERE / f"answers{sys.argv[1]}.json").write_text(json.dumps(answers))


def join():
    five, four = (json.loads((HERE / f"answers{v}.json").read_text()) for v in "54")
    tokenizer = {n: t for n, t in tokenizers().items()}
    cases = []
    for name, files in folders():
        base = tokenizer[name.split(":")[0]]
        files = dict(files)
        changed = {k: v for k, v in files.pop("tokenizer.json").items() if v != base[k]}
        case = {"name": name, "tokenizer": name.split(":")[0], "changed": changed, "files": files, "want": five[name]}
        if four[name] != five[name]:
            case["four"] = four[name]
        cases.append(case)
    out = {"texts": TEXTS, "partial": PARTIAL, "tokenizers": tokenizer, "cases": cases}
    with gzip.GzipFile(HERE / "cases.json.gz", "wb", mtime=0) as f:
        f.write(json.dumps(out, ensure_ascii=False).encode())


main()
