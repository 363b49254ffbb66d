"""Which layers of the sandbox this machine has: what ``ketch doctor`` shows."""

import sys
from pathlib import Path

from ketch.files import temporary_folder
from ketch.runtime.launch import Launch
from ketch.runtime.process import Worker
from ketch.runtime.protocol import Layer


def probe_layers(python: Path | None = None) -> tuple[Layer, ...]:
    """Return every layer, active or not, as a throwaway worker found them.

    Args:
        python: The interpreter to start it with; by default the present one.

    Raises:
        Unavailable: The interpreter cannot be started.
    """
    with temporary_folder("ketch-") as folder:
        empty = folder / "empty"
        empty.mkdir()
        launch = Launch(
            python=(python or Path(sys.executable)).resolve(),  # its environment plays no part
            env_dir=empty,
            code_dir=empty,
            model_dir=empty,
            scratch=folder / "scratch",
            memory_bytes=4 * 2**30,  # so that this layer is tried as well
            start_timeout_s=20.0,
        )
        with Worker.start(launch) as worker:
            return worker.layers
