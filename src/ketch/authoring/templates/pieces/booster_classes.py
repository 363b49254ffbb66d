def predict(model, matrix):
    """Return the number of the likeliest class of each row, and every probability."""
    probabilities = $run
    return {"prediction": probabilities.argmax(axis=1), "probabilities": probabilities.tolist()}
