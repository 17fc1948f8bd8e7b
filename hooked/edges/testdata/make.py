"""Scores of edges and runs of circuits, by hooks of TransformerLens 2.16.1 in float64.

usage, from the repository's root: build/golden/bin/python hooked/edges/testdata/make.py

Writes edges.json beside this file: for models of hooked/testdata the scores of EAP, EAP-IG (inputs and
activations) and of exact patching of single edges, the logit difference of random circuits whose rest is
corrupted, mean- or zero-ablated, and what ACDC keeps. A target's input is summed up from its sources, one
by one, so that nothing here is computed as hooked/edges computes it.
"""
import json
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "../../.."))
sys.path.insert(0, os.path.join(ROOT, "internal/golden/gen"))

import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

import common as C  # noqa: E402
from gen_arch import load_hf  # noqa: E402
from gen_processing import DEFAULT  # noqa: E402
from transformer_lens import HookedTransformer, HookedTransformerConfig  # noqa: E402

DATA = os.path.join(ROOT, "hooked/testdata")
MODELS = [("gpt2", "GPT2LMHeadModel", True), ("gpt_neox", "GPTNeoXForCausalLM", True), ("llama", "LlamaForCausalLM", True),
          ("qwen2", "Qwen2ForCausalLM", False), ("gemma2", "Gemma2ForCausalLM", False),
          ("attn_only_2l", None, False)]
BATCH, POS = 3, 6
EVERY = 5  # of the edges one in so many is patched exactly


def load(name, arch, processed):
    if arch:
        return C.build_tl(load_hf(os.path.join(DATA, "arch", name), arch), arch, dtype=torch.float64, **(DEFAULT if processed else {}))
    d = os.path.join(DATA, "native", name)
    with open(os.path.join(d, "cfg.json")) as f:
        cfg = HookedTransformerConfig.from_dict({**json.load(f), "dtype": torch.float64, "device": "cpu"})
    m = HookedTransformer(cfg)
    m.load_state_dict({k: v.double() for k, v in load_file(os.path.join(d, "model.safetensors")).items()}, strict=False)
    return m.eval()


