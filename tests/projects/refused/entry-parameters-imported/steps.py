def predict(model, value, *, scale):
    return value
