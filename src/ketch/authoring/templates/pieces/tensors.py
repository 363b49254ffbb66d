import numpy as np

# What the model takes → the input it comes from.
TENSORS = $tensors


def preprocess(model, rows):
    """Return an array for each thing the model takes, a line a row."""
    return {name: np.stack([row[field] for row in rows]) for name, field in TENSORS.items()}
