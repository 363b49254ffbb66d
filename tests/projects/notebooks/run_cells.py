"""Run the code cells of a notebook, one after the other: python run_cells.py NOTEBOOK."""

import json
import sys

with open(sys.argv[1]) as file:
    cells = json.load(file)["cells"]
names = {"__name__": "__main__"}
for cell in cells:
    if cell["cell_type"] == "code":
        exec("".join(cell["source"]), names)
