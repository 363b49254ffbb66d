def predict(model, value):
    return [{"score": row["hour"] / 24} for row in value]
