from pathlib import Path

import torch


def load(model_dir, params):
    """Return the exported network."""
    return torch.export.load(Path(model_dir) / $file).module()
