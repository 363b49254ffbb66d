import mlflow.pyfunc


def load(model_dir, params):
    """Return the model, loaded by MLflow."""
    return mlflow.pyfunc.load_model(str(model_dir))
