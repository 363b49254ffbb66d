def predict(model, value):
    match value:
        case _:
            return value
