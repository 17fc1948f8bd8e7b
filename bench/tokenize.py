"""The peer's side of package tokenize: Hugging Face's tokenizers library.

    python3 -m venv VENV && VENV/bin/pip install tokenizers==0.23.3 sentencepiece==0.2.0
    VENV/bin/python bench/tokenize.py compare WORK    # equal ids on 20 MB, or where they differ
    VENV/bin/python bench/tokenize.py speed WORK      # both sides, one core, one run
    VENV/bin/python bench/tokenize.py fixtures WORK   # rewrites tokenize/testdata/trained
    VENV/bin/python bench/tokenize.py classes WORK    # rewrites tokenize/unicode_tables.go

WORK is a folder for the corpus, the trained tokenizers and the results; what is
there is used again. The corpus is made of what the machine has: Go's and Python's
own sources and documentation, message catalogues in many languages, and, where
apt-get can fetch them, manual pages in Chinese, Japanese and Russian and
Unicode's test files.
"""

import array
import collections
import gettext
import gzip
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import sysconfig
import time

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("RAYON_NUM_THREADS", "1")

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTDATA = ROOT / "tokenize" / "testdata"
PACKAGES = ["unicode-data", "manpages-zh", "manpages-ja", "manpages-ru", "fortunes-ru"]
MEGABYTE = 1_000_000
SEED = 8
VOCABULARY = 6000  # of the trained tokenizers
SMALL = 1200       # of those among the tests' fixtures

# --- corpus ---------------------------------------------------------------


def texts_below(folder, suffixes):
    """Yields the UTF-8 text of files below folder, in a fixed random order."""
    paths = sorted(p for p in pathlib.Path(folder).rglob("*") if p.suffix in suffixes and p.is_file())
    random.Random(SEED).shuffle(paths)
    for path in paths:
        opener = gzip.open if path.suffix == ".gz" else open
        try:
            with opener(path, "rb") as f:
                yield f.read().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue


def messages():
    """Yields the translations of message catalogues, a text for each catalogue."""
    paths = sorted(pathlib.Path("/usr/share/locale").glob("*/LC_MESSAGES/*.mo"))
    random.Random(SEED).shuffle(paths)
    for path in paths:
        try:
            with open(path, "rb") as f:
                catalogue = gettext.GNUTranslations(f)._catalog
        except (OSError, UnicodeDecodeError, ValueError, struct.error):
            continue
        yield "\n".join(str(text) for text in catalogue.values())


def packages(work):
    """Fetches and unpacks Debian packages; what cannot be fetched is left out."""
    folder = work / "debian"
    if not folder.exists():
        folder.mkdir(parents=True)
        for name in PACKAGES:
            subprocess.run(["apt-get", "download", name], cwd=folder, capture_output=True, check=False)
        for deb in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", deb.name, "root"], cwd=folder, check=True)
    yield from texts_below(folder, {".gz", ".txt", ".u8", ""})


PARTS = ["a", "b", "Word", "don't", "I'LL", "we'Ve", "'ſ", "x'", "12345", "½", "٣", "१२", "Ⅷ", " ", "  ", "   ", "\t",
         "\n", "\r\n", "\n\n", "\u00a0", "\u3000", "\u200b", "\u200d", "\ufeff", "\u2028", "\x85", "\x00", "\x1c", "▁",
         "▁▁", "é", "e\u0301", "Å", "ﬁ", "ß", "İ", "ı", "Σ", "日本", "한국어", "ไทย", "हिन्दी", "العربية", "😀",
         "👨‍👩‍👧", "🇩🇪", "a\u0300\u0301\u0302", "…", "—", "$", "_", "##", "<s>", "</s>", "<|endoftext|>",
         "<|im_start|>", "[MASK]", "<0x41>", "<unk>", "[UNK]", "\ufffd", "\U000e0001", "\U0010ffff", "@@", "don\u2019t"]


