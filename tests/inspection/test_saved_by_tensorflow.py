"""SavedModels that TensorFlow and Keras wrote give the same outputs as in TensorFlow's loader."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pictell.graphs import Weights
from pictell.inspection import check_safe, inspect_weights, read_files, saved_model
from pictell.inspection.sniff import sniff_format

pytestmark = [
    pytest.mark.slow,
    # TensorFlow and Keras warn of their own past.
    pytest.mark.filterwarnings("ignore"),
]
SHAPE = (8, 8, 3)
CLASSES = 5


def keras_model() -> Any:
    import keras

    model = keras.Sequential(
        [
            keras.Input(SHAPE, name="picture"),
            keras.layers.RandomFlip(),
            keras.layers.Conv2D(4, 3),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Dropout(0.5),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    # All variables differ from what they begin with.
    random = np.random.default_rng(1)
    for variable in model.weights:
        if "float" in str(variable.dtype):
            variable.assign(random.random(variable.shape) + 0.5)
    return model


def keras_export(folder: str) -> None:
    keras_model().export(folder, verbose=False)


def keras_saved_as_an_object(folder: str) -> None:
    import keras
    import tensorflow as tf

    layers = [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(CLASSES)]
    tf.saved_model.save(keras.Sequential(layers), folder)


def module(folder: str) -> None:
    import tensorflow as tf

    class Linear(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            random = np.random.default_rng(2)
            self.layers = {"a/b.c": tf.Variable(random.random((192, CLASSES), np.float32))}

        @tf.function(input_signature=[tf.TensorSpec((None, *SHAPE), tf.float32, "picture")])
        def __call__(self, pictures: Any) -> dict[str, Any]:
            logits = tf.reshape(pictures, (-1, 192)) @ self.layers["a/b.c"]
            return {"logits": logits, "scores": tf.nn.softmax(logits)}

    linear = Linear()
    tf.saved_model.save(linear, folder, signatures=linear.__call__)


def tensorflow_1(folder: str, resource: bool) -> None:
    import tensorflow as tf

    v1 = tf.compat.v1
    graph = tf.Graph()
    with graph.as_default(), v1.Session() as session:
        pictures = v1.placeholder(tf.float32, (None, *SHAPE), name="pictures")
        w = v1.get_variable(
            "dense/w", (192, CLASSES), use_resource=resource,
            initializer=v1.random_normal_initializer(seed=3),
        )  # fmt: skip
        scores = tf.nn.softmax(tf.matmul(tf.reshape(pictures, (-1, 192)), w), name="scores")
        names = tf.lookup.KeyValueTensorInitializer(
            tf.range(CLASSES, dtype=tf.int64), tf.constant(list("abcde"))
        )
        best = tf.lookup.StaticHashTable(names, "?").lookup(tf.argmax(scores, 1))
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(folder)
        predict = v1.saved_model.predict_signature_def(
            {"picture": pictures}, {"scores": scores, "best": best}
        )
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": predict}, main_op=v1.tables_initializer()
        )
        builder.save()


WRITERS: dict[str, Callable[[str], None]] = {
    "keras export": keras_export,
    "keras saved": keras_saved_as_an_object,
    "module": module,
    "tensorflow 1": lambda folder: tensorflow_1(folder, resource=False),
    "tensorflow 1, resources": lambda folder: tensorflow_1(folder, resource=True),
}


def run(folder: Path, content: Weights, pictures: Any) -> dict[str, Any]:
    """The outputs of the part that runs, with the values of the checkpoint."""
    import tensorflow as tf

    v1 = tf.compat.v1
    called = saved_model.signature(content)
    checkpoint = tf.train.load_checkpoint(str(folder / "variables/variables"))
    graph = tf.Graph()
    with graph.as_default(), v1.Session() as session:
        tf.import_graph_def(v1.GraphDef.FromString(called.graph), name="")
        for name, key in called.variables.items():
            variable = graph.get_tensor_by_name(f"{name}:0")
            value = checkpoint.get_tensor(key)
            if variable.dtype == tf.resource:
                session.run(tf.raw_ops.AssignVariableOp(resource=variable, value=value))
            else:
                session.run(tf.raw_ops.Assign(ref=variable, value=value))
        outputs: dict[str, Any] = session.run(dict(called.outputs), {called.input_tensor: pictures})
        return outputs


@pytest.mark.parametrize("writer", WRITERS)
def test_the_outputs_are_those_of_tensorflows_loader(tmp_path: Path, writer: str) -> None:
    import tensorflow as tf

    WRITERS[writer](str(tmp_path / "saved"))
    folder = tmp_path / "saved"
    assert sniff_format(folder) == "saved-model"
    content = Weights("saved-model", read_files(folder))
    check_safe(content)

    pictures = np.random.default_rng(0).random((2, *SHAPE), np.float32)
    called = saved_model.signature(content)
    theirs = tf.saved_model.load(str(folder)).signatures[called.key](
        **{called.input_key: tf.constant(pictures)}
    )
    ours = run(folder, content, pictures)
    assert ours.keys() == theirs.keys() - {"best"}
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name].numpy())

    found = inspect_weights(content)
    assert found.inputs[0].shape == (None, *SHAPE)
    expected = {"logits": "softmax", "scores": "none"}
    expected["output_0"] = "softmax" if writer == "keras saved" else "none"
    assert found.activations == {name: expected[name] for name in ours}
    assert found.metadata == {"tensorflow_version": tf.__version__}
    for tensor in found.outputs:
        assert (tensor.shape, tensor.dtype) == ((None, CLASSES), "float32")
