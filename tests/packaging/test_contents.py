"""The contents of the sdist and the wheel: complete packages, and no tests, benches or weights of other networks."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from tests.packaging.checkout import FOLDERS, PACKAGES, PYPROJECT, tracked

# What hatchling adds to the sdist by itself.
ADDED = {"PKG-INFO", "pyproject.toml", "README.md", "LICENSE", ".gitignore"}
MODEL = PurePosixPath("reverie_ascent/embedded/texture19")


def in_wheel(wheel: Path) -> dict[str, int]:
    """Return the size of each file of a wheel, except for the metadata files of the format."""
    with zipfile.ZipFile(wheel) as archive:
        return {each.filename: each.file_size for each in archive.infolist() if ".dist-info/" not in each.filename}


def in_sdist(sdist: Path) -> dict[str, int]:
    """Return the size of each file of an sdist, by its path in the checkout."""
    with tarfile.open(sdist) as archive:
        return {each.name.partition("/")[2]: each.size for each in archive if each.isfile()}


def test_the_wheel_holds_the_packages_of_the_repository(wheel: Path) -> None:
    protocol = {f"reverie_proto/{path}" for path in tracked("proto/reverie")}
    assert set(in_wheel(wheel)) == {path.partition("/")[2] for path in tracked(*PACKAGES)} | protocol


def test_the_sdist_holds_the_packages_and_the_protocol_and_no_more(sdist: Path) -> None:
    assert set(in_sdist(sdist)) == tracked(*FOLDERS, "CHANGELOG.md") | ADDED


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_marked_as_typed(package: str, wheel: Path) -> None:
    assert f"{package.partition('/')[2]}/py.typed" in in_wheel(wheel)


def test_the_embedded_model_is_complete(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        manifest = json.loads(archive.read(str(MODEL / "manifest.json")))
    listed = {each["name"]: int(each["size_bytes"]) for each in manifest["files"]}
    held = {Path(name).name: size for name, size in in_wheel(wheel).items() if PurePosixPath(name).parent == MODEL}
    assert held.keys() == listed.keys() | {"manifest.json"}
    assert all(held[name] == size for name, size in listed.items())


def test_the_only_large_file_is_the_weights_of_the_embedded_model(wheel: Path, sdist: Path) -> None:
    large = [name for files in (in_wheel(wheel), in_sdist(sdist)) for name, size in files.items() if size > 1 << 20]
    assert large == [str(MODEL / "weights.bin"), f"ascent/{MODEL}/weights.bin"]


def test_the_license_and_the_version_are_included(wheel: Path) -> None:
    version = PYPROJECT["project"]["version"]
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"reverie-{version}.dist-info/METADATA").decode()
        assert f"reverie-{version}.dist-info/licenses/LICENSE" in archive.namelist()
    assert f"Version: {version}\n" in metadata
    assert "License-Expression: Apache-2.0\n" in metadata
