from pathlib import Path

import skops.io

# Types in the file that skops does not trust by itself. Loading may run their code, so
# each name here is a decision: strike out what you do not know.
TRUSTED = $trusted


def load(model_dir, params):
    """Return the trained model."""
    return skops.io.load(Path(model_dir) / $file, trusted=TRUSTED)
