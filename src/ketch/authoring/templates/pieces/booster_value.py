def predict(model, matrix):
    """Return what the booster says of each row."""
    return {$output: $run}
