def predict(model, value):
    return [row for row in value
