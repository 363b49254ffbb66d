def predict(model, rows):
    """Answer each row: `ketch init` could not tell how this model is asked."""
    raise NotImplementedError("write `predict` in pipeline.py, and the schema in ketch.toml")
