"""A service with FastAPI and ONNX Runtime: what a user would write."""

import io
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from fastapi import FastAPI, UploadFile
from PIL import Image

model = Path(sys.argv[1])
labels = model.joinpath("labels.tsv").read_text(encoding="utf-8").splitlines()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(str(model / "weights.onnx"), options)
app = FastAPI()


@app.post("/classify")
def classify(image: UploadFile) -> list[dict[str, str | float]]:
    """The five best classes. A function that is not async runs on a thread of its own."""
    picture = Image.open(io.BytesIO(image.file.read())).convert("RGB")
    side = 0.875 * min(picture.size)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    box = (left, top, left + side, top + side)
    tensor = np.asarray(picture.resize((224, 224), Image.Resampling.BICUBIC, box))
    logits = session.run(["logits"], {"image": tensor[np.newaxis]})[0][0]
    scores = np.exp(logits - logits.max())
    scores /= scores.sum()
    best = np.argsort(-scores)[:5]
    return [{"label": labels[i].split("\t")[0], "score": float(scores[i])} for i in best]


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, port=int(sys.argv[2]), log_level="error", loop="uvloop", http="httptools")
