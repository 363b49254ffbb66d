from pathlib import Path

import onnxruntime


def load(model_dir, params):
    """Return a session that runs the graph."""
    path = Path(model_dir) / $file
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
