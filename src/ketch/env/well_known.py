"""Libraries that models are made of, as far as they are known by name."""

WELL_KNOWN = frozenset(
    """
    catboost category-encoders cloudpickle dill feature-engine gensim hdbscan
    imbalanced-learn implicit jax joblib keras lifelines lightfm lightgbm mapie networkx
    nltk numba numpy onnx onnxruntime pandas pillow polars prophet pyarrow python-dateutil
    pyyaml regex requests scikit-image scikit-learn scikit-optimize scikit-surprise scipy
    sentence-transformers skops spacy statsmodels sympy tensorflow threadpoolctl tokenizers
    torch torchvision transformers umap-learn xgboost
    """.split()  # noqa: SIM905 # a list of fifty lines says no more
)
"""Whether one of them may be fetched is for others to decide."""