def tricky(n):
    """Yields n lines that look for trouble: odd spaces, marks, special tokens,
    digits of many scripts, and code points from anywhere."""
    rng = random.Random(SEED)
    planes = [(0x20, 0x7E), (0xA0, 0x24F), (0x250, 0x1FFF), (0x2000, 0x2BFF), (0x3000, 0xD7FF), (0xE000, 0xFFFF),
              (0x10000, 0x1FFFF), (0x20000, 0x10FFFF)]
    for _ in range(n):
        line = []
        for _ in range(rng.randint(1, 30)):
            if rng.random() < 0.75:
                line.append(rng.choice(PARTS))
            else:
                line.append(chr(rng.randint(*rng.choice(planes))))
        yield "".join(line).encode("utf-8", "ignore").decode("utf-8", "ignore")


def take(texts, size):
    """Cuts texts into documents of odd lengths until they fill size bytes."""
    rng = random.Random(SEED)
    for text in texts:
        at = 0
        while at < len(text):
            n = rng.choice([80, 500, 4000, 20000])
            document = text[at:at + n]
            at += n
            size -= len(document.encode("utf-8"))
            yield document
            if size < 0:
                return


def corpus(work):
    """Returns the documents, made on the first call."""
    path = work / "corpus.json"
    if not path.exists():
        goroot = subprocess.check_output(["go", "env", "GOROOT"], text=True).strip()
        python = sysconfig.get_paths()["stdlib"]
        documents = [
            *take(texts_below(goroot, {".go", ".md", ".html", ".txt"}), 6 * MEGABYTE),
            *take(texts_below(python, {".py", ".txt", ".rst"}), 5 * MEGABYTE),
            *take(messages(), 7 * MEGABYTE),
            *take(packages(work), 5 * MEGABYTE),
            *tricky(20000),
        ]
        path.write_text(json.dumps(documents))
    documents = json.loads(path.read_text())
    size = sum(len(d.encode("utf-8")) for d in documents)
    print(f"corpus: {len(documents)} documents, {size / MEGABYTE:.1f} MB", flush=True)
    return documents


# --- tokenizers -----------------------------------------------------------

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
# o200k's has no scanner in Go: it takes the way through regexp2.
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CLIP = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
BYTES = [f"<0x{b:02X}>" for b in range(256)]


def byte_level(split, normalizer=None, added=(), **settings):
    """A byte-level BPE; split is a pattern, or a list of pre-tokenizers."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    def make(sample, size):
        t = Tokenizer(models.BPE(**settings))
        if normalizer:
            t.normalizer = getattr(normalizers, normalizer)()
        level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split is None or isinstance(split, list))
        before = split or []
        if isinstance(split, str):
            before = [pre_tokenizers.Split(Regex(split), "isolated")]
        t.pre_tokenizer = pre_tokenizers.Sequence([*before, level]) if before else level
        t.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        t.train_from_iterator(sample, trainers.BpeTrainer(
            vocab_size=size, initial_alphabet=alphabet, special_tokens=["<|endoftext|>"], show_progress=False))
        t.add_tokens(list(added))
        return t

    return make


def metaspace_bpe(finish):
    """A sentencepiece-like BPE with byte fallback; finish sets how text reaches it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    def make(sample, size):
        t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
        t.pre_tokenizer = pre_tokenizers.Metaspace()
        t.train_from_iterator(sample, trainers.BpeTrainer(
            vocab_size=size, limit_alphabet=size // 15, special_tokens=["<unk>", "<s>", "</s>", *BYTES], show_progress=False))
        # Only the first three are found in text; byte tokens are not.
        j = json.loads(t.to_str())
        j["added_tokens"] = j["added_tokens"][:3]
        t = Tokenizer.from_str(json.dumps(j))
        finish(t)
        return t

    return make


def finish_llama2(t):
    from tokenizers import decoders, normalizers, processors
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.pre_tokenizer = None
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])


def finish_phi3(t):
    from tokenizers import AddedToken
    finish_llama2(t)
    t.add_tokens([AddedToken("<|user|>", rstrip=True, normalized=False, special=True),
                  AddedToken("<|end|>", rstrip=True, lstrip=True, normalized=False, special=True),
                  AddedToken("Word", single_word=True, normalized=False),
                  AddedToken("don", normalized=True)])


def finish_mistral(t):
    from tokenizers import decoders, pre_tokenizers
    t.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)])


def finish_gemma(t):
    from tokenizers import AddedToken, decoders, normalizers, pre_tokenizers
    t.normalizer = normalizers.Replace(" ", "▁")
    t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    t.add_tokens([AddedToken("\n" * n, normalized=False) for n in range(2, 8)])
    t.add_tokens([AddedToken("▁" * n, normalized=False) for n in range(2, 8)])


