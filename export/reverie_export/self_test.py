"""Checks whether a network's preprocessing is plausible, on generated pictures.

Without data only gross mistakes can be found. The pictures are black, white, noise, a ramp, stripes, and noise with the
spectrum of photographs. Two things are checked:

- The output: it should be finite, change from picture to picture, not always be the same class, not be certain for all
  of them, and not be many times as strong for noise as for plain pictures.
- The first BatchNormalization of the file: its input should have the mean and variance that it was trained on. If not,
  common kinds of preprocessing are tried, and one that fits is named.

That usually finds a wrong scale or range, but not a wrong order of colours or means that are a little off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from reverie_proto.sizes import Size

from reverie_export.evaluate import CannotEvaluate, evaluate
from reverie_export.geometry import Geometry
from reverie_export.sources.onnx_file import OnnxReference
from reverie_export.sources.source import Floats, Normalisation, Source

SIZES_PX = (64, 96, 128)  # tried before the native size, to save time
SAME = 1e-3  # of the spread over classes: an output that changes less from picture to picture is constant
CERTAIN = 0.9999
PLAIN = ("black", "white", "a ramp")
STRONGEST = 8.0  # times the output for plain pictures; about 2 for trained networks with the right preprocessing
FEWEST_CLASSES = 5  # with fewer, all pictures may well belong to one
# How far photographs differ from generated noise, at most: ten times the variance, three deviations of the mean.
LARGEST_RATIO, LARGEST_SHIFT = 10.0, 3.0
REMEDY = "see --mean, --std, --range and --bgr"

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
COMMON: Mapping[str, Normalisation] = {
    "--range 0,1": Normalisation(),
    "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225": Normalisation(*IMAGENET),
    "--range -1,1": Normalisation((1.0,) * 3, scale=2.0),
    "--range 0,255": Normalisation(scale=255.0),
    "--range 0,255 --mean 104,117,124 --bgr": Normalisation((104.0, 117.0, 124.0), scale=255.0, channel_order="BGR"),
}


@dataclass(frozen=True)
class Fit:
    """How a BatchNormalization's input compares with what it was trained on: medians over the channels."""

    ratio: float  # of variances, always at least 1
    shift: float  # of means, in deviations

    @property
    def good(self) -> bool:
        """Whether the difference can be explained by the pictures."""
        return self.ratio <= LARGEST_RATIO and self.shift <= LARGEST_SHIFT


def warnings_about(source: Source) -> list[str]:
    """Return what is implausible about the preprocessing of a network in an .onnx file, a sentence each."""
    reference = source.reference
    if not isinstance(reference, OnnxReference):
        return []
    result = next((v for v in reference.graph.outputs if v.name), None)
    if result is None:
        return []
    pictures = drawn(source.channels, _size(reference, result.name or "", source.native_size))
    answers = _answers(reference, pictures, source.normalisation, result.name or "")
    found = _about_answers(list(pictures), answers, source.labels) if answers is not None else []
    return found + _about_statistics(reference, pictures, source.normalisation)


def drawn(channels: int, size: Size) -> dict[str, Floats]:
    """Return very different pictures [1, C, H, W] in [0, 1], float32."""
    rng = np.random.default_rng(0)
    flat = np.ones((1, channels, *size), np.float32)
    ramp = np.linspace(0, 1, size[1], dtype=np.float32)
    stripes = (np.arange(size[0]) // 4 % 2).astype(np.float32)
    return {
        "black": 0 * flat,
        "white": flat,
        "a ramp": flat * ramp,
        "stripes": flat * stripes[:, None],
        "noise": rng.random(flat.shape, np.float32),
        "cloudy noise": clouds(rng, channels, size),
        "other cloudy noise": clouds(rng, channels, size),
        "cloudy noise again": clouds(rng, channels, size),
    }


def clouds(rng: np.random.Generator, channels: int, size: Size) -> Floats:
    """Return noise with the spectrum of photographs, amplitude 1 / frequency, and correlated colours."""
    frequency = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None])
    waves = np.fft.rfft2(rng.standard_normal((channels + 1, *size))) / np.maximum(frequency, 1 / max(size))
    planes = np.fft.irfft2(waves, size)
    planes = planes[:1] + 0.3 * planes[1:]
    planes = 0.45 + 0.25 * (planes - planes.mean()) / planes.std()
    return np.asarray(np.clip(planes, 0, 1)[None], np.float32)


def _size(reference: OnnxReference, value: str, native: Size) -> Size:
    if reference.entry.layout != "NCHW":
        return native
    geometry = Geometry(reference.graph)
    return next(((s, s) for s in SIZES_PX if s < min(native) and value in geometry.shapes(1, s, s)), native)


