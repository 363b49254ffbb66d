import numpy as np

# What the model takes: its name → number type, shape of one row, the inputs it is made of.
FEEDS = $feeds


def preprocess(model, rows):
    """Return an array for each thing the model takes."""
    return {
        name: np.array([[row[one] for one in inputs] for row in rows], dtype=dtype).reshape(
            len(rows), *shape
        )
        for name, (dtype, shape, inputs) in FEEDS.items()
    }
