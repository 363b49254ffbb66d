from pathlib import Path

import torch


def load(model_dir, params):
    """Return the compiled network."""
    return torch.jit.load(Path(model_dir) / $file, map_location="cpu").eval()
