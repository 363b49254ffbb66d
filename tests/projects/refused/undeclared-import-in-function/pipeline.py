def predict(model, value):
    import polars

    return polars.DataFrame(value)
