def predict(model, value):
    """Return what the model says of each row."""
    return {"prediction": model.predict(value)}