class Reference:
    def __init__(self, model):
        self.m, c = model, model.cfg
        model.set_use_attn_result(True)
        model.set_use_split_qkv_input(True)
        if not c.attn_only:
            model.set_use_hook_mlp_in(True)
        self.L, self.H = c.n_layers, c.n_heads
        self.KV = c.n_key_value_heads or c.n_heads
        self.post = c.use_normalization_before_and_after
        g = torch.Generator().manual_seed(5)
        self.clean = torch.randint(2, c.d_vocab, (BATCH, POS), generator=g)
        self.cor = self.clean.clone()
        self.cor[:, 2::2] = torch.randint(2, c.d_vocab, self.cor[:, 2::2].shape, generator=g)
        self.answers = torch.tensor([[i + 1, i + 2] for i in range(BATCH)])
        self.nodes()

    def nodes(self):
        """Sources in order, and targets with how many sources they read."""
        self.sources, self.targets = ["input"], []
        group = "h" if self.KV == self.H else "kv"
        for l in range(self.L):
            n = len(self.sources)
            self.targets += [(f"a{l}.h{h}<q>", l, "q", h, n) for h in range(self.H)]
            for part in "kv":
                self.targets += [(f"a{l}.{group}{h}<{part}>", l, part, h, n) for h in range(self.KV)]
            self.sources += [f"a{l}.h{h}" for h in range(self.H)]
            if not self.m.cfg.attn_only:
                self.targets.append((f"m{l}", l, "mlp", 0, n if self.m.cfg.parallel_attn_mlp else len(self.sources)))
                self.sources.append(f"m{l}")
        self.targets.append(("logits", self.L, "logits", 0, len(self.sources)))
        self.edges = [(s, t) for t in self.targets for s in range(t[4])]
        self.names = [f"{self.sources[s]}->{t[0]}" for s, t in self.edges]

    def metric(self, logits):
        a = logits[:, -1].gather(1, self.answers)
        return (a[:, 0] - a[:, 1]).mean()

    def shares(self, l, result, scale):
        """What each head writes, through the norm after attention if there is one: [batch, pos, head, d]."""
        if not self.post:
            return result
        return result / scale.unsqueeze(2) * self.m.blocks[l].ln1_post.w

    def writes(self, tokens):
        _, cache = self.m.run_with_cache(tokens)
        out = [cache["blocks.0.hook_resid_pre"]]
        for l in range(self.L):
            scale = cache[f"blocks.{l}.ln1_post.hook_scale"] if self.post else None
            out += list(self.shares(l, cache[f"blocks.{l}.attn.hook_result"], scale).unbind(2))
            if not self.m.cfg.attn_only:
                out.append(cache[f"blocks.{l}.hook_mlp_out"])
        return torch.stack(out), cache

    # ------------------------------------------------------------------ scores
    def gradients(self, hooks=()):
        """The metric's gradient at each target's input in the base run: target name -> [batch, pos, d]."""
        got = {}

        def keep(grad, hook):
            got[hook.name] = grad.detach().clone()

        names = {"q": "blocks.{}.hook_q_input", "k": "blocks.{}.hook_k_input", "v": "blocks.{}.hook_v_input", "mlp": "blocks.{}.hook_mlp_in"}
        last = f"blocks.{self.L - 1}.hook_resid_post"
        with torch.enable_grad():
            bwd = [(names[k].format(l), keep) for l in range(self.L) for k in names if k != "mlp" or not self.m.cfg.attn_only]
            with self.m.hooks(fwd_hooks=list(hooks), bwd_hooks=bwd + [(last, keep)]):
                self.metric(self.m(self.clean)).backward()
        self.m.zero_grad()
        out = {}
        for name, l, part, h, _ in self.targets:
            # where an activation was replaced, nothing before it has a gradient
            g = got.get(last if part == "logits" else names[part].format(l), torch.zeros((), dtype=torch.float64))
            out[name] = g[:, :, h] if g.ndim == 4 else g
        return out

    def products(self, diff, grads, of=None):
        return torch.stack([(diff[s] * grads[t[0]]).sum() if of is None or s in of else torch.zeros((), dtype=torch.float64)
                            for s, t in self.edges])

    def eap(self):
        return self.products(self.cor_w - self.clean_w, self.gradients())

    def eap_ig(self, steps):
        total = 0
        for k in range(1, steps + 1):
            x = (self.cor_w[0] + k / steps * (self.clean_w[0] - self.cor_w[0])).requires_grad_()
            total = total + self.products(self.cor_w - self.clean_w, self.gradients([("blocks.0.hook_resid_pre", lambda y, hook: x)]))
        return total / steps

    def eap_ig_activations(self, steps):
        """Not with a norm after attention, where a head's result is not what it writes."""
        per = self.H + (not self.m.cfg.attn_only)
        places = [("blocks.0.hook_resid_pre", [0])]
        for l in range(self.L):
            at = 1 + l * per
            places.append((f"blocks.{l}.attn.hook_result", list(range(at, at + self.H))))
            if not self.m.cfg.attn_only:
                places.append((f"blocks.{l}.hook_mlp_out", [at + self.H]))
        total = 0
        for name, of in places:
            for k in range(1, steps + 1):
                x = self.cor_w[of] + k / steps * (self.clean_w[of] - self.cor_w[of])
                x = (x.permute(1, 2, 0, 3) if "result" in name else x[0]).clone().requires_grad_()
                total = total + self.products(self.cor_w - self.clean_w, self.gradients([(name, lambda y, hook: x)]), set(of))
        return total / steps

    # ------------------------------------------------------------------ circuits
    def logits(self, circuit, off):
        """A run in which each target reads its sources, from the run if the edge is in the circuit, else from `off`."""
        run = {}
        constant = [torch.zeros(self.m.cfg.d_model, dtype=torch.float64)]
        for l in range(self.L):
            assert not self.post or not self.m.blocks[l].attn.b_O.any()
            constant.append(constant[-1] + self.m.blocks[l].attn.b_O)

        def read(t, after_attention=False):
            l = min(t[1], self.L)
            x = constant[l + 1 if after_attention else l]
            for s in range(t[4]):
                x = x + (run[s] if f"{self.sources[s]}->{t[0]}" in circuit else off[s])
            return x

        def heads(part, l):
            return [t for t in self.targets if t[1] == l and t[2] == part]

        hooks = [("blocks.0.hook_resid_pre", lambda x, hook: run.update({0: x}) or x)]
        for l in range(self.L):
            for part in "qkv":
                hooks.append((f"blocks.{l}.hook_{part}_input", lambda x, hook, l=l, part=part: torch.stack([read(t) for t in heads(part, l)], 2)))
            at = self.sources.index(f"a{l}.h0")

            def wrote(x, scale, l=l, at=at):
                run.update({at + h: y for h, y in enumerate(self.shares(l, x, scale).unbind(2))})

            if self.post:
                kept = {}
                hooks.append((f"blocks.{l}.attn.hook_result", lambda x, hook, kept=kept: kept.update(x=x) or x))
                hooks.append((f"blocks.{l}.ln1_post.hook_scale", lambda x, hook, kept=kept, wrote=wrote: wrote(kept["x"], x) or x))
            else:
                hooks.append((f"blocks.{l}.attn.hook_result", lambda x, hook, wrote=wrote: wrote(x, None) or x))
            if not self.m.cfg.attn_only:
                serial = not self.m.cfg.parallel_attn_mlp
                hooks.append((f"blocks.{l}.hook_mlp_in", lambda x, hook, l=l, serial=serial: read(heads("mlp", l)[0], serial)))
                hooks.append((f"blocks.{l}.hook_mlp_out", lambda x, hook, l=l: run.update({self.sources.index(f"m{l}"): x}) or x))
        hooks.append((f"blocks.{self.L - 1}.hook_resid_post", lambda x, hook: read(self.targets[-1])))
        return self.m.run_with_hooks(self.clean, fwd_hooks=hooks)

    def exact(self):
        everything = set(self.names)
        full = self.metric(self.logits(everything, self.cor_w))
        return torch.stack([self.metric(self.logits(everything - {n}, self.cor_w)) - full for n in self.names[::EVERY]])

    def acdc(self, threshold):
        """Conmy et al.'s greedy: the targets from the last, of each the sources from the last, by the KL of the last position."""
        clean = self.m(self.clean)[:, -1].log_softmax(-1)

        def kl(circuit):
            q = self.logits(circuit, self.cor_w)[:, -1].log_softmax(-1)
            return (clean.exp() * (clean - q)).sum(-1).mean()

        kept = set(self.names)
        now = kl(kept)
        for t in reversed(self.targets):
            for s in reversed(range(t[4])):
                less = kept - {f"{self.sources[s]}->{t[0]}"}
                new = kl(less)
                if new - now < threshold:
                    kept, now = less, new
        return [n for n in self.names if n in kept]


