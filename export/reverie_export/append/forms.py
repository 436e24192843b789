"""The forms of files that hold encoders: directions, and the autoencoders of overcomplete, SAELens and Prisma.

Formulas: overcomplete 0.3.0 ``sae/modules.py``, ``topk_sae.py`` and ``jump_sae.py``; SAELens 6 ``saes/sae.py``; Prisma
``sae/sae.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reverie_export.append.encoder import Activation, Encoder, JumpRelu, Relu, TopK
from reverie_export.append.files import SUFFIXES, Contents, floats, read_npy, read_safetensors
from reverie_export.append.request import Request
from reverie_export.errors import BadWeights
from reverie_export.sources.source import Floats

MOST_SHOWN = 12  # keys in one message
BATCH_NORM_EPSILON = 1e-5  # torch's default, which overcomplete keeps


def read_encoder(request: Request) -> Encoder:
    """Read the encoder in the request's file. Raises BadWeights, with one sentence, for everything wrong with it."""
    if request.file.suffix == ".npy":
        return _directions(request)
    if request.file.suffix != ".safetensors":
        raise BadWeights(
            f"{request}: {request.file.name} is neither {' nor '.join(SUFFIXES)}; save a state dict with"
            " safetensors.torch.save_file, or a matrix [count, channels] with numpy.save"
        )
    contents = read_safetensors(request)
    keys = set(contents.tensors)
    for form in FORMS:
        if form.needs <= keys and all(key in form.needs | form.may or key.startswith(form.ignores) for key in keys):
            made = form.build(_File(request, contents))
            _check(request, made)
            return made
    raise BadWeights(_unknown(request, keys))


# ----- directions -----


def _directions(request: Request) -> Encoder:
    array = read_npy(request)
    if array.ndim not in (1, 2) or not array.size:
        raise BadWeights(
            f"{request}: the array has the shape {list(array.shape)}; directions are [count, channels], or [channels]"
            " for one"
        )
    return Encoder(np.atleast_2d(floats(request, request.file.name, array)))


# ----- autoencoders -----


@dataclass(frozen=True)
class _File:
    """The file that an encoder is made of."""

    request: Request
    contents: Contents

    def __contains__(self, key: str) -> bool:
        return key in self.contents.tensors

    def tensor(self, key: str, *shape: int) -> Floats:
        """Return a tensor that has so many axes or, where ``shape`` gives sizes, these."""
        found = floats(self.request, key, self.contents.tensors[key])
        if len(found.shape) != len(shape) or any(want not in (0, have) for want, have in zip(shape, found.shape)):  # noqa: B905
            wanted = ", ".join(str(n or "?") for n in shape)
            raise BadWeights(f"{self.request}: {key} has the shape {list(found.shape)}, not [{wanted}]")
        return found

    def state(self, key: str, default: Any = None) -> Any:
        """Return what the file or the settings beside it state."""
        return self.contents.stated.get(key, default)

    def whole(self, *keys: str) -> int | None:
        """Return the whole number that the first of ``keys`` states."""
        for key in keys:
            if (found := self.state(key)) is not None:
                if not isinstance(found, int) or isinstance(found, bool) or found < 1:
                    raise BadWeights(f"{self.request}: {key} is {found!r}, not a whole number from 1 on")
                return found
        return None


