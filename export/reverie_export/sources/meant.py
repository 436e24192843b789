"""What a user probably meant by a source that is not one, and the command to type instead.

Nothing is imported or unpickled for it, and torch is not needed.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
import re
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from shlex import quote

from reverie_export.errors import nearest
from reverie_export.sources.callables import candidates

WEIGHTS = (".bin", ".ckpt", ".pt", ".pth", ".safetensors")
URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")  # a model of the Hugging Face hub: OWNER/NAME
LIBRARY = re.compile(r"(?:torchvision[./]models[./]|torchvision[./:])(\w+)|timm[./](?:models[./])?(\w[\w.]*)")
MOST_FILES = 3

# For each file of another framework: what it is, and the command that makes an .onnx file of it, where there is one.
KERAS = "python -c \"import keras; keras.models.load_model('{path}').export('{stem}.onnx', format='onnx')\""
CONVERTERS: Mapping[str, tuple[str, str]] = {
    ".tflite": ("a network of TensorFlow Lite", "python -m tf2onnx.convert --tflite {path} --output {stem}.onnx"),
    ".h5": ("a network or the weights of Keras", KERAS),
    ".hdf5": ("a network or the weights of Keras", KERAS),
    ".keras": ("a network of Keras", KERAS),
    ".pb": (
        "a graph of TensorFlow",
        "python -m tf2onnx.convert --graphdef {path} --inputs INPUT:0 --outputs OUTPUT:0 --output {stem}.onnx",
    ),
    ".pt2": (
        "an exported program of torch",
        "python -c \"import torch; torch.onnx.export(torch.export.load('{path}'), f='{stem}.onnx', dynamo=True)\"",
    ),
    ".pdmodel": (
        "a network of PaddlePaddle",
        "paddle2onnx --model_dir {folder} --model_filename {name} --params_filename {stem}.pdiparams"
        " --save_file {stem}.onnx",
    ),
    ".mlmodel": ("a network of Core ML", ""),
    ".mlpackage": ("a network of Core ML", ""),
    ".ort": ("a network prepared for ONNX Runtime", ""),
    ".engine": ("a network built for one GPU", ""),
    ".trt": ("a network built for one GPU", ""),
    ".xml": ("a network of OpenVINO", ""),
    ".caffemodel": ("the weights of a network of Caffe", ""),
    ".prototxt": ("a network of Caffe", ""),
    ".gguf": ("a language model", ""),
}
SCRIPTED = (
    "python -c \"import torch; torch.onnx.export(torch.jit.load('{path}'), (torch.zeros(1, 3, 224, 224),),"
    " '{stem}.onnx', dynamo=False)\""
)


def is_onnx(source: str) -> bool:
    """Whether ``source`` is named as an .onnx file on this machine."""
    return source.lower().endswith(".onnx") and not URL.fullmatch(source) and not Path(source).is_dir()


def meant(source: str, networks: Collection[str] = ()) -> str | None:
    """Return a sentence about what ``source`` is and the command to type; None if there is nothing to say.

    ``networks`` are the names of torchvision's networks, if it is installed.
    """
    if source in networks:
        return None
    path = Path(source)
    if URL.fullmatch(source):
        file = source.partition("?")[0].rstrip("/").rpartition("/")[2] or "network.onnx"
        get = f"curl -L -o {quote(file)} {quote(source)}"
        return f"{source} is an address; download it first: {get}; then: {_export(file)}"
    if path.is_dir():
        return _folder(source, path)
    file, colon, call = source.rpartition(":")
    if colon and file.endswith(".py"):
        return _script(file, call)
    if path.suffix == ".py":
        return _script(source, "")
    if path.suffix.lower() in WEIGHTS:
        return _weights(source, path, networks)
    if path.suffix.lower() in CONVERTERS:
        return _foreign(source, path)
    if found := LIBRARY.fullmatch(source):
        plain = found[1] or f"timm:{found[2]}"
        return f"{source!r} is written {plain} here: {_export(plain)}"
    return _module(source) if not colon else None


def not_a_network(source: str) -> str:
    """Return the end of a sentence for a name that nothing is known about."""
    if HUB.fullmatch(source) and not Path(source).parent.is_dir():
        name = source.rpartition("/")[2]
        return (
            f"; a model of the Hugging Face hub is converted first: optimum-cli export onnx --model {source} {name};"
            f" then: {_export(f'{name}/model.onnx')}"
        )
    return ""


def _export(source: str, more: str = "") -> str:
    return f"reverie export {quote(source)}{more} --out models"


def _folder(source: str, path: Path) -> str:
    if (path / "manifest.json").is_file():
        return (
            f"{source} is a model that was exported already; look at it: reverie layers {_model_name(path)}"
            f" --models {path}; or serve it: reverie serve --models {path}"
        )
    if models := sorted(f.parent.name for f in path.glob("[!.]*/manifest.json")):
        return f"{source} is a folder of exported models ({_some(models)}); serve them: reverie serve --models {path}"
    if (path / "saved_model.pb").is_file():
        made = f"{path.resolve().name}.onnx"
        return (
            f"{source} is a SavedModel of TensorFlow; convert it first: python -m tf2onnx.convert --saved-model {path}"
            f" --output {made}; then: {_export(made)}"
        )
    if files := sorted(path.glob("*.onnx")):
        named = _some([file.name for file in files])
        return f"{source} is a folder; name one of its files ({named}): {_export(str(files[0]))}"
    if (path / "config.json").is_file():
        return (
            f"{source} is a folder as Hugging Face writes it; convert it first: optimum-cli export onnx --model {path}"
            f" {path}-onnx; then: {_export(f'{path}-onnx/model.onnx')}"
        )
    for script in sorted(path.glob("*.py")):
        if found := candidates(script):
            return f"{source} is a folder; name a callable of a module: {_export(f'{_dotted(script)}:{found[0]}')}"
    if files := sorted(f for f in path.iterdir() if f.suffix.lower() in WEIGHTS):
        return (
            f"{source} is a folder; its {files[0].name} holds weights, which need their network:"
            f" {_export('NETWORK', f' --weights {quote(str(files[0]))}')}"
        )
    return f"{source} is a folder that holds no network; a source is a name, package.module:callable or an .onnx file"


def _model_name(path: Path) -> str:
    try:
        return str(json.loads((path / "manifest.json").read_bytes())["name"])
    except (OSError, ValueError, LookupError, TypeError):
        return path.resolve().name


def _script(file: str, call: str) -> str:
    path = Path(file)
    if not path.is_file():
        siblings = [p.name for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
        return f"no file {file}{nearest(path.name, siblings)}; a network of your own is named package.module:callable"
    known = candidates(path)
    name = call if call in known or (call and not known) else (known[0] if known else "build")
    if not known:
        return (
            f"{file} is a Python file without a callable that returns a network; add a function, such as"
            f" `def build(): return MyNet()`, and type: {_in_folder(path, name)}"
        )
    which = "" if call in known else f" (it has {_some(known)})"
    return f"{file} is a Python file; name its module and a callable{which}: {_in_folder(path, name)}"


def _in_folder(path: Path, call: str) -> str:
    """Return the command that exports a callable of a file, begun in another folder if that is needed."""
    dotted = _dotted(path)
    if dotted == path.stem and path.resolve().parent != Path.cwd():
        return f"cd {path.parent} && {_export(f'{dotted}:{call}')}"
    return _export(f"{dotted}:{call}")


def _dotted(path: Path) -> str:
    """Return the name of a file's module as it is imported from the current folder, or from its own if it must be."""
    whole = path.resolve()
    plain = whole.parent if whole.name == "__init__.py" else whole.with_suffix("")
    try:
        parts = plain.relative_to(Path.cwd()).parts
    except ValueError:
        return plain.name
    return ".".join(parts) if all(part.isidentifier() for part in parts) else plain.name


