"""The gradients of many networks against torch.autograd: the table of docs/networks.md.

python -m bench.networks --all          measure what has no figures yet, then write the table
python -m bench.networks resnet18 ...   measure these again

Each network is built with random weights from seed 0, written to a file and exported from it as `reverie export` does.
Its graphs for an early, a middle and the last layer run in ONNX Runtime; the network itself runs in torch, untouched,
with hooks on its modules.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.networks_list import DRAWN_ANEW, NETWORKS, PARTS
from bench.networks_table import write_table
from tests.figures import write_json

RESULTS = Path(__file__).parent / "results" / "networks.json"
PICTURES = 5
LIMIT_S = 900
"""The time limit for one network."""


def measure(network: str) -> dict[str, Any]:
    """Export ``network`` and compare three of its layers; return the figures by layer."""
    import onnx
    import onnx_ir as ir
    from reverie_export.layer_graph import layer_graph
    from reverie_export.layers import find_targets
    from reverie_export.normalise import normalise
    from reverie_export.sources.open import Overrides, open_source
    from reverie_export.weights import use_external, write_weights

    module = built(network)
    with tempfile.TemporaryDirectory() as folder:
        part = network in NETWORKS[PARTS]  # a file of weights would have to hold the heads as well
        weights = "random:0" if part else str(save(module, Path(folder) / "weights.safetensors"))
        begin = time.perf_counter()
        source = open_source(network, weights=weights, overrides=Overrides())
    names = normalise(source.graph, source.names)
    targets = find_targets(source.graph.graph, names, source.native_size)
    seconds = time.perf_counter() - begin
    chosen = choose(targets, returning(module, source))
    figures: dict[str, Any] = {
        "size": source.native_size[0],
        "layers": len(targets),
        "recommended": sum(target.recommended for target in targets.values()),
        "export_s": round(seconds, 1),
        "places": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for place, (target, _) in chosen.items():
            graph = layer_graph(source.graph.graph, target, source.normalisation)
            (own := Path(folder) / place).mkdir()
            use_external(graph.graph, write_weights(own, source.graph.graph, [graph.graph]))
            files[place] = own / target.file
            onnx.save(ir.to_proto(graph), files[place])
        for place, found in compare(files, chosen, module, source).items():
            target = chosen[place][0]
            figures["places"][place] = {"layer": target.name, "channels": target.channels, **found}
    return figures


def built(network: str) -> Any:
    """Return the network as its library makes it, with the weights of seed 0.

    Parameters whose elements are all equal, such as the zeros that many residual branches and heads start with, would
    block the gradient or hide a mistake, so they get noise of 0.1. Parts of detectors and segmenters are not changed.
    """
    import torch
    from reverie_export.sources.timm_network import timm_network
    from reverie_export.sources.torchvision_network import torchvision_network

    made = (timm_network if network.startswith("timm:") else torchvision_network)(network, "random:0")
    for module in made.module.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # it would overwrite what a hook has kept
    if network in NETWORKS[PARTS]:
        return made.module.eval()
    torch.manual_seed(0)
    if network in DRAWN_ANEW:
        for module in made.module.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight)
    with torch.no_grad():
        for parameter in made.module.parameters():
            if (parameter == parameter.flatten()[0]).all():
                parameter += 0.1 * torch.randn_like(parameter)
    return made.module.eval()


def save(module: Any, path: Path) -> Path:
    """Write the module's state; shared tensors are written more than once."""
    import safetensors.torch

    state = {name: tensor.clone().contiguous() for name, tensor in module.state_dict().items()}
    safetensors.torch.save_file(state, path)
    return path


def returning(module: Any, source: Any) -> set[str]:
    """Return the paths of the modules that return a tensor or a tuple that starts with one, not lists or maps.

    Modules whose tensor goes into a batch normalisation are left out, because the export folds it into them.
    """
    import torch

    kept: dict[str, Any] = {}
    normalised: list[Any] = []

    def look(path: str, part: Any, given: Any, result: Any) -> None:
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            normalised.append(given[0])
        if isinstance(_first(result), torch.Tensor):
            kept[path] = _first(result)

    hooks = [
        part.register_forward_hook(lambda part, given, result, path=path: look(path, part, given, result))
        for path, part in module.named_modules()
    ]
    with torch.no_grad():
        module(torch.zeros(1, source.channels, *source.native_size))
    for hook in hooks:
        hook.remove()
    folded = {id(tensor) for tensor in normalised}
    return {path for path, tensor in kept.items() if id(tensor) not in folded}


def _first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) else result


