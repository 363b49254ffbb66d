import xgboost


def predict(model, frame):
    """Return what the booster says of each row."""
    return {$output: $run}
