"""The networks that bench.networks measures, by library: the smallest one or more of every family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

CLASSIFIERS = """
alexnet vgg11 resnet18 resnext50_32x4d wide_resnet50_2 squeezenet1_1 densenet121 inception_v3 googlenet
shufflenet_v2_x0_5 mobilenet_v2 mobilenet_v3_small mnasnet0_5 efficientnet_b0 efficientnet_v2_s regnet_y_400mf
convnext_tiny vit_b_32 swin_t swin_v2_t maxvit_t
"""
BACKBONES = """
fasterrcnn_resnet50_fpn fasterrcnn_mobilenet_v3_large_320_fpn retinanet_resnet50_fpn ssd300_vgg16
ssdlite320_mobilenet_v3_large fcn_resnet50 deeplabv3_mobilenet_v3_large lraspp_mobilenet_v3_large
"""
TIMM = """
beit_base_patch16_224 cait_xxs24_224 coat_lite_tiny coatnet_nano_rw_224 convit_tiny convmixer_1024_20_ks9_p14
convnextv2_atto crossvit_tiny_240 cspresnet50 davit_tiny deit_tiny_patch16_224 dla34 dpn48b eca_nfnet_l0
edgenext_xx_small efficientformer_l1 efficientformerv2_s0 ese_vovnet19b_slim eva02_tiny_patch14_224 fastvit_t8
focalnet_tiny_srf gcvit_xxtiny ghostnet_050 gmlp_ti16_224 halonet26t hgnetv2_b0 hiera_tiny_224 hrnet_w18_small
inception_next_atto lambda_resnet26t levit_128s mixer_s32_224 mixnet_s mobilenetv4_conv_small mobileone_s0
mobilevit_xxs mobilevitv2_050 mvitv2_tiny nest_tiny nf_regnet_b0 pit_ti_224 poolformer_s12 pvt_v2_b0 regnetz_b16
repvgg_a0 repvit_m0_9 res2net50_26w_4s resmlp_12_224 resnest14d resnetv2_50 rexnet_100 sebotnet33ts_256 selecsls42
sequencer2d_s seresnet18 skresnet18 starnet_s1 tf_efficientnet_b0 tnt_s_legacy_patch16_224 tresnet_m twins_svt_small
visformer_tiny volo_d1_224 xception41 xcit_nano_12_p16_224
"""

PARTS = "Detection and segmentation, torchvision"
NETWORKS: Mapping[str, Sequence[str]] = {
    "Classification, torchvision": CLASSIFIERS.split(),
    PARTS: BACKBONES.split(),
    "timm": [f"timm:{name}" for name in TIMM.split()],
}

DRAWN_ANEW = {"googlenet", "inception_v3"}
"""Whose convolutions get He's scale: torchvision draws some of theirs so small, or large, that after a few layers
float32 holds little of the picture. In GoogLeNet torch's own float32 was off by 0.6."""
