def load(model_dir, params):
    return params["word"]
def features(model, rows):
    return [{"name": r["name"], "age": 30 if r["age"] is None else r["age"]} for r in rows]
def predict(model, rows):
    return [{"greeting": f"{model} {r['name']}", "score": r["age"] / 150} for r in rows]