def choose(targets: Mapping[str, Any], paths: set[str]) -> dict[str, tuple[Any, str]]:
    """Return an early, a middle and the last of the layers that one module returns, with the module's path in torch."""
    able = []
    for target in targets.values():
        # For a convolution with a folded normalisation, the later name describes what it computes.
        path = next((name for name in (*target.aliases[::-1], target.name) if name in paths), None)
        if path is not None:
            able.append((target, path))
    good = [pair for pair in able if pair[0].recommended] or able
    return {
        "early": good[len(good) // 6],
        "middle": good[len(good) // 2],
        "last": able[-1],
    }


def compare(
    files: Mapping[str, Path], chosen: Mapping[str, tuple[Any, str]], module: Any, source: Any
) -> dict[str, dict[str, float]]:
    """Run each layer's graph in ONNX Runtime and the module in torch on random pictures; return relative L2 errors.

    The median of each error is returned, because a value near zero may fall on the other side of a ReLU, which changes
    one picture by far more than rounding does. `torch_worst` is the largest error of torch's own float32.
    """
    errors: dict[str, list[dict[str, float]]] = {place: [] for place in chosen}
    paths = [path for _, path in chosen.values()]
    double = copy.deepcopy(module).double()
    for seed in range(PICTURES):
        rng = np.random.default_rng(seed)
        image = rng.random((1, source.channels, *source.native_size), np.float32)
        exact = vjps(double, paths, image.astype(np.float64), source.normalisation)
        single = vjps(module, paths, image, source.normalisation)
        for place, (target, path) in chosen.items():
            activation, exact_pull = exact[path]
            seen = target.arrangement.apply(activation)
            cotangent = rng.standard_normal(seen.shape).astype(np.float32)
            back = target.arrangement.undo(cotangent, activation.shape)
            by_torch, by_double = single[path][1](back), exact_pull(back)
            found = by_graph(files[place], image, cotangent)
            errors[place].append(
                {
                    "activation_error": distance(found[0], seen),
                    "gradient_error": distance(found[1], by_torch),
                    "gradient_error_float64": distance(found[1], by_double),
                    "torch_float32_error": distance(by_torch, by_double),
                }
            )
    return {place: _summary(each) for place, each in errors.items()}


def _summary(errors: Sequence[Mapping[str, float]]) -> dict[str, float]:
    medians = {name: statistics.median(each[name] for each in errors) for name in errors[0]}
    return medians | {
        "worst": max(each["gradient_error"] for each in errors),
        "torch_worst": max(each["torch_float32_error"] for each in errors),
    }


def by_graph(file: Path, image: np.ndarray, cotangent: np.ndarray) -> list[np.ndarray]:
    """Return activation and gradient by the graph in a file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    found: list[np.ndarray] = session.run(["activation", "gradient"], {"image": image, "cotangent": cotangent})
    return found


def vjps(
    module: Any, paths: Sequence[str], image: np.ndarray, normalisation: Any
) -> dict[str, tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]]:
    """Return the output of the module at each path, and the function from its cotangent to the picture's gradient."""
    import torch

    picture = torch.from_numpy(image).requires_grad_()
    mean, std = (
        torch.tensor(numbers, dtype=torch.float32).to(picture.dtype).reshape(1, -1, 1, 1)
        for numbers in (normalisation.mean, normalisation.std)
    )
    kept: dict[str, Any] = {}

    def keep(path: str, result: Any) -> None:
        if path not in kept:  # if a module is called several times, the first call counts
            kept[path] = _first(result).clone()  # later layers may overwrite it

    hooks = [
        module.get_submodule(path).register_forward_hook(lambda _, __, result, path=path: keep(path, result))
        for path in dict.fromkeys(paths)
    ]
    # Of a cotangent that reaches a batch normalisation with its channels last, as from tokens, torch 2.14.1 makes
    # another gradient: in efficientformer_l1 it was off by 1.4, from torch's own finite differences too.
    hooks += [
        part.register_forward_hook(lambda _, __, result: _straighten(result))
        for part in module.modules()
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)
    ]
    module((normalisation.scale * picture - mean) / std)
    for hook in hooks:
        hook.remove()

    def pull(value: Any, cotangent: np.ndarray) -> np.ndarray:
        ahead = torch.from_numpy(cotangent).to(value.dtype)
        (gradient,) = torch.autograd.grad(value, picture, ahead, retain_graph=True)
        return np.asarray(gradient.numpy())

    return {path: (value.detach().numpy(), partial(pull, value)) for path, value in kept.items()}


def _straighten(result: Any) -> None:
    result.register_hook(lambda cotangent: cotangent.contiguous())


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the relative L2 distance; infinite for another shape."""
    if found.shape != expected.shape:
        return float("inf")
    wide = expected.astype(np.float64)
    return float(np.linalg.norm(found - wide) / (np.linalg.norm(wide) or 1.0))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each network in a separate process; record failures with their reason."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help="a name of torchvision's, or timm:NAME")
    parser.add_argument("--all", action="store_true", help="all that have no figures yet")
    parser.add_argument("--failed", action="store_true", help="those that failed, again")
    parser.add_argument("--jobs", type=int, default=1, help="number of networks at a time, each in a separate process")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        print(json.dumps(measure(given.one)))
        return
    rows: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known = [name for family in NETWORKS.values() for name in family]
    wanted = list(given.networks)
    if given.all:
        wanted += [name for name in known if name not in rows]
    if given.failed:
        wanted += [name for name in known if "problem" in rows.get(name, {})]
    with ThreadPoolExecutor(given.jobs) as pool:
        running = {pool.submit(measure_in_process, name): name for name in dict.fromkeys(wanted)}
        for done in as_completed(running):
            name = running[done]
            rows[name] = done.result()
            write_json(RESULTS, rows)
            print(name, rows[name].get("problem", "measured"), flush=True)
    write_table(rows)


def measure_in_process(network: str) -> dict[str, Any]:
    """Measure ``network`` in another process; if that fails, return its last line of output as the problem."""
    command = [sys.executable, "-W", "ignore", "-m", "bench.networks", "--one", network]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return {"problem": f"took more than {LIMIT_S} s"}
    if ran.returncode:
        lines = [line for line in ran.stderr.splitlines() if line.strip()] or [f"ended with {ran.returncode}"]
        return {"problem": lines[-1][:400]}
    figures: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    main()
