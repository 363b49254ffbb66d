from pathlib import Path

import torch


class Network(torch.nn.Module):
    """The network whose weights lie in the model file: write it here, or import it.

    The file holds

$parameters
    """

    def __init__(self):
        super().__init__()
        raise NotImplementedError("write the class `Network` in pipeline.py, as it was trained")


def load(model_dir, params):
    """Return the network with its trained weights."""
    weights = torch.load(Path(model_dir) / $file, weights_only=True, map_location="cpu")
    network = Network()
    network.load_state_dict(weights$key)
    return network.eval()