def unigram(normalizer, pre, byte_fallback=False):
    from tokenizers import Tokenizer, decoders, models, trainers

    def make(sample, size):
        t = Tokenizer(models.Unigram())
        t.normalizer, t.pre_tokenizer = normalizer(), pre()
        t.decoder = decoders.Metaspace()
        special = ["<unk>", "<s>", "</s>", *(BYTES if byte_fallback else [])]
        # The trainer wants room for every character: leave the rare ones out.
        common = {c for c, _ in collections.Counter("".join(sample)).most_common(size // 8)}
        t.train_from_iterator(("".join(filter(common.__contains__, d)) for d in sample), trainers.UnigramTrainer(
            vocab_size=size, special_tokens=special, unk_token="<unk>", show_progress=False, shrinking_factor=0.6))
        if byte_fallback:
            j = json.loads(t.to_str())
            j["model"]["byte_fallback"] = True
            j["added_tokens"] = j["added_tokens"][:3]
            t = Tokenizer.from_str(json.dumps(j))
        return t

    return make


def word_piece(lowercase):
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    def make(sample, size):
        t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        t.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
        t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        t.decoder = decoders.WordPiece()
        t.train_from_iterator(sample, trainers.WordPieceTrainer(
            vocab_size=size, limit_alphabet=size // 10, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
            show_progress=False))
        t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        return t

    return make


def clip(sample, size):
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    t = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "),
                                         normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(CLIP), "removed", invert=True),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.BPEDecoder("</w>")
    t.train_from_iterator(sample, trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), end_of_word_suffix="</w>",
        special_tokens=["<unk>"], show_progress=False))
    return t


def word_level(pre, normalizer=None):
    from tokenizers import Tokenizer, models, trainers

    def make(sample, size):
        t = Tokenizer(models.WordLevel(unk_token="<unk>"))
        t.pre_tokenizer = pre()
        if normalizer:
            t.normalizer = normalizer()
        t.train_from_iterator(sample, trainers.WordLevelTrainer(
            vocab_size=size, special_tokens=["<unk>"], show_progress=False))
        return t

    return make


def charsmap(work):
    """sentencepiece's own normalisation table, nmt_nfkc, out of a toy model."""
    import sentencepiece
    prefix = work / "toy"
    if not prefix.with_suffix(".model").exists():
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a b c"] * 100), model_prefix=str(prefix), vocab_size=7,
            normalization_rule_name="nmt_nfkc", minloglevel=2)
    return spec_field(prefix.with_suffix(".model").read_bytes(), 3, 2)


def spec_field(proto, message, field):
    """Returns a bytes field of a message field of a protobuf."""
    for number, value in fields(proto):
        if number == message and isinstance(value, bytes):
            for inner, content in fields(value):
                if inner == field:
                    return content
    raise ValueError("no such field")


def fields(proto):
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            b = proto[at]
            at += 1
            value |= (b & 0x7F) << shift
            shift += 7
            if b < 0x80:
                return value

    while at < len(proto):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
        elif kind == 2:
            n = varint()
            yield key >> 3, proto[at:at + n]
            at += n
        else:
            size = 8 if kind == 1 else 4
            yield key >> 3, proto[at:at + size]
            at += size


