"""A lens as the package tuned-lens 0.2.0 saves it, and three steps of PyTorch's SGD on one.

TunedLens.save is torch.save of the state dict of a ModuleList of Linear, and json.dump of the config's
fields; transform_hidden is h + linear(h). Run with torch 2.8 in this folder.
"""
import json
import torch

torch.manual_seed(0)
d, layers, vocab, tokens = 4, 2, 5, 6

translators = torch.nn.ModuleList([torch.nn.Linear(d, d) for _ in range(layers)])
torch.save(translators.state_dict(), "params.pt")
json.dump(dict(base_model_name_or_path="made/up", d_model=d, num_hidden_layers=layers, bias=True, base_model_revision=None,
               unembed_hash="0" * 64, lens_type="linear_tuned_lens"), open("config.json", "w"))
h = torch.randn(3, d)
read = [(h + t(h)).tolist() for t in translators]

x, final, w_u, b_u = 3 * torch.randn(tokens, d), 3 * torch.randn(tokens, d), 2 * torch.randn(d, vocab), torch.randn(vocab)
eps, rate, decay = 1e-5, 0.5, 0.01


def log_probs(y):
    y = y / (y.square().mean(-1, keepdim=True) + eps).sqrt()
    return (y @ w_u + b_u).log_softmax(-1)


lens = torch.nn.Linear(d, d)
torch.nn.init.zeros_(lens.weight), torch.nn.init.zeros_(lens.bias)
sgd = torch.optim.SGD(lens.parameters(), lr=rate, momentum=0.9, nesterov=True, weight_decay=decay)
target = log_probs(final)
steps = []
for _ in range(3):
    sgd.zero_grad()
    kl = (target.exp() * (target - log_probs(x + lens(x)))).sum(-1).mean()
    kl.backward()
    norm = torch.nn.utils.clip_grad_norm_(lens.parameters(), 1.0)
    sgd.step()
    steps.append(dict(kl=kl.item(), norm=norm.item(), weight=lens.weight.flatten().tolist(), bias=lens.bias.tolist()))
json.dump(dict(h=h.tolist(), read=read, x=x.flatten().tolist(), final=final.flatten().tolist(), w_u=w_u.flatten().tolist(), b_u=b_u.tolist(),
               eps=eps, rate=rate, decay=decay, tokens=tokens, d=d, vocab=vocab, steps=steps), open("golden.json", "w"), indent=1)
