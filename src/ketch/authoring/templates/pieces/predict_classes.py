def predict(model, value):
    """Return the class of each row, and the probabilities in the order of `model.classes_`."""
    return {
        "prediction": model.predict(value),
        "probabilities": model.predict_proba(value).tolist(),
    }
