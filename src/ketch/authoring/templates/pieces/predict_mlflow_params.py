def predict(loaded, value):
    """Return what the model says of each row, asked as MLflow asks it."""
    model, params = loaded
    answer = model.predict(value, params=params)
    return $columns