def _overcomplete(file: _File) -> Encoder:
    """Linear, or linear and batch normalisation, without a decoder's bias."""
    first, norm = "encoder.final_block.0", "encoder.final_block.1"
    weight = file.tensor(f"{first}.weight", 0, 0)
    bias = file.tensor(f"{first}.bias", len(weight)) if f"{first}.bias" in file else np.zeros(len(weight), np.float32)
    if f"{norm}.running_var" in file:
        scale, offset, mean, variance = (
            file.tensor(f"{norm}.{part}", len(weight)).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = scale / np.sqrt(variance + BATCH_NORM_EPSILON)
        weight = np.asarray(weight * scale[:, None], np.float32)
        bias = np.asarray((bias - mean) * scale + offset, np.float32)
    return _with_overcompletes_activation(file, Encoder(weight, bias))


def _overcomplete_untied(file: _File) -> Encoder:
    """The encoder of ``sae.untied()``."""
    weight = file.tensor("encoder.weight", 0, 0)
    bias = file.tensor("encoder.bias", len(weight)) if "encoder.bias" in file else None
    return _with_overcompletes_activation(file, Encoder(weight, bias))


def _with_overcompletes_activation(file: _File, encoder: Encoder) -> Encoder:
    if "thresholds" in file:
        with np.errstate(over="ignore"):
            thresholds = np.exp(file.tensor("thresholds", encoder.count))
        return replace(encoder, activation=JumpRelu(floats(file.request, "exp(thresholds)", thresholds), True))
    if (k := file.whole("top_k", "k")) is not None:
        return replace(encoder, activation=TopK(k))
    if file.state("activation") == "relu":
        return replace(encoder, activation=Relu())
    return replace(encoder, remarks=(NOT_SAID.format(file.request),))


NOT_SAID = (
    "{}: overcomplete does not store what follows its encoder, so there is no encoded layer; save the file with"
    ' metadata={{"top_k": "32"}}, or {{"activation": "relu"}}, for one'
)


def _sae_lens(file: _File) -> Encoder:
    """SAELens and Prisma have the same names; only SAELens can leave the decoder's bias alone."""
    request = file.request
    weight = file.tensor("W_enc", 0, 0).T
    count, channels = weight.shape
    bias = file.tensor("b_enc", count)
    normalises = _normalises(file)
    shift = file.tensor("b_dec", channels) if "b_dec" in file and file.state("apply_b_dec_to_input", True) else None
    remarks: tuple[str, ...] = ()
    if shift is not None and not file.contents.beside and file.state("apply_b_dec_to_input") is None:
        remarks = (
            f"{request}: no cfg.json is beside it, so b_dec is subtracted first and nothing is normalised, as SAELens"
            " does by default",
        )
    if file.state("rescale_acts_by_decoder_norm") and "W_dec" in file:
        norm = np.linalg.norm(file.tensor("W_dec", count, channels), axis=1)
        weight, bias = weight * norm[:, None], bias * norm
    encoder = Encoder(np.ascontiguousarray(weight), bias, shift, normalises, remarks=remarks)
    return replace(encoder, activation=_sae_lens_activation(file, count))


def _sae_lens_activation(file: _File, count: int) -> Activation | None:
    architecture = file.state("architecture", "jumprelu" if "threshold" in file else "standard")
    if architecture not in ARCHITECTURES or file.state("is_transcoder"):
        found = "transcoder" if architecture in ARCHITECTURES else architecture
        raise BadWeights(
            f"{file.request}: its architecture is {found!r}; {', '.join(ARCHITECTURES)} can be appended, others give"
            " their directions as .npy"
        )
    function = file.state("activation_fn_str", file.state("activation_fn", "relu"))
    if architecture == "topk" or function == "topk":
        arguments = file.state("activation_fn_kwargs")
        k = file.whole("k") or (arguments.get("k") if isinstance(arguments, dict) else None)
        if not isinstance(k, int):
            raise BadWeights(f"{file.request}: it is a TopK autoencoder, and no k is stated; add one to its cfg.json")
        return TopK(k)
    if architecture == "jumprelu":
        if "threshold" not in file:
            raise BadWeights(f"{file.request}: it is a JumpReLU autoencoder without the tensor threshold")
        return JumpRelu(file.tensor("threshold", count))
    return Relu() if function == "relu" else None


ARCHITECTURES = ("standard", "topk", "jumprelu")
NORMALISATIONS: dict[Any, str] = {
    "constant_norm_rescale": "train without it",
    "covariance_whitening": "fold it with sae.fold_activation_whitening and save the file again",
    "expected_average_only_in": "fold it with sae.fold_activation_norm_scaling_factor and save the file again",
}


def _normalises(file: _File) -> bool:
    """Return whether inputs get mean 0 and deviation 1; raise BadWeights for another normalisation, by its name."""
    found = file.state("normalize_activations")
    found = "expected_average_only_in" if found is True else found
    if found in (None, False, "none"):
        return False
    if found == "layer_norm":
        return True
    remedy = NORMALISATIONS.get(found, "none and layer_norm are known")
    raise BadWeights(f"{file.request}: normalize_activations is {found!r}, which a graph cannot repeat; {remedy}")


# ----- what is known -----


@dataclass(frozen=True)
class _Form:
    """A form of autoencoder, recognised by its keys."""

    origin: str
    needs: frozenset[str]
    may: frozenset[str]
    build: Callable[[_File], Encoder]
    ignores: tuple[str, ...] = ()  # what keys begin with that have no part in encoding


_BATCH_NORM = frozenset(
    f"encoder.final_block.1.{part}" for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
)
FORMS = (
    _Form(
        "overcomplete",
        frozenset(("encoder.final_block.0.weight", *_BATCH_NORM - {"encoder.final_block.1.num_batches_tracked"})),
        frozenset(("encoder.final_block.0.bias", "encoder.final_block.1.num_batches_tracked", "thresholds")),
        _overcomplete,
        ("dictionary.",),
    ),
    _Form(
        "overcomplete",
        frozenset(("encoder.final_block.0.weight",)),
        frozenset(("encoder.final_block.0.bias", "thresholds")),
        _overcomplete,
        ("dictionary.",),
    ),
    _Form(
        "overcomplete, untied",
        frozenset(("encoder.weight",)),
        frozenset(("encoder.bias", "thresholds")),
        _overcomplete_untied,
        ("dictionary.",),
    ),
    _Form(
        "SAELens and Prisma",
        frozenset(("W_enc", "b_enc")),
        frozenset(("W_dec", "b_dec", "scaling_factor", "threshold")),
        _sae_lens,
    ),
)
KNOWN = (
    "overcomplete's (encoder.final_block.0.weight and .bias, or encoder.weight), SAELens's (W_enc, b_enc, b_dec,"
    " threshold) and Prisma's (W_enc, b_enc, b_dec)"
)
# Keys that name what the file is.
TELLTALE: Mapping[str, str] = {
    "b_gate": "of a gated autoencoder, which has two pre-activations",
    "encoder.mlp_blocks": "of an encoder with hidden layers",
    "encoder.final_block.1": "of an encoder with layer normalisation",
    "encoder.tied_to": "of an encoder tied to its dictionary; save sae.untied() or the dictionary as .npy",
}


def _unknown(request: Request, keys: set[str]) -> str:
    shown = sorted(keys)
    more = f" and {len(shown) - MOST_SHOWN} more" if len(shown) > MOST_SHOWN else ""
    why = next((f", {what}" for start, what in TELLTALE.items() if any(key.startswith(start) for key in keys)), "")
    return (
        f"{request}: its keys are {', '.join(shown[:MOST_SHOWN]) or 'none'}{more}{why}; known are {KNOWN}; rename the"
        " tensors, or save the encoder's rows as .npy"
    )


def _check(request: Request, encoder: Encoder) -> None:
    """Raise BadWeights for what follows from the encoder as a whole."""
    if not encoder.count or not encoder.channels:
        raise BadWeights(f"{request}: its encoder is [{encoder.count}, {encoder.channels}], which is empty")
    if isinstance(encoder.activation, TopK) and encoder.activation.k > encoder.count:
        raise BadWeights(f"{request}: k is {encoder.activation.k}, and there are only {encoder.count} latents")
    for what, array in (("weight", encoder.weight), ("bias", encoder.bias)):
        if array is not None:
            floats(request, f"the {what} of its encoder", array)  # after folding
