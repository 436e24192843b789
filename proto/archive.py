"""Puts the .proto files of the protocol into one archive, for authors of clients.

Run as `python proto/archive.py FOLDER`, or `make protos`; it prints the archive. The same files give the same bytes.
"""

from __future__ import annotations

import sys
import tomllib
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
#: The oldest time that the format knows.
NO_TIME = (1980, 1, 1, 0, 0, 0)


def archive(folder: Path) -> Path:
    """Write reverie-protos-VERSION.zip with the files of `reverie.v1`, buf's settings and the licence; return it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    name = f"reverie-protos-{version}"
    files = {path.relative_to(HERE).as_posix(): path for path in sorted((HERE / "reverie").rglob("*.proto"))}
    files |= {"buf.yaml": HERE / "buf.yaml", "LICENSE": ROOT / "LICENSE"}
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for inside, path in files.items():
            made.writestr(zipfile.ZipInfo(f"{name}/{inside}", NO_TIME), path.read_bytes())
    return target


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python proto/archive.py FOLDER")
    print(archive(Path(sys.argv[1])))
