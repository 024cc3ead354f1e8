"""preprocessor_config.json → preprocessing; the expected values are what transformers 4.57 does.

Its processors and pictell's preprocessing give the same pixels of a picture that is squashed. Where
transformers rounds the size before it crops, they are shifted by at most half a pixel.
"""

from typing import Any

import pytest

from pictell.errors import InvalidModelError
from pictell.models.exports.image_processor import read_processor

HALF = [0.5, 0.5, 0.5]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def config(kind: str | None, **values: Any) -> dict[str, Any]:
    """A config as ``save_pretrained`` writes it."""
    named = {"image_processor_type": f"{kind}ImageProcessor"} if kind else {}
    return {
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": HALF,
        "image_std": HALF,
        "resample": 2,
        "rescale_factor": 1 / 255,
        **named,
        **values,
    }


def options(values: dict[str, Any], model_type: str | None = None) -> dict[str, Any]:
    problems = dict[str, str]()
    found = read_processor(values, "preprocessor_config.json", model_type, problems)
    assert problems == {}
    return found


def problems(values: dict[str, Any], model_type: str | None = None) -> dict[str, str]:
    found = dict[str, str]()
    read_processor(values, "preprocessor_config.json", model_type, found)
    assert all(len(text.splitlines()) == 1 for text in found.values())
    return found


SQUARE = {"height": 224, "width": 224}


@pytest.mark.parametrize(
    ("values", "size", "resize_mode", "crop_fraction"),
    [
        (config("ViT", size=SQUARE), (224, 224), "squash", 1),
        (config("ViT", size={"height": 96, "width": 160}), (160, 96), "squash", 1),
        (config("ViT", size=384), (384, 384), "squash", 1),
        (config("ViT", size=[64, 64]), (64, 64), "squash", 1),
        # ViT crops nothing, whatever the file says.
        (config("ViT", size=64, do_center_crop=True, crop_size=32), (64, 64), "squash", 1),
        (config("ViT", size={**SQUARE, "shortest_edge": None}), (224, 224), "squash", 1),
        (config("DeiT", size=256, do_center_crop=True, crop_size=224), (224, 224), "squash", 0.875),
        (config("DeiT", size=SQUARE, do_center_crop=False), (224, 224), "squash", 1),
        (config("ConvNext", size={"shortest_edge": 224}), (224, 224), "crop", 0.875),
        (config("ConvNext", size=224, crop_pct=0.9), (224, 224), "crop", 224 / 248),
        (config("ConvNext", size={"shortest_edge": 384}), (384, 384), "squash", 1),
        (
            config("CLIP", size={"shortest_edge": 224}, do_center_crop=True, crop_size=SQUARE),
            (224, 224),
            "crop",
            1,
        ),
        (config("Bit", size=256, crop_size=224), (224, 224), "crop", 0.875),
        (config("MobileNetV2", size=256, crop_size=224), (224, 224), "crop", 0.875),
        (config("Levit", size=224, crop_size=224), (224, 224), "crop", 0.875),
        (
            config("PoolFormer", size=224, crop_pct=0.9, crop_size=224),
            (224, 224),
            "crop",
            224 / 248,
        ),
        (
            config("PoolFormer", size=SQUARE, crop_pct=0.9, crop_size=224),
            (224, 224),
            "crop",
            224 / 248,
        ),
        (config("EfficientNet", size=346, crop_size=289), (346, 346), "squash", 1),
        (
            config("EfficientNet", size=300, do_center_crop=True, crop_size=240),
            (240, 240),
            "squash",
            0.8,
        ),
        # Without a class the keys must say everything.
        (config(None, size=SQUARE), (224, 224), "squash", 1),
        (
            config(None, size={"shortest_edge": 256}, do_center_crop=True, crop_size=224),
            (224, 224),
            "crop",
            0.875,
        ),
    ],
)
def test_the_box(
    values: dict[str, Any], size: tuple[int, int], resize_mode: str, crop_fraction: float
) -> None:
    found = options(values)
    assert (found["size"], found["resize_mode"]) == (size, resize_mode)
    assert found["crop_fraction"] == pytest.approx(crop_fraction)


@pytest.mark.parametrize(
    ("values", "mean", "std"),
    [
        (config("ViT", size=32), 127.5, 127.5),
        (config("ViT", size=32, image_mean=[0.5], image_std=0.5), 127.5, 127.5),
        (config("ViT", size=32, do_normalize=False), 0, 255),
        (config("ViT", size=32, do_rescale=False, do_normalize=False), 0, 1),
        (
            config("ViT", size=32, rescale_factor=1 / 127.5, image_mean=1.0, image_std=1),
            127.5,
            127.5,
        ),
        (
            config("ViT", size=32, do_rescale=False, image_mean=[127] * 3, image_std=[128] * 3),
            127,
            128,
        ),
        # include_top: divided by the std once more.
        (config("EfficientNet", size=32), 127.5, 63.75),
        (config("EfficientNet", size=32, do_normalize=False), 0, 127.5),
        (config("EfficientNet", size=32, include_top=False), 127.5, 127.5),
        (
            config(
                "EfficientNet",
                size=32,
                rescale_factor=1 / 127.5,
                rescale_offset=True,
                do_normalize=False,
                include_top=False,
            ),
            127.5,
            127.5,
        ),
        (config("MobileViT", size=32, crop_size=32), 0, 255),
    ],
)
def test_mean_and_std_are_for_bytes(values: dict[str, Any], mean: float, std: float) -> None:
    found = options(values)
    assert found["mean"] == pytest.approx((mean,) * 3)
    assert found["std"] == pytest.approx((std,) * 3)


