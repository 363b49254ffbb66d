def predict(value):
    return value
