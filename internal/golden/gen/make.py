"""Makes fixtures: all of them, those of some sets, or what there is for one family.

usage: make.py OUT [--family NAME] [--sets SET,SET] [--gguf FILE] [--gpt2-dir FOLDER]

Each set is made by one script, in a process of its own, from one file of specs/. A family's name is looked up there: a
set whose specification does not name it is left out. README.md says what each set holds.
"""
import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
TINY = ("arch",)    # sets that read the checkpoints of arch


@dataclass
class Set:
    script: str
    spec: str
    key: str = ""         # where the specification lists the families; empty if it is about none
    needs: tuple = ()     # sets that must be in OUT before
    gguf: bool = False    # it reads the real model's file
    extra: tuple = ()     # more arguments; {out}, {gguf}, {gpt2_dir} and {specs} are filled in


TOKENIZERS = ("--strings", "{specs}/strings.json", "--gguf", "{gguf}", "--gpt2-dir", "{gpt2_dir}")
ARCH = ("--arch", "{out}/arch")

SETS = {
    "tokenizers": Set("gen_tokenizers", "models", gguf=True, extra=TOKENIZERS),
    "arch": Set("gen_arch", "models", "archs"),
    "native": Set("gen_native", "models", "native", TINY),
    "processing": Set("gen_processing", "models", "processing_archs", TINY),
    "cache": Set("gen_cache", "models", "cache_archs", TINY),
    "generation": Set("gen_generation", "models", "generation_archs", TINY),
    "interventions": Set("gen_interventions", "models", "interventions_archs", TINY),
    "real": Set("gen_real", "models", gguf=True, needs=("tokenizers",),
                extra=("--gguf", "{gguf}", "--tokenizer", "{out}/tokenizers/smollm2")),
    "families": Set("gen_families", "families", "families"),
    "rope": Set("gen_rope", "families", "rope"),
    "sparse": Set("gen_sparse", "families", "sparse"),
    "defaults": Set("gen_defaults", "families", "families"),
    "training": Set("gen_training", "families"),
    "dictionary": Set("gen_dictionary", "dictionaries", needs=TINY, extra=ARCH),
    "circuits": Set("gen_circuits", "dictionaries", needs=TINY, extra=ARCH),
    "control": Set("gen_control", "dictionaries", needs=TINY, extra=ARCH),
    "chat": Set("gen_chat", "chat", gguf=True, needs=("tokenizers",),
                extra=("--gguf", "{gguf}", "--tokenizers", "{out}/tokenizers")),
}


def specification(s):
    return os.path.join(HERE, "specs", s.spec + ".json")


def families(s):
    """The names of families that a set has something for."""
    if not s.key:
        return []
    with open(specification(s), encoding="utf-8") as f:
        return [e["name"] if isinstance(e, dict) else e for e in json.load(f)[s.key]]


def choose(a):
    """The names of the sets to make, in the order of SETS."""
    asked = a.sets.split(",") if a.sets else list(SETS)
    unknown = [n for n in asked if n not in SETS]
    if unknown:
        sys.exit(f"no set {', '.join(unknown)}; there are: {', '.join(SETS)}")
    chosen = [n for n in SETS if n in asked and (not a.family or a.family in families(SETS[n]))]
    if not chosen:
        known = sorted({f for n in asked for f in families(SETS[n])})
        sys.exit(f"no specification names the family {a.family}; they name: {', '.join(known)}")
    return chosen


def check(a, chosen):
    """Refuses at once what would fail after half an hour."""
    for n in chosen:
        for need in SETS[n].needs:
            if need not in chosen and not os.path.isdir(os.path.join(a.out, need)):
                sys.exit(f"the set {n} reads {need}: make that before, or in the same call")
        if SETS[n].gguf and not a.gguf:
            sys.exit(f"the set {n} needs --gguf")
    if "tokenizers" in chosen and not a.gpt2_dir:
        sys.exit("the set tokenizers needs --gpt2-dir")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("out")
    ap.add_argument("--family")
    ap.add_argument("--sets")
    ap.add_argument("--gguf")
    ap.add_argument("--gpt2-dir")
    a = ap.parse_args()
    if a.family == "":
        sys.exit("no family: make golden FAMILY=llama")
    chosen = choose(a)
    check(a, chosen)
    paths = dict(out=a.out, gguf=a.gguf, gpt2_dir=a.gpt2_dir, specs=os.path.join(HERE, "specs"))
    for n in chosen:
        s = SETS[n]
        print("==", n, flush=True)
        command = [sys.executable, os.path.join(HERE, s.script + ".py"), "--spec", specification(s), "--out", a.out]
        command += [x.format(**paths) for x in s.extra] + (["--only", a.family] if a.family else [])
        if subprocess.run(command).returncode:
            sys.exit(f"the set {n} failed")
    sys.exit(subprocess.run([sys.executable, os.path.join(HERE, "check_golden.py"), a.out]).returncode)


if __name__ == "__main__":
    main()
