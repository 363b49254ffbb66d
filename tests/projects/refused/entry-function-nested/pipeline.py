def build():
    def predict(model, value):
        return value

    return predict
