from random import pick


def predict(model, value):
    return [{"score": pick([row["hour"]]) / 24} for row in value]
