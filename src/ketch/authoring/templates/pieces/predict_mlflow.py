def predict(model, value):
    """Return what the model says of each row, asked as MLflow asks it."""
    answer = model.predict(value)
    return $columns
