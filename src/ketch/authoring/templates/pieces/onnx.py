# What the graph answers → what the output is called here, and its shape in one row.
ANSWERS = $answers


def predict(model, feeds):
    """Return every answer of the graph."""
    return dict(zip(ANSWERS, model.run(list(ANSWERS), feeds)))


def postprocess(model, found):
    """Return the answers under the names and in the shapes of the schema."""
    return {
        name: np.reshape(found[answer], (-1, *shape)).tolist()
        for answer, (name, shape) in ANSWERS.items()
    }
