# The names of what the network returns, and the shape of each in one row.
ANSWERS = $answers


def predict(model, feeds):
    """Return what the network says, as arrays."""
    with torch.inference_mode():
        found = model(*(torch.from_numpy(array) for array in feeds.values()))
    return [one.numpy() for one in (found if isinstance(found, (tuple, list)) else [found])]


def postprocess(model, found):
    """Return the answers under the names and in the shapes of the schema."""
    return {
        name: one.reshape(-1, *shape).tolist()
        for (name, shape), one in zip(ANSWERS.items(), found)
    }
