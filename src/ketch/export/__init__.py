"""A package in the forms of others: a folder that any tool reads, a bill of materials, MLflow's.

MLflow's form is :mod:`ketch.export.mlflow`, which brings a library that the others do without.
"""

from ketch.export.folder import write_folder
from ketch.export.mlbom import mlbom

__all__ = ["mlbom", "write_folder"]
