"""Presets of other projects, with the numbers of their own code; the descriptions say where ours departs.

Where a project's pictures have another range than 0..1, its noise is divided by the width of that range.
docs/presets.md tells the source of each number.
"""

from __future__ import annotations

from collections.abc import Mapping

from reverie_proto.v1 import optimizer_pb2 as opt
from reverie_proto.v1 import parametrization_pb2 as par
from reverie_proto.v1 import transform_pb2 as tra

from reverie_server.request.preset import COSINE, Preset, spec
from reverie_server.request.transform_sets import LUCID, number_from

#: Adam as PyTorch has it, and with the moments of DeepInversion, which recipes for other architectures took over.
TORCH_ADAM = opt.Optimizer(adam=opt.AdamOptimizer(epsilon_place="EPSILON_PLACE_AFTER_CORRECTION"))
INVERSION_ADAM = opt.Optimizer(
    adam=opt.AdamOptimizer(beta1=0.5, beta2=0.99, epsilon_place="EPSILON_PLACE_AFTER_CORRECTION")
)
CLIPPED_ADAMW = opt.Optimizer(adam=opt.AdamOptimizer(epsilon_place="EPSILON_PLACE_AFTER_CORRECTION", clip_norm=1.0))
NADAM = opt.Optimizer(nadam=opt.NadamOptimizer())
#: NAdam as Keras has it: its momentum rises with the step itself, not with 0.004 of it.
KERAS_NADAM = opt.Optimizer(nadam=opt.NadamOptimizer(epsilon=1e-7, momentum_decay=1))
SGD = opt.Optimizer(sgd=opt.SgdOptimizer())

#: Pixels that start as uniform noise and are clipped after each step.
CLIPPED_PIXELS = par.Parametrization(
    pixel=par.PixelParametrization(range="PIXEL_RANGE_CLAMP", mean=0.5, deviation=0.5, noise="NOISE_KIND_UNIFORM")
)
ROLL_32 = tra.Transform(roll=tra.RollTransform(px=32))


def _box(low: float, high: float, side_deviation: float | None = None) -> tra.Transform:
    """Return boxes of a canvas around its middle, as MACO takes them."""
    side = tra.NumberRange(low=low, high=high)
    box = tra.CropBoxTransform(side=side, centre_deviation=0.15, side_deviation=side_deviation)
    return tra.Transform(crop_box=box)


def _noise(deviation: float, half: float) -> tra.Transform:
    return tra.Transform(noise=tra.NoiseTransform(deviation=deviation, low=-half, high=half))


PEERS: Mapping[str, Preset] = {
    "lucid": Preset(
        "Lucid's own: a Fourier spectrum with decorrelated colours, its standard random transforms, Adam at 0.05.",
        spec(512, 0.05),
    ),
    "lucent": Preset(
        "Lucent's: as lucid, but jitter moves the picture and black moves in, sizes round up, turns are smooth;"
        " the network sees the middle of the view, not all of a larger one.",
        spec(
            512,
            0.05,
            optimizer=TORCH_ADAM,
            transforms=(
                LUCID[0],
                tra.Transform(translate=tra.TranslateTransform(low=0, high=7)),
                tra.Transform(
                    scale=tra.ScaleTransform(factor=LUCID[2].scale.factor, sampling="SAMPLING_ALIGN_CORNERS")
                ),
                tra.Transform(
                    rotate=tra.RotateTransform(degrees=LUCID[3].rotate.degrees, interpolation="INTERPOLATION_BILINEAR")
                ),
                tra.Transform(translate=tra.TranslateTransform(low=0, high=3)),
            ),
        ),
    ),
    "maco": Preset(
        "MACO as in Xplique: only the phase of a canvas of 512 px is optimised, seen in 32 boxes; our own magnitude.",
        spec(
            256,
            1.0,
            parametrization=par.Parametrization(maco=par.MacoParametrization()),
            optimizer=KERAS_NADAM,
            transforms=(_box(0.05, 0.5, 0.05), _noise(0.04, 0.02)),
            views=32,
            canvas=512,
        ),
    ),
    "horama": Preset(
        "MACO as in Horama: six boxes of 0.25 to 0.30 of the canvas, which is what its code draws; 1024 px, not 1280.",
        spec(
            1000,
            1.0,
            parametrization=par.Parametrization(maco=par.MacoParametrization(ddof=1, epsilon=1e-4)),
            optimizer=NADAM,
            transforms=(_box(0.25, 0.3), _noise(0.01, 0.005)),
            views=6,
            canvas=1024,
        ),
    ),
    "dreamlens": Preset(
        "DreamLens's: turns up to 15 degrees, sizes of 0.5 to 1.2, AdamW at 0.009, gradients no longer than 1.",
        spec(
            120,
            9e-3,
            optimizer=CLIPPED_ADAMW,
            transforms=(
                tra.Transform(scale=tra.ScaleTransform(factor=number_from(0.5, 1.2), sampling="SAMPLING_HALF_PIXEL")),
                tra.Transform(
                    rotate=tra.RotateTransform(degrees=number_from(-15, 15), interpolation="INTERPOLATION_BILINEAR")
                ),
            ),
        ),
    ),
    "deepdream": Preset(
        "DeepDream's step: pixels, the gradient over its mean size, moves around the edges; 40 steps of one octave.",
        spec(
            40,
            1.5 / 255,
            parametrization=CLIPPED_PIXELS,
            optimizer=opt.Optimizer(sgd=opt.SgdOptimizer(normalization="NORMALIZATION_MEAN_ABSOLUTE")),
            transforms=(ROLL_32,),
        ),
    ),
    "das": Preset(
        "Direct Ascent Synthesis for classifiers: a sum of resolutions, 16 views moved up to 56 px with noise, SGD.",
        spec(
            100,
            5e-3,
            parametrization=par.Parametrization(multi_resolution=par.MultiResolutionParametrization()),
            optimizer=SGD,
            transforms=(
                tra.Transform(roll=tra.RollTransform(px=56)),
                tra.Transform(noise=tra.NoiseTransform(low=0, high=0.2, clipped=True)),
            ),
            views=16,
            canvas=336,
        ),
    ),
    "plug_in": Preset(
        "Plug-In Inversion's last stage: pixels, colour shift and moves around the edges in 8 views; not its zooming.",
        spec(
            400,
            0.01,
            schedule=COSINE,
            parametrization=CLIPPED_PIXELS,
            optimizer=INVERSION_ADAM,
            transforms=(ROLL_32, tra.Transform(colour_shift=tra.ColourShiftTransform())),
            views=8,
        ),
    ),
    "vit": Preset(
        "For vision transformers (Ghiasi et al. 2022): pixels, colour shift, fading noise, total variation; 8 views.",
        spec(
            400,
            0.1,
            schedule=COSINE,
            parametrization=CLIPPED_PIXELS,
            optimizer=INVERSION_ADAM,
            transforms=(
                tra.Transform(colour_shift=tra.ColourShiftTransform(inverse=True)),
                tra.Transform(noise=tra.NoiseTransform(deviation=0.5, fading=True, per_channel=True)),
                ROLL_32,
            ),
            views=8,
            penalties=(opt.Penalty(kind="PENALTY_KIND_TV_FOUR_NORM_MEAN", weight=5e-4),),
        ),
    ),
}
