"""The peer's side of the dictionaries' benchmark: SAELens on the CPU.

    python peer.py FOLDER D_IN FEATURES K BATCH REPEATS

It makes a TopK dictionary and a batch in FOLDER if they are not there, for both sides, and writes a line of JSON: the
seconds of an encoding of the batch, and of a step of SAELens' trainer without and with dead features, each the least of so
many on the wall and of the processors.
"""

import json
import os
import sys
import time
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")

import torch
from safetensors.torch import load_file, save_file
from sae_lens import TopKTrainingSAE, TopKTrainingSAEConfig
from sae_lens.config import SAETrainerConfig
from sae_lens.training.sae_trainer import SAETrainer


def config(d, f, k):
    cfg = TopKTrainingSAEConfig(d_in=d, d_sae=f, k=k, apply_b_dec_to_input=True, decoder_init_norm=1.0)
    cfg.metadata.hook_name = "blocks.12.hook_resid_post"
    return cfg


def make(folder, d, f, k, n):
    torch.manual_seed(0)
    os.makedirs(folder)
    TopKTrainingSAE(config(d, f, k)).save_model(folder)
    directions = torch.randn(f, d) / d**0.5
    on = (torch.rand(n, f) < k / f).float() * torch.rand(n, f) * 10
    save_file({"x": on @ directions + 0.1 * torch.randn(n, d)}, os.path.join(folder, "batch.safetensors"))


def timed(repeats, f):
    f()
    wall, cpu = [], []
    for _ in range(repeats):
        start, used = time.perf_counter(), time.process_time()
        f()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    return [min(wall), min(cpu)]


def main(folder, d, f, k, n, repeats):
    if not os.path.exists(folder):
        make(folder, d, f, k, n)
    x = load_file(os.path.join(folder, "batch.safetensors"))["x"]
    sae = TopKTrainingSAE(config(d, f, k))
    sae.load_state_dict(load_file(os.path.join(folder, "sae_weights.safetensors")))
    with torch.no_grad():
        encode = timed(repeats, lambda: sae.encode(x))
    trainer = SAETrainer(SAETrainerConfig(total_training_samples=n * 1000, train_batch_size_samples=n, lr=1e-3, lr_end=1e-4,
                                          dead_feature_window=1000), sae, iter([]))
    losses = []

    def step():
        losses.append(trainer.step(x).loss.item())
        trainer.n_training_steps += 1

    alive = timed(repeats, step)

    def dead():
        trainer.n_forward_passes_since_fired[: f // 8] = 2000  # an eighth counts as dead
        step()

    print(json.dumps({"encode": encode, "step": alive, "dead": timed(repeats, dead), "loss": losses[0]}), flush=True)


main(sys.argv[1], *map(int, sys.argv[2:]))
