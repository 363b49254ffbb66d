# The names of what the network returns, and the shape of each in one row.
ANSWERS = $answers


def predict(model, feeds):
    """Return what the network says, as arrays; it was exported for one row at a time."""
    count = len(next(iter(feeds.values())))
    with torch.inference_mode():
        answers = [run(model, [array[at : at + 1] for array in feeds.values()]) for at in range(count)]
    return [np.concatenate(parts) for parts in zip(*answers)]


def run(model, arrays):
    """Return the network's answers for one row."""
    found = model(*(torch.from_numpy(array) for array in arrays))
    return [one.numpy() for one in (found if isinstance(found, (tuple, list)) else [found])]


def postprocess(model, found):
    """Return the answers under the names and in the shapes of the schema."""
    return {
        name: one.reshape(-1, *shape).tolist()
        for (name, shape), one in zip(ANSWERS.items(), found)
    }
