from pathlib import Path

import xgboost


def load(model_dir, params):
    """Return the trained booster."""
    return xgboost.Booster(model_file=Path(model_dir) / $file)
