"""A service with LitServe and ONNX Runtime, as its guide shows: batches, a worker for each core."""

import io
import sys
from pathlib import Path

import litserve
import numpy as np
import onnxruntime
from fastapi import Request
from PIL import Image


class Api(litserve.LitAPI):
    """The same network and preprocessing as the other services."""

    def setup(self, device: str) -> None:
        """Open the model, in each worker."""
        model = Path(sys.argv[1])
        self.labels = model.joinpath("labels.tsv").read_text(encoding="utf-8").splitlines()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(model / "weights.onnx"), options)

    def decode_request(self, request: Request) -> np.ndarray:
        """A form's picture → a tensor (224, 224, 3)."""
        picture = Image.open(io.BytesIO(request["image"].file.read())).convert("RGB")
        side = 0.875 * min(picture.size)
        left, top = (picture.width - side) / 2, (picture.height - side) / 2
        box = (left, top, left + side, top + side)
        return np.asarray(picture.resize((224, 224), Image.Resampling.BICUBIC, box))

    def predict(self, batch: np.ndarray) -> np.ndarray:
        """Tensors (N, 224, 224, 3) → scores (N, classes)."""
        if batch.ndim == 3:
            batch = batch[np.newaxis]
        logits = self.session.run(["logits"], {"image": batch})[0]
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)

    def encode_response(self, scores: np.ndarray) -> list[dict[str, str | float]]:
        """The five best classes."""
        scores = scores.reshape(-1)
        best = np.argsort(-scores)[:5]
        return [{"label": self.labels[i].split("\t")[0], "score": float(scores[i])} for i in best]


if __name__ == "__main__":
    size, workers = int(sys.argv[3]), int(sys.argv[4])
    api = Api(max_batch_size=size, batch_timeout=0.002 if size > 1 else 0, api_path="/classify")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=workers)
    server.run(port=int(sys.argv[2]), log_level="error", generate_client_file=False)
