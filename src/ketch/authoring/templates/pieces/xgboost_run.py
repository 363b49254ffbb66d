# How many rounds of trees answer; (0, 0) is all of them.
ROUNDS = $rounds


def run(model, matrix):
    """Return the booster's answers for a matrix."""
    data = xgboost.DMatrix(
        matrix,
        feature_names=model.feature_names,
        feature_types=model.feature_types,
        enable_categorical=True,
    )
    return model.predict(data, iteration_range=ROUNDS)
