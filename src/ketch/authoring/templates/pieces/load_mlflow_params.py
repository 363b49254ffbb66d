import mlflow.pyfunc


def load(model_dir, params):
    """Return the model, loaded by MLflow, and the parameters it is asked with."""
    return mlflow.pyfunc.load_model(str(model_dir)), dict(params)