def recipes(work):
    """The tokenizers to train, one or more for each algorithm and component."""
    from tokenizers import AddedToken, Regex, normalizers as N, pre_tokenizers as P
    metaspace = lambda: P.Metaspace("▁", prepend_scheme="always")  # noqa: E731
    blanks = [AddedToken(" " * n, normalized=True) for n in range(24, 1, -1)]
    return {
        "gpt-neox": byte_level(None, "NFC", blanks),
        "llama3": byte_level(LLAMA3, ignore_merges=True),
        "qwen2": byte_level(QWEN2, "NFC"),
        "o200k": byte_level(O200K),
        "starcoder": byte_level([P.Digits(individual_digits=True)]),
        "digits-contiguous": byte_level([P.Digits(individual_digits=False), P.Punctuation("contiguous")]),
        "llama2": metaspace_bpe(finish_llama2),
        "phi3": metaspace_bpe(finish_phi3),
        "mistral": metaspace_bpe(finish_mistral),
        "gemma": metaspace_bpe(finish_gemma),
        "t5": unigram(lambda: N.Precompiled(charsmap(work)),
                      lambda: P.Sequence([P.WhitespaceSplit(), metaspace()])),
        "unigram-bytes": unigram(lambda: N.Sequence([N.Nmt(), N.NFKC(), N.Replace(Regex(" {2,}"), " ")]), metaspace, True),
        "bert-uncased": word_piece(True),
        "bert-cased": word_piece(False),
        "clip": clip,
        "words": word_level(P.Whitespace, lambda: N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase()])),
        "words-nfkd": word_level(lambda: P.Sequence([P.CharDelimiterSplit("-"), P.WhitespaceSplit(), P.Punctuation("merged_with_next")]),
                                 lambda: N.Sequence([N.Strip(), N.NFKD()])),
    }


def trained(work, only=()):
    """Returns name -> path of tokenizer.json, training what is not there yet."""
    folder = work / "trained"
    folder.mkdir(parents=True, exist_ok=True)
    paths, sample = {}, None
    for name, make in recipes(work).items():
        if only and name not in only:
            continue
        path = folder / name / "tokenizer.json"
        if not path.exists():
            if sample is None:
                documents = corpus(work)
                sample = random.Random(SEED).sample(documents, len(documents) // 12)
            print("training", name, flush=True)
            path.parent.mkdir(exist_ok=True)
            make(sample, VOCABULARY).save(str(path))
        paths[name] = path
    return paths


def real(work):
    """The real models' tokenizers, from the tests' fixtures."""
    paths = {}
    for name in ["gpt2", "smollm2", "smollm2_digits"]:
        path = work / "real" / name / "tokenizer.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.decompress((TESTDATA / name / "tokenizer.json.gz").read_bytes()))
        paths[name] = path
    return paths


def lines_of(documents, n):
    return [line for d in random.Random(SEED).sample(documents, n)
            for line in d.replace("\0", "").splitlines() if len(line) < 2000]


SENTENCEPIECES = {
    "sp-bpe": dict(model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
                   remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, split_digits=True),
    "sp-unigram": dict(model_type="unigram", normalization_rule_name="nmt_nfkc", pad_id=3),
    "sp-gemma": dict(model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
                     add_dummy_prefix=False, remove_extra_whitespaces=False, allow_whitespace_only_pieces=True),
}


def train_sentencepiece(name, path, lines, size):
    """Trains a tokenizer.model with sentencepiece itself."""
    import sentencepiece
    path.parent.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(path.with_suffix("")), vocab_size=size,
        character_coverage=0.99, minloglevel=2, num_threads=1, **SENTENCEPIECES[name])
    path.with_suffix(".vocab").unlink()


