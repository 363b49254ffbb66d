from pathlib import Path

import lightgbm


def load(model_dir, params):
    """Return the trained booster."""
    return lightgbm.Booster(model_file=Path(model_dir) / $file)
