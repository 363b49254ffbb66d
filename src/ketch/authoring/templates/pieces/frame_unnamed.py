def preprocess(model, frame):
    """Give the columns numbers for names: training saw none."""
    return frame.set_axis(range(frame.shape[1]), axis="columns")