def _run(reference: OnnxReference, picture: Floats, normalisation: Normalisation, value: str) -> Floats:
    seen = normalisation.apply(picture)
    seen = seen if reference.entry.layout == "NCHW" else seen.transpose(0, 2, 3, 1)
    return np.asarray(evaluate(reference.graph, {reference.entry.name: seen}, [value])[value])


def _answers(
    reference: OnnxReference, pictures: Mapping[str, Floats], normalisation: Normalisation, value: str
) -> Floats | None:
    """Return the output for each picture, [pictures, classes]; None if it is not a classifier or cannot be run."""
    rows = []
    for picture in pictures.values():
        try:
            answer = _run(reference, picture, normalisation, value)
        except (CannotEvaluate, KeyError):
            return None
        if answer.ndim < 2 or answer.size != answer.shape[1] or answer.size < 2:
            return None
        rows.append(answer.reshape(-1).astype(np.float64))
    return np.stack(rows)


def _about_answers(names: Sequence[str], answers: Floats, labels: Sequence[str]) -> list[str]:
    count, classes = answers.shape
    if not np.isfinite(answers).all():
        return [f"the network's answer overflows for drawn pictures: is the preprocessing right? {REMEDY}"]
    spread = answers.std(axis=1).mean()
    if answers.std(axis=0).max() <= SAME * spread or spread == 0:
        return [
            f"the network answers the same to {count} very different pictures; is the preprocessing right? {REMEDY}"
        ]
    best = answers.argmax(axis=1)
    found = []
    if classes >= FEWEST_CLASSES and len(set(best.tolist())) == 1:
        name = labels[best[0]] if best[0] < len(labels) else f"class {best[0]}"
        found.append(
            f"{count} very different pictures, from black to noise, are all {name!r} to the network;"
            f" is the preprocessing right? {REMEDY}"
        )
    if (_probabilities(answers).max(axis=1) > CERTAIN).all():
        found.append(
            f"the network is certain, to {CERTAIN:.2%}, what each of {count} meaningless pictures is;"
            f" is the preprocessing right? {REMEDY}"
        )
    plain = np.array([name in PLAIN for name in names])
    strength = answers.std(axis=1)
    calm = np.median(strength[plain])
    if calm and (ratio := np.median(strength[~plain]) / calm) > STRONGEST:
        found.append(
            f"the network answers {ratio:.0f} times as strongly to noise and stripes as to plain pictures: its numbers"
            f" may be too large; is the preprocessing right? {REMEDY}"
        )
    return found


def _probabilities(answers: Floats) -> Floats:
    if answers.min() >= 0 and np.allclose(answers.sum(axis=1), 1, atol=1e-3):
        return answers
    powers = np.exp(answers - answers.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _about_statistics(reference: OnnxReference, pictures: Mapping[str, Floats], stated: Normalisation) -> list[str]:
    node = next((n for n in reference.graph if n.op_type == "BatchNormalization"), None)
    if node is None or node.inputs[0] is None:
        return []
    trained = [v.const_value.numpy() for v in node.inputs[3:5] if v is not None and v.const_value is not None]
    photographs = [picture for name, picture in pictures.items() if "cloudy" in name]
    if len(trained) != 2:
        return []
    value = node.inputs[0].name or ""
    try:
        fit = _fit(reference, photographs, stated, value, *trained)
        if fit.good:
            return []
        others = {
            option: _fit(reference, photographs, other, value, *trained)
            for option, other in COMMON.items()
            if len(stated.mean) == len(other.mean)
        }
    except (CannotEvaluate, KeyError, ValueError):
        return []
    best = min(others, key=lambda option: others[option].ratio * (1 + others[option].shift), default="")
    better = f"{best} would fit" if best and others[best].good else f"none of the common ones fits; {REMEDY}"
    return [
        f"the first BatchNormalization, {(node.name or node.outputs[0].name)!r}, sees a variance {fit.ratio:.3g} times"
        f" off what it was trained on, and a mean {fit.shift:.3g} deviations off: is the preprocessing right? {better}"
    ]


def _fit(
    reference: OnnxReference,
    pictures: Sequence[Floats],
    normalisation: Normalisation,
    value: str,
    mean: Floats,
    variance: Floats,
) -> Fit:
    seen = np.concatenate([_run(reference, picture, normalisation, value) for picture in pictures])
    axes = (0, *range(2, seen.ndim))
    deviation = np.sqrt(np.maximum(variance, 1e-12))
    ratios = np.maximum(seen.var(axis=axes), 1e-12) / np.maximum(variance, 1e-12)
    shift = float(np.median(np.abs(seen.mean(axis=axes) - mean) / deviation))
    return Fit(float(np.median(np.maximum(ratios, 1 / ratios))), shift)
