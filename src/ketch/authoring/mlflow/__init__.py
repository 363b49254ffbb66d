"""MLflow model folders: read with distrust, asked by MLflow itself, written as packages."""

from ketch.authoring.mlflow.importing import Imported, import_mlflow
from ketch.authoring.mlflow.mlmodel import MLmodel, read_mlmodel

__all__ = ["Imported", "MLmodel", "import_mlflow", "read_mlmodel"]
