"""The classes of image processors in Hugging Face's transformers, and their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pictell.types import Interpolation

# Pillow's numbers. It also has 4 (box) and 5 (hamming).
NEAREST, LANCZOS, BILINEAR, BICUBIC = range(4)
INTERPOLATIONS: Mapping[int, Interpolation] = {
    NEAREST: "nearest",
    LANCZOS: "lanczos",
    BILINEAR: "bilinear",
    BICUBIC: "bicubic",
}


class Kind(NamedTuple):
    """A class of image processors.

    ``square``: one number as the size is that of both sides; else of the shorter one. ``crops``:
    the default of ``do_center_crop``, ``None`` if the class knows no such key.
    """

    square: bool
    crops: bool | None
    resample: int


KINDS = {
    "Beit": Kind(True, True, BICUBIC),
    "Bit": Kind(False, True, BICUBIC),
    "Blip": Kind(True, None, BICUBIC),
    "CLIP": Kind(False, True, BICUBIC),
    "ConvNext": Kind(False, None, BILINEAR),
    "DINOv3ViT": Kind(True, None, BILINEAR),
    "DeiT": Kind(True, True, BICUBIC),
    "EfficientNet": Kind(True, False, NEAREST),
    "Levit": Kind(False, True, BICUBIC),
    "MobileNetV1": Kind(False, True, BILINEAR),
    "MobileNetV2": Kind(False, True, BILINEAR),
    "MobileViT": Kind(False, True, BILINEAR),
    "PoolFormer": Kind(False, True, BICUBIC),
    "Pvt": Kind(True, None, BILINEAR),
    "Segformer": Kind(True, None, BILINEAR),
    "Siglip": Kind(True, None, BICUBIC),
    "ViT": Kind(True, None, BILINEAR),
    "ViTHybrid": Kind(False, True, BICUBIC),
}
# The class for each ``model_type`` of a config.json, for files that do not name it
# (transformers.models.auto.image_processing_auto).
MODEL_TYPES = {
    name: kind
    for kind, names in {
        "Beit": "beit data2vec-vision",
        "Bit": "bit dinov2 dinov2_with_registers focalnet hiera",
        "CLIP": "clip metaclip_2",
        "ConvNext": "convnext convnextv2 cvt regnet resnet van",
        "DINOv3ViT": "dinov3_vit dinov3_convnext",
        "DeiT": "deit",
        "EfficientNet": "efficientnet",
        "Levit": "levit",
        "MobileNetV1": "mobilenet_v1",
        "MobileNetV2": "mobilenet_v2",
        "MobileViT": "mobilevit mobilevitv2",
        "PoolFormer": "poolformer",
        "Pvt": "pvt pvt_v2",
        "Segformer": "segformer",
        "Siglip": "siglip",
        "ViT": "dinat ijepa nat swiftformer swin swinv2 vit vit_mae vit_msn",
        "ViTHybrid": "vit_hybrid",
    }.items()
    for name in names.split()
}
