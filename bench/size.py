"""What an installed ketch weighs: distributions and megabytes, the heaviest first.

    python bench/size.py [PROJECT]

Installs the project, without its development dependencies, into an environment of its own
in a temporary folder, from the configured index. Prints one JSON object.
"""

import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

UV = Path(sys.executable).with_name("uv")


def main(project: str = str(Path(__file__).parents[1])) -> None:
    with tempfile.TemporaryDirectory(prefix="ketch-bench-") as folder:
        made = Path(folder, "installed")
        subprocess.run([UV, "venv", "-q", "-p", sys.executable, made], check=True)
        install = [UV, "pip", "install", "-q", "-p", made / "bin" / "python", project]
        subprocess.run(install, check=True)
        sizes = {info.name: size_of(info) for info in made.rglob("*.dist-info")}
        every = sum(path.lstat().st_size for path in made.rglob("*") if path.is_file())
    heaviest = sorted(sizes.items(), key=lambda one: -one[1])
    told = {
        "python": platform.python_version(),
        "distributions": len(sizes),
        "megabytes": round(every / 1e6, 1),
        "heaviest_mb": {
            name.removesuffix(".dist-info"): round(size / 1e6, 1) for name, size in heaviest
        },
    }
    print(json.dumps(told, indent=1))


def size_of(info: Path) -> int:
    """Return the bytes of every file that a distribution installed."""
    lines = (info / "RECORD").read_text("utf-8").splitlines()
    files = (info.parent / line.rsplit(",", 2)[0] for line in lines)
    return sum(file.stat().st_size for file in files if file.is_file())


if __name__ == "__main__":
    main(*sys.argv[1:])
