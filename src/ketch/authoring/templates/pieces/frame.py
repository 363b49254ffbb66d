# The inputs, in the order of training → what each column was called then.
COLUMNS = $columns


def preprocess(model, frame):
    """Give the columns the names and the order they had in training."""
    return frame.rename(columns=COLUMNS)[list(COLUMNS.values())]