def _weights(source: str, path: Path, networks: Collection[str]) -> str:
    if not path.is_file():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        missing = f"no file {source}{nearest(path.name, siblings)}; "
        return f"{missing}a file of weights needs its network: {_export('NETWORK', f' --weights {quote(source)}')}"
    if path.suffix.lower() in (".pt", ".pth") and _is_torchscript(path):
        return _convert(source, path, "a TorchScript program", SCRIPTED)
    network = next((name for name in (*_likely(path.stem, networks), *_own(path.stem))), "")
    what = "" if network else ", a name of torchvision's or package.module:callable"
    typed = _export(network or "NETWORK", f" --weights {quote(source)}")
    return f"{source} holds weights, not a network; name the network that they are for{what}: {typed}"


def _is_torchscript(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _likely(stem: str, networks: Collection[str]) -> list[str]:
    """Return the names of networks that a file name begins with, as in resnet50-0676ba61, longest first."""
    return sorted((n for n in networks if re.match(rf"{re.escape(n)}([-_.]|$)", stem)), key=len, reverse=True)


def _own(stem: str) -> list[str]:
    """Return callables of a module in the current folder whose name is like that of a file."""
    scripts = {script.stem: script for script in sorted(Path().glob("*.py"))}
    near = difflib.get_close_matches(stem, scripts, n=1, cutoff=0.5)
    return [f"{name}:{call}" for name in near for call in candidates(scripts[name])]


def _foreign(source: str, path: Path) -> str:
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        return f"no file {source}{nearest(path.name, siblings)}"
    what, command = CONVERTERS[path.suffix.lower()]
    if not command:
        return f"{source} is {what}; export the .onnx file that it was made from: {_export(f'{path.stem}.onnx')}"
    return _convert(source, path, what, command)


def _convert(source: str, path: Path, what: str, command: str) -> str:
    typed = command.format(path=path, folder=path.parent, name=path.name, stem=path.stem)
    return f"{source} is {what}; convert it first: {typed}; then: {_export(f'{path.stem}.onnx')}"


def _module(source: str) -> str | None:
    """Return the sentence for a module whose callable was forgotten, or written after a dot."""
    if (file := _file_of(source)) is not None:
        known = candidates(file)
        if known:
            return (
                f"{source} is a Python module; name the callable that returns the network after a colon"
                f" (it has {_some(known)}): {_export(f'{source}:{known[0]}')}"
            )
        return (
            f"{source} is a Python module without a callable that returns a network; add a function, such as"
            f" `def build(): return MyNet()`, and type: {_export(f'{source}:build')}"
        )
    home, dot, call = source.rpartition(".")
    if dot and (file := _file_of(home)) is not None:
        known = candidates(file)
        if call in known or not known:
            return f"the callable stands after a colon: {_export(f'{home}:{call}')}"
        return (
            f"{home} is a Python module and has no {call!r}{nearest(call, known)}; name one of its callables"
            f" ({_some(known)}): {_export(f'{home}:{known[0]}')}"
        )
    return None


def _file_of(dotted: str) -> Path | None:
    """Return the file of a module in the current folder, or of one that is installed; nothing is imported."""
    parts = dotted.split(".")
    if not all(re.fullmatch(r"[\w-]+", part) for part in parts):
        return None
    base = Path(*parts)
    for file in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
        if file.is_file():
            return file
    try:
        spec = importlib.util.find_spec(parts[0]) if parts[0].isidentifier() else None
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    origin = Path(spec.origin)
    if len(parts) == 1:
        return origin
    inner = origin.parent.joinpath(*parts[1:])
    files = (inner.with_name(f"{inner.name}.py"), inner / "__init__.py")
    return next((file for file in files if origin.name == "__init__.py" and file.is_file()), None)


def _some(names: list[str]) -> str:
    more = len(names) - MOST_FILES
    return ", ".join(names[:MOST_FILES]) + (f" and {more} more" if more > 0 else "")
