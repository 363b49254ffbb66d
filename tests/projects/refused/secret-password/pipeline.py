DB_PASSWORD = "tr0ub4dor-and-3"


def predict(model, value):
    return [{"score": row["hour"] / 24} for row in value]
