from pathlib import Path

import xgboost


def load(model_dir, params):
    """Return the trained model."""
    model = xgboost.$class_name()
    model.load_model(Path(model_dir) / $file)
    return model
