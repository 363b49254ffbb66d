def preprocess(model, rows):
    """Return the texts, one for each row."""
    return [row["text"] for row in rows]
