def predict(model, value):
    """Return what the model says of each row."""
    return {$output: $run}
