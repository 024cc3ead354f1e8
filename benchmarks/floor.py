"""The least that can be done: one picture, the same weights, numpy + Pillow + ONNX Runtime."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

model, picture = Path(sys.argv[1]), sys.argv[2]
labels = model.joinpath("labels.tsv").read_text(encoding="utf-8").splitlines()
image = Image.open(picture).convert("RGB")
side = 0.875 * min(image.size)
left, top = (image.width - side) / 2, (image.height - side) / 2
image = image.resize((224, 224), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
session = onnxruntime.InferenceSession(str(model / "weights.onnx"))
logits = session.run(["logits"], {"image": np.asarray(image)[np.newaxis]})[0][0]
probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
for index in np.argsort(-probabilities)[:5]:
    print(labels[index].split("\t")[0], probabilities[index])
