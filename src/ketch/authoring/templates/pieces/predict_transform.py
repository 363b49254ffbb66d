def predict(model, value):
    """Return the features that the model makes of each row."""
    found = model.transform(value)
    found = found.toarray() if hasattr(found, "toarray") else found
    return {"features": found.tolist()}