def sentencepieces(work):
    """Returns name -> path of tokenizer.model, training what is not there yet."""
    paths = {}
    for name in SENTENCEPIECES:
        path = work / "trained" / name / "tokenizer.model"
        if not path.exists():
            documents = corpus(work)
            train_sentencepiece(name, path, lines_of(documents, len(documents) // 20), VOCABULARY)
        paths[name] = path
    return paths


class SentencePiece:
    """sentencepiece's own library, in the shape of a tokenizers.Tokenizer."""

    def __init__(self, path):
        import sentencepiece
        self.model = sentencepiece.SentencePieceProcessor(model_file=str(path))

    class Encoding:
        def __init__(self, ids):
            self.ids, self.offsets = ids, []

    def encode(self, text, add_special_tokens=False):
        return self.Encoding(self.model.encode(text))

    def decode(self, ids, skip_special_tokens=False):
        return None  # its decoder is another: it drops what Hugging Face's shows

    def id_to_token(self, i):
        return self.model.id_to_piece(i)


# --- comparison -----------------------------------------------------------


def write_documents(path, documents):
    with open(path, "wb") as f:
        for document in documents:
            data = document.encode("utf-8")
            f.write(struct.pack("<I", len(data)) + data)


def go_program(work):
    binary = work / "tokenize-peer"
    subprocess.run(["go", "build", "-o", binary, "./bench/tokenize"], cwd=ROOT, check=True,
                   env={**os.environ, "GOEXPERIMENT": "simd"})
    return binary


def read_go(output, n):
    """Yields what the Go side wrote: for each document its ids, spans and text."""
    at = 0
    for _ in range(n):
        (count,) = struct.unpack_from("<I", output, at)
        values = array.array("I", output[at + 4:at + 4 + 12 * count])
        at += 4 + 12 * count
        (size,) = struct.unpack_from("<I", output, at)
        text = output[at + 4:at + 4 + size]
        at += 4 + size
        yield values[:count], list(zip(values[count:2 * count], values[2 * count:])), text


def char_spans(text, spans):
    """Widens spans of bytes to characters, and counts characters."""
    starts = [i for i, c in enumerate(text) for _ in c.encode("utf-8")] + [len(text)]
    return [(starts[a], starts[b - 1] + 1 if b > a else starts[a]) for a, b in spans]


def compare(work):
    from tokenizers import Tokenizer
    documents, failed = corpus(work), []
    write_documents(work / "corpus.bin", documents)
    binary = go_program(work)
    only = sys.argv[3:]
    for name, path in {**real(work), **trained(work, only), **sentencepieces(work)}.items():
        if only and name not in only:
            continue
        peer = SentencePiece(path) if path.suffix == ".model" else Tokenizer.from_file(str(path))
        start = time.perf_counter()
        want = [array.array("I", peer.encode(d, add_special_tokens=False).ids) for d in documents]
        decoded = [peer.decode(list(ids), skip_special_tokens=False) for ids in want]
        took = time.perf_counter() - start
        start = time.perf_counter()
        output = subprocess.check_output([binary, path, work / "corpus.bin"])
        ours = time.perf_counter() - start
        differences = 0
        for document, w, text, (ids, spans, got) in zip(documents, want, decoded, read_go(output, len(documents))):
            if path.suffix == ".model" and ("<s>" in document or "</s>" in document):
                continue  # sentencepiece takes these for text, Hugging Face for special tokens
            if ids != w or text is not None and got.decode("utf-8") != text:
                differences += 1
                if differences <= 3:
                    report(peer, document, text, ids, got)
        tokens = sum(map(len, want))
        print(f"{name}: {differences} of {len(documents)} documents differ "
              f"({tokens} tokens; Hugging Face {took:.1f} s, ours {ours:.1f} s)", flush=True)
        if differences:
            failed.append(name)
    sys.exit(f"different: {failed}" if failed else 0)


def report(peer, document, text, ids, got):
    want = peer.encode(document, add_special_tokens=False)
    if list(ids) != want.ids:
        at = next((i for i, (a, b) in enumerate(zip(ids, want.ids)) if a != b), min(len(ids), len(want.ids)))
        place = want.offsets[at][0] if at < len(want.offsets) else len(document)
        show = lambda row: [peer.id_to_token(i) for i in row[max(0, at - 2):at + 5]]  # noqa: E731
        print(f"  token {at} at {document[max(0, place - 15):place + 15]!a}: want {show(want.ids)!a}, got {show(ids)!a}")
        return
    got = got.decode("utf-8")
    at = next((i for i, (a, b) in enumerate(zip(text, got)) if a != b), min(len(text), len(got)))
    print(f"  text at {at}: want {text[max(0, at - 15):at + 15]!a}, got {got[max(0, at - 15):at + 15]!a}")


# --- speed ----------------------------------------------------------------


def speed(work):
    """Prints megabytes a second of both sides, in turn. What counts is the time of the
    processor, not of the clock: other programs may be running."""
    from tokenizers import Tokenizer
    documents = [d for d in corpus(work) if len(d) > 100]
    documents = random.Random(SEED).sample(documents, len(documents) // 4)
    size = sum(len(d.encode("utf-8")) for d in documents) / MEGABYTE
    write_documents(work / "speed.bin", documents)
    binary = go_program(work)
    for name, path in real(work).items():
        for turn in range(2):
            start = time.process_time()
            peer = Tokenizer.from_file(str(path))
            loaded = time.process_time()
            for at in range(0, len(documents), 100):
                peer.encode_batch_fast(documents[at:at + 100], add_special_tokens=False)  # without offsets
            took = time.process_time() - loaded
            ours = subprocess.check_output([binary, "speed", path, work / "speed.bin"], text=True,
                                           env={**os.environ, "GOMAXPROCS": "1"}).split()
            print(f"{name}, turn {turn + 1}: Hugging Face loads in {1000 * (loaded - start):.0f} ms and encodes "
                  f"{size / took:.1f} MB/s; ours loads in {ours[0]} ms and encodes {ours[1]} MB/s", flush=True)


# --- fixtures -------------------------------------------------------------


def fixture_texts(work):
    """A few hundred short texts: trouble, and some of each part of the corpus."""
    documents = corpus(work)
    short = [d[:120] for d in random.Random(SEED).sample(documents, 120)]
    return ["", " ", "a", *tricky(150), *short]


def fixtures(work):
    """Trains small tokenizers and writes what they make of a few hundred texts."""
    from tokenizers import Tokenizer
    folder = TESTDATA / "trained"
    documents, texts = corpus(work), fixture_texts(work)
    sample = random.Random(SEED).sample(documents, len(documents) // 60)
    put(folder / "texts.json.gz", texts)
    for name, make in recipes(work).items():
        path = work / "small" / name / "tokenizer.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            make(sample, SMALL).save(str(path), pretty=False)
        t = Tokenizer.from_file(str(path))
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        (target / "tokenizer.json.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        plain = [t.encode(text, add_special_tokens=False) for text in texts]
        put(target / "golden.json.gz", {
            "ids": [e.ids for e in plain],
            "special": [t.encode(text).ids for text in texts[:20]],
            "spans": [[a for span in e.offsets for a in span] for e in plain],
            "decoded": [t.decode(e.ids, skip_special_tokens=False) for e in plain],
        })
    for name in SENTENCEPIECES:
        target = folder / name
        path = work / "small" / name / "tokenizer.model"
        if not path.exists():
            train_sentencepiece(name, path, lines_of(sample, len(sample)), SMALL)
        target.mkdir(parents=True, exist_ok=True)
        (target / "tokenizer.model.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        peer = SentencePiece(path)
        model, n = peer.model, range(peer.model.vocab_size())
        put(target / "golden.json.gz", {
            # The vocabulary as a GGUF file has it: llama.cpp copies these.
            "tokens": [model.id_to_piece(i) for i in n],
            "scores": [model.get_score(i) for i in n],
            "types": [2 if model.is_unknown(i) else 3 if model.is_control(i) else 6 if model.is_byte(i) else 1 for i in n],
            "ids": [None if "<s>" in t or "</s>" in t else peer.encode(t).ids for t in texts],
        })


def put(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(value, ensure_ascii=True).encode(), mtime=0))


# --- Unicode --------------------------------------------------------------

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def kept(pre, template="{}"):
    """Returns the code points that a pre-tokenizer leaves in the text."""
    out, width = set(), len(template.format("x"))
    for i in range(0, len(CODE_POINTS), 4096):
        chunk = CODE_POINTS[i:i + 4096]
        for _, (a, b) in pre.pre_tokenize_str("".join(template.format(chr(c)) for c in chunk)):
            out.update(chunk[k // width] for k in range(a, b))
    return out


def apart(pre):
    """Returns the code points that a pre-tokenizer cuts off from an a on either side."""
    out = set()
    for i in range(0, len(CODE_POINTS), 4096):
        chunk = CODE_POINTS[i:i + 4096]
        text = "".join(f"a{chr(c)}a" for c in chunk)
        out.update(chunk[a // 3] for t, (a, b) in pre.pre_tokenize_str(text) if b - a == 1 and a % 3 == 1)
    return out


def dropped(normalizer, before="a"):
    return {c for c in CODE_POINTS if normalizer.normalize_str(before + chr(c)) == before}


def property_sets():
    from tokenizers import Regex, normalizers as N, pre_tokenizers as P
    regex = lambda pattern: kept(P.Split(Regex(pattern), "removed", invert=True))  # noqa: E731
    bert = lambda **on: N.BertNormalizer(**{**dict(  # noqa: E731
        clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False), **on})
    # \w+|[^\w\s]+ keeps a character with the letters around it if it is a word character.
    together = set()
    for i in range(0, len(CODE_POINTS), 4096):
        chunk = CODE_POINTS[i:i + 4096]
        text = "".join(f" a{chr(c)}a" for c in chunk)
        together.update(chunk[a // 4] for t, (a, b) in P.Whitespace().pre_tokenize_str(text) if b - a == 3)
    return {
        "letters": (r"\p{L} in the library's regular expressions", regex(r"\p{L}")),
        "numbers": (r"\p{N} in them", regex(r"\p{N}")),
        "whiteSpace": (r"\s", regex(r"\s")),
        "numerics": ("what the Digits pre-tokenizer cuts apart", apart(P.Digits(individual_digits=True))),
        "punctuation": ("what the Bert and Punctuation pre-tokenizers split at",
                        set(CODE_POINTS) - kept(P.Punctuation("removed"))),
        "wordCharacters": (r"\w in the Whitespace pre-tokenizer and around added tokens", together),
        "controls": ("what BertNormalizer's clean_text drops", dropped(bert(clean_text=True))),
        "accents": ("what BertNormalizer's strip_accents drops after decomposition", dropped(bert(strip_accents=True))),
        "combiningMarks": ("what StripAccents drops", dropped(N.StripAccents())),
    }


def new_categories(work):
    """Returns, by general category, the characters that the library's regular
    expressions know and Go does not."""
    from tokenizers import Regex, pre_tokenizers as P
    known = json.loads(subprocess.check_output([go_program(work), "categories"]))
    out = {}
    for name, spans in sorted(known.items()):
        ours = {c for a, b in spans for c in range(a, b + 1)}
        theirs = kept(P.Split(Regex(rf"\p{{{name}}}"), "removed", invert=True))
        if theirs - ours and not name.startswith("C"):
            out[name] = theirs - ours
    return out


def table(lines, head, members, tail):
    lines.append(head)
    row = ""
    for a, b in ranges(members):
        entry = f"{{{a:#x}, {b:#x}}}, "
        if len(row) + len(entry) > 110:
            lines.append("\t" + row.rstrip())
            row = ""
        row += entry
    lines.extend(["\t" + row.rstrip(), tail])


def ranges(code_points):
    out = []
    for c in sorted(code_points):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def lower_cases():
    """Returns what Lowercase makes of each character that it changes."""
    from tokenizers import normalizers as N
    lower = N.Lowercase()
    return {c: low for c in CODE_POINTS if (low := lower.normalize_str(chr(c))) != chr(c)}


def classes(work):
    """Asks the library about every code point, and writes Go's tables."""
    lines = ["// Code generated by bench/tokenize.py classes. DO NOT EDIT.", "", "package tokenize", ""]
    for name, (about, members) in property_sets().items():
        lines.append(f"// {name} is {about}.")
        table(lines, f"var {name} = runeSet{{", members, "}\n")
    lines.append("// newCharacters are those that Go's general categories lack, for regexp2's \\p{...}.")
    lines.append("var newCharacters = map[string]runeSet{")
    for name, members in new_categories(work).items():
        table(lines, f'"{name}": {{', members, "},")
    lines.append("}\n")
    (ROOT / "tokenize" / "unicode_tables.go").write_text("\n".join(lines))
    subprocess.run(["gofmt", "-w", str(ROOT / "tokenize" / "unicode_tables.go")], check=True)
    (work / "lower.json").write_text(json.dumps(lower_cases()))
    forms(work)


def forms(work):
    """Writes what the normalisation forms make of each code point and of the marks
    around it, to be compared with golang.org/x/text."""
    from tokenizers import normalizers as N
    out = {}
    for name in ["NFC", "NFD", "NFKC", "NFKD"]:
        f = getattr(N, name)()
        out[name] = {c: [got for text in (f"{chr(c)}", f"a\u0301{chr(c)}\u0334", f"e{chr(c)}\u0327")
                         if (got := f.normalize_str(text)) is not None] for c in CODE_POINTS if c > 127}
    (work / "forms.json").write_text(json.dumps(out))


def main():
    commands = {"classes": classes, "compare": compare, "fixtures": fixtures, "speed": speed}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    work = pathlib.Path(sys.argv[2]).resolve()
    work.mkdir(parents=True, exist_ok=True)
    commands[sys.argv[1]](work)


if __name__ == "__main__":
    main()
