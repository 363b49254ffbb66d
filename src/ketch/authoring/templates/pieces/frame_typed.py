# The inputs, in the order of training → what each column was called then.
COLUMNS = $columns

# Whole numbers that may be missing: training saw them as floats, with NaN for the gaps.
TYPES = $types


def preprocess(model, frame):
    """Give the columns the names, the types and the order they had in training."""
    return frame.astype(TYPES).rename(columns=COLUMNS)[list(COLUMNS.values())]
