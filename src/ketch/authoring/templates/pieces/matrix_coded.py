import numpy as np

# The inputs, in the order of training.
COLUMNS = $columns

# The categories of an input, in the order in which training counted them.
CATEGORIES = $categories


def preprocess(model, rows):
    """Return one line of numbers for each row; NaN where a value is missing."""
    lines = [[code(name, row[name]) for name in COLUMNS] for row in rows]
    return np.array(lines, dtype="float64")


def code(name, value):
    """Return the number of a category; any other value stands for itself."""
    if value is None or name not in CATEGORIES:
        return value
    return CATEGORIES[name].index(value)
