from pathlib import Path

import joblib


def load(model_dir, params):
    """Return the trained model."""
    return joblib.load(Path(model_dir) / $file)