def entry(name, arch, processed):
    r = Reference(load(name, arch, processed))
    r.clean_w, _ = r.writes(r.clean)
    r.cor_w, _ = r.writes(r.cor)
    e = {"model": name, "native": arch is None, "processed": processed, "clean": r.clean.tolist(), "corrupted": r.cor.tolist(),
         "answers": r.answers.tolist(), "edges": r.names}
    e["clean_metric"], e["corrupted_metric"] = C.r(r.metric(r.m(r.clean))), C.r(r.metric(r.m(r.cor)))
    e["eap"], e["eap_ig"], e["exact"] = C.r(r.eap()), C.r(r.eap_ig(3)), C.r(r.exact())
    if not r.post:
        e["eap_ig_activations"] = C.r(r.eap_ig_activations(2))
    offs = {"corrupted": r.cor_w}
    if not r.post:
        offs["mean"] = r.cor_w.mean(1, keepdim=True).expand_as(r.cor_w)
        offs["zero"] = torch.zeros_like(r.cor_w)
    rng = random.Random(3)
    e["circuits"] = []
    for off, w in offs.items():
        for share in (0.1, 0.5, 0.9):
            circuit = [i for i in range(len(r.names)) if rng.random() < share]
            got = r.metric(r.logits({r.names[i] for i in circuit}, w))
            e["circuits"].append({"off": off, "edges": circuit, "metric": C.r(got)})
    if name in ("gpt2", "attn_only_2l"):
        kl = 0.002
        e["acdc"] = {"threshold": kl, "edges": r.acdc(kl)}
    print(name, processed, len(r.names), "edges", len(e.get("acdc", {}).get("edges", [])), "kept by ACDC")
    return e


torch.set_num_threads(1)
C.save_json(os.path.join(HERE, "edges.json"), [entry(*m) for m in MODELS], compact=True)
