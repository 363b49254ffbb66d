import json


def predict(model, value):
    with open(f"/Users/{1}/scale.json") as file:
        scale = json.load(file)
    return [{"score": row["hour"] / scale} for row in value]
