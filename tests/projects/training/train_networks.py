"""Saves one small network in each of PyTorch's forms, and writes what it answers directly.

    python train_networks.py FOLDER
"""

import json
import sys
from pathlib import Path

import torch

FOLDER = Path(sys.argv[1])
FOLDER.mkdir(parents=True, exist_ok=True)

torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)).eval()
values = torch.randn(5, 4)

torch.save(network.state_dict(), FOLDER / "state.pt")
torch.save({"epoch": 3, "model": network.state_dict()}, FOLDER / "checkpoint.pth")
torch.save(network, FOLDER / "whole.pt")
torch.jit.script(network).save(FOLDER / "script.pt")
batch = ({0: torch.export.Dim("batch")},)
torch.export.save(
    torch.export.export(network, (torch.zeros(2, 4),), dynamic_shapes=batch), FOLDER / "any.pt2"
)
torch.export.save(torch.export.export(network, (torch.zeros(1, 4),)), FOLDER / "single.pt2")

with torch.inference_mode():
    found = network(values)
answers = {"values": values.tolist(), "prediction": found.tolist()}
(FOLDER / "answers.json").write_text(json.dumps(answers))
