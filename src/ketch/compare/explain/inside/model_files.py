"""Which files of the model changed."""

from __future__ import annotations

from ketch.compare.explain.inside.change import Change
from ketch.compare.explain.mixing import Files, piece
from ketch.package import Descriptor, Package


class ModelFiles:
    """The model files of two packages."""

    def __init__(self, a: Package, b: Package) -> None:
        self._a, self._b = piece(a, "model"), piece(b, "model")
        paths = sorted(self._a.keys() | self._b.keys())
        self._paths = [path for path in paths if _digest(self._a, path) != _digest(self._b, path)]
        self.changes = tuple(
            Change("model", path, _digest(self._a, path), _digest(self._b, path))
            for path in self._paths
        )

    def files(self, some: frozenset[int]) -> Files:
        """Return the model of A, some of its files as B has them."""
        files = dict(self._a)
        for number in some:
            path = self._paths[number]
            files.pop(path, None)
            if path in self._b:
                files[path] = self._b[path]
        return files

    def along(self, some: frozenset[int]) -> frozenset[int]:  # noqa: ARG002 # nobody knows
        """Return nothing: which files need each other, only the package's code knows."""
        return frozenset()


def _digest(files: Files, path: str) -> str | None:
    found = files.get(path)
    return str(found.digest) if isinstance(found, Descriptor) else None
