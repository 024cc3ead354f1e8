"""Small TFLite classifiers, converted by TensorFlow itself."""

from functools import cache

import numpy as np

from tensorflow_models import CLASSES, SIDE, scores, tf


@cache
def tflite(quantised: bool = False) -> bytes:
    """(1, 16, 16, 3) → (1, 5) probabilities; quantised with an input and an output of uint8."""
    shape = tf.TensorSpec([1, SIDE, SIDE, 3], tf.float32, "image")
    function = tf.function(scores, autograph=False).get_concrete_function(shape)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module())
    if quantised:
        random = np.random.default_rng(1)
        pictures = random.uniform(-1, 1, (8, 1, SIDE, SIDE, 3)).astype(np.float32)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([picture] for picture in pictures)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    content: bytes = converter.convert()
    return content


NAMES = tuple(f"class {number}" for number in range(CLASSES))
