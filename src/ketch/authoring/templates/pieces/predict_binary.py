def predict(model, value):
    """Return the class of each row, and the probability of $positive."""
    return {
        "prediction": model.predict(value),
        "probability": model.predict_proba(value)[:, 1],
    }
