import pickle
from pathlib import Path


def load(model_dir, params):
    """Return the trained model."""
    with open(Path(model_dir) / $file, "rb") as file:
        return pickle.load(file)
