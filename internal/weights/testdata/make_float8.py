"""Writes float8.safetensors, all bytes as each of torch's floats of eight bits, and what torch makes of them.
Nothing runs it but a developer, with torch 2.8.0 and safetensors 0.8.0: `python3 make_float8.py`.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
TYPES = {
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "F8_E8M0": torch.float8_e8m0fnu,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz, "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
}
bytes_ = torch.arange(256, dtype=torch.int32).to(torch.uint8)
save_file({name: bytes_.clone().view(t) for name, t in TYPES.items()}, HERE / "float8.safetensors")
save_file({name: bytes_.view(t).to(torch.float32) for name, t in TYPES.items()}, HERE / "float8_expected.safetensors")
