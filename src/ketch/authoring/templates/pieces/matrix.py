import numpy as np

# The inputs, in the order of training.
COLUMNS = $columns


def preprocess(model, rows):
    """Return one line of numbers for each row; NaN where a value is missing."""
    return np.array([[row[name] for name in COLUMNS] for row in rows], dtype="float64")