def test_each_colour_has_its_own_mean_and_std() -> None:
    found = options(config("ViT", size=32, image_mean=MEAN, image_std=STD))
    assert found["mean"] == pytest.approx((123.675, 116.28, 103.53))
    assert found["std"] == pytest.approx((58.395, 57.12, 57.375))


def test_without_mean_and_std_none_are_stated() -> None:
    assert "mean" not in options(config("ViT", size=32, image_mean=None))


def test_the_order_of_the_colours() -> None:
    assert options(config("ViT", size=32))["channels"] is None
    assert options(config("MobileViT", size=32, crop_size=32))["channels"] == "BGR"
    unflipped = config("MobileViT", size=32, crop_size=32, do_flip_channel_order=False)
    assert options(unflipped)["channels"] is None


@pytest.mark.parametrize(
    ("resample", "interpolation"),
    [(0, "nearest"), (1, "lanczos"), (2, "bilinear"), (3, "bicubic"), (None, "bilinear")],
)
def test_interpolations(resample: int | None, interpolation: str) -> None:
    found = options(config("ViT", size=32, resample=resample))
    assert found["interpolation"] == interpolation


@pytest.mark.parametrize("resample", [4, 5, 6, -1])
def test_other_interpolations_are_named(resample: int) -> None:
    found = problems(config("ViT", size=32, resample=resample))
    assert found.keys() == {"interpolation"}
    assert f"resample {resample}" in found["interpolation"]


@pytest.mark.parametrize(
    ("model_type", "resize_mode", "interpolation"),
    [("vit", "squash", "bilinear"), ("resnet", "crop", "bilinear"), ("swin", "squash", "bilinear")],
)
def test_an_old_file_without_a_class_has_that_of_its_model(
    model_type: str, resize_mode: str, interpolation: str
) -> None:
    old = {
        "do_normalize": True,
        "do_resize": True,
        "image_mean": HALF,
        "image_std": HALF,
        "size": 224,
    }
    found = options(old, model_type)
    assert (found["resize_mode"], found["interpolation"]) == (resize_mode, interpolation)
    assert {"resize_mode", "interpolation"} <= problems(old).keys()


def test_a_feature_extractor_is_an_image_processor() -> None:
    old = {
        **config(None, size=224, resample=3),
        "feature_extractor_type": "ConvNextFeatureExtractor",
    }
    assert options(old)["crop_fraction"] == 0.875
    fast = {**config(None, size=32), "image_processor_type": "ViTImageProcessorFast"}
    assert options(fast)["size"] == (32, 32)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (config("Owl", size=32), "OwlImageProcessor"),
        (config("Perceiver", size=32), "PerceiverImageProcessor"),
        ({**config("ViT", size=32), "auto_map": {"AutoImageProcessor": "code.Mine"}}, "ViTImage"),
        (config("ViT", size=32, do_pad=True), "do_pad"),
        (config("ViT", size=32, do_color_quantize=True), "do_color_quantize"),
        (config("ViT", size=32, do_resize=False), "do_resize"),
        (config("ViT"), "size"),
        (config("ViT", size={"longest_edge": 32}), "longest_edge"),
        (config("ViT", size={"shortest_edge": 32, "longest_edge": 64}), "longest_edge"),
        (config("ViT", size={}), "size"),
        (config("ViT", size=[32, 64]), "height and width"),
        (config("CLIP", size=32, do_center_crop=False), "shortest edge"),
        (config("CLIP", size=32), "crop_size"),
        (config("CLIP", size=32, crop_size=64), "border"),
        (config("CLIP", size=64, crop_size={"height": 32, "width": 16}), "proportions"),
        (config("DeiT", size=64, crop_size={"height": 32, "width": 16}), "proportions"),
        (config("ViT", size=32, crop_pct=0.9), "crop_pct"),
        (config(None, size=32), "image_processor_type"),
        (config(None, size=SQUARE, crop_size=32), "do_center_crop"),
        (config("ConvNext", size=SQUARE), "shortest_edge"),
    ],
)
def test_what_pictell_cannot_do_is_named(values: dict[str, Any], named: str) -> None:
    found = problems(values)
    assert named in found["resize_mode"]
    assert "--resize-mode" in found["resize_mode"]


def test_means_of_other_pixels_are_named() -> None:
    """A mean for bytes after they were rescaled to 0..1."""
    found = problems(config("ViT", size=32, image_mean=[123, 117, 104], image_std=[58, 57, 57]))
    assert found.keys() == {"mean"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", "224"),
        ("size", 0),
        ("size", 10**30),
        ("size", {"height": -1, "width": 5}),
        ("size", [[[]]]),
        ("size", True),
        ("image_mean", "0.5"),
        ("image_mean", []),
        ("image_mean", [0.5] * 10_000),
        ("image_std", [0.5, 0.5, None]),
        ("resample", "bicubic"),
        ("resample", 2.5),
        ("crop_pct", 1e-300),
        ("crop_pct", 7),
        ("rescale_factor", -1),
        ("rescale_factor", 0),
        ("do_resize", "yes"),
        ("image_processor_type", ["ViT"]),
    ],
)
def test_wrong_types_and_numbers_name_the_key(key: str, value: object) -> None:
    with pytest.raises(InvalidModelError) as caught:
        options({**config("ViT", size=32), key: value})
    message = str(caught.value)
    assert message.startswith(f"preprocessor_config.json: {key}")
    assert len(message.splitlines()) == 1
    assert len(message) < 500
