"""Dropout and noise of a training in TensorFlow's graphs; other random operations."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pictell.errors import InvalidModelError
from pictell.graphs import Weights
from pictell.inspection import check_safe, runnable
from pictell.inspection.allowed_ops import ALLOWED, STATE
from pictell.inspection.fit import check_model
from pictell.inspection.tensorflow_noise import GLIMPSE, RANDOM_OPS, WORDS
from pictell.models import bare
from pictell.options import EngineOptions, ModelOptions
from pictell.runtimes import open_session
from pictell.types import ModelSpec
from real_models import spec
from tensorflow_models import CLASSES, SIDE, batch, frozen, means, saved, tf, v1

pytestmark = pytest.mark.filterwarnings("ignore")
RATE = 0.4
Layer = Callable[[Any], Any]


def placeholder(default: float | None = None) -> Any:
    if default is None:
        return v1.placeholder(tf.float32, name="keep_prob")
    return v1.placeholder_with_default(tf.constant(default), [], name="keep_prob")


def of_2016(x: Any, keep: Any = 1 - RATE) -> Any:
    """tf.nn.dropout of TensorFlow 1.0 to 1.12, with its random numbers from 0 to 1."""
    keep = tf.convert_to_tensor(keep, x.dtype)
    low, high = tf.constant(0.0, x.dtype), tf.constant(1.0, x.dtype)
    uniform = tf.raw_ops.RandomUniform(shape=tf.shape(x), dtype=x.dtype, seed=87)
    mask = tf.floor(tf.add(keep, tf.add(tf.multiply(uniform, tf.subtract(high, low)), low)))
    return tf.multiply(tf.divide(x, keep), mask)


def of_2019(x: Any) -> Any:
    """tf.nn.dropout of TensorFlow 1.13 to 2.3."""
    mask = tf.random.uniform(tf.shape(x)) >= RATE
    return x * (1 / (1 - RATE)) * tf.cast(mask, x.dtype)


def in_half_precision(x: Any) -> Any:
    return tf.cast(of_2016(tf.cast(x, tf.float16)), tf.float32)


def under_a_learning_phase(x: Any, phase: Any = None) -> Any:
    """Keras of TensorFlow 1 adds the two branches of a condition."""
    phase = v1.placeholder_with_default(tf.constant(False), []) if phase is None else phase
    off, on = tf.raw_ops.Switch(data=x, pred=phase)
    return tf.raw_ops.Merge(inputs=[tf.raw_ops.RandomShuffle(value=on), off])[0]


def under_two_conditions(x: Any) -> Any:
    """A condition in a branch that never runs, which ends in the same Merge."""
    never = v1.placeholder_with_default(tf.constant(False), [])
    off, on = tf.raw_ops.Switch(data=x, pred=never)
    inner_off, inner_on = tf.raw_ops.Switch(data=on, pred=never)
    inner = tf.raw_ops.Merge(inputs=[inner_off, tf.raw_ops.RandomShuffle(value=inner_on)])[0]
    return tf.raw_ops.Merge(inputs=[tf.raw_ops.RandomShuffle(value=inner), inner_on, off])[0]


TAKEN_OUT: dict[str, Layer] = {
    "2016": of_2016,
    "2016, keep_prob with a default": lambda x: of_2016(x, placeholder(0.7)),
    "2016, keep_prob to be given": lambda x: of_2016(x, placeholder()),
    "2019": of_2019,
    "half precision": in_half_precision,
    "today": lambda x: tf.nn.dropout(x, RATE),
    "today, keep_prob to be given": lambda x: v1.nn.dropout(x, keep_prob=placeholder()),
    "today, seeded": lambda x: tf.nn.dropout(x, RATE, seed=3),
    "channels": lambda x: tf.nn.dropout(x, RATE, noise_shape=[1, 1, 1, 3]),
    "stateless": lambda x: tf.nn.experimental.stateless_dropout(x, RATE, seed=[1, 2]),
    "scaled after the mask": lambda x: (
        x * tf.cast(tf.random.uniform([1, 1, 1, 3]) < 1 - RATE, tf.float32) / (1 - RATE)
    ),
    "where not": lambda x: tf.where(
        tf.logical_not(tf.random.uniform(tf.shape(x)) >= RATE), tf.zeros_like(x), x / (1 - RATE)
    ),
    "drop path": lambda x: x / 0.8 * tf.floor(0.8 + tf.random.uniform([tf.shape(x)[0], 1, 1, 1])),
    "Gaussian dropout": lambda x: x * tf.random.normal(tf.shape(x), 1.0, 0.3),
    "Gaussian noise": lambda x: x + tf.random.truncated_normal(tf.shape(x), 0.0, 0.3),
    "twice": lambda x: of_2019(of_2016(x)),
    "known to be off": under_a_learning_phase,
}
REFUSED: dict[str, Layer] = {
    "a mask without its scale": lambda x: (
        x * tf.cast(tf.random.uniform(tf.shape(x)) >= RATE, tf.float32)
    ),
    "a mask with another scale": lambda x: (
        x * 1.2 * tf.cast(tf.random.uniform(tf.shape(x)) >= RATE, tf.float32)
    ),
    "noise with a mean": lambda x: x + tf.random.normal(tf.shape(x), 1.0),
    "noise of the picture's own size": lambda x: x + x * tf.random.normal(tf.shape(x)),
    "flips": lambda x: tf.where(tf.random.uniform([]) < 0.5, x, x[:, ::-1]),
    "numbers cut to integers": lambda x: (
        x * 2 * tf.cast(tf.cast(tf.random.uniform(tf.shape(x)) * 2, tf.int32), tf.float32)
    ),
    "random crops": lambda x: tf.slice(
        x, [0, tf.random.uniform([], 0, 2, tf.int32), 0, 0], [-1, SIDE - 2, SIDE, 3]
    ),
    "a shuffle": tf.random.shuffle,
    "pooling": lambda x: tf.nn.fractional_max_pool(x, [1, 1.5, 1.5, 1])[0],
    "known to be on": lambda x: under_a_learning_phase(x, tf.constant(True)),
    "the sum of both": lambda x: tf.random.shuffle(of_2019(x)),
}


def classifier(layer: Layer) -> Weights:
    return frozen(lambda x: tf.nn.softmax(means(layer(x)), name="scores"))


def answers(model: ModelSpec, weights: Weights, runtime: str = "tensorflow") -> np.ndarray:
    session = open_session(model, weights, EngineOptions(runtime=runtime))
    return session.run({model.input_name: batch(3)}, [model.output_name])[model.output_name]


MODEL = spec("frozen-graph", SIDE, CLASSES, "scores")
PLAIN = classifier(tf.identity)


@pytest.mark.parametrize("kind", TAKEN_OUT)
@pytest.mark.parametrize("runtime", ["tensorflow", "openvino"])
def test_dropout_is_the_identity(kind: str, runtime: str) -> None:
    found = answers(MODEL, classifier(TAKEN_OUT[kind]), runtime)
    tolerance = 2e-3 if "half" in kind else 1e-5
    np.testing.assert_allclose(found, answers(MODEL, PLAIN), atol=tolerance)


def test_a_branch_within_a_branch_that_never_runs_may_be_random() -> None:
    found = answers(MODEL, classifier(under_two_conditions))
    np.testing.assert_allclose(found, answers(MODEL, PLAIN), atol=1e-6)


def test_what_is_taken_out_is_named() -> None:
    named = classifier(lambda x: tf.identity(tf.nn.dropout(x, RATE, name="first"), name="second"))
    ((name,),) = (runnable(named, ["scores"]).taken_out,)
    assert name.startswith("first/")
    assert runnable(PLAIN, ["scores"]) == (PLAIN, ())


@pytest.mark.parametrize("kind", REFUSED)
def test_other_random_operations_are_refused(kind: str) -> None:
    content = classifier(REFUSED[kind])
    check_safe(content)
    with pytest.raises(InvalidModelError, match=r"random, because of .+ \(\w+\)") as caught:
        runnable(content, ["scores"])
    assert len(str(caught.value).splitlines()) == 1


def test_random_operations_beside_the_way_to_the_output_do_not_matter() -> None:
    content = frozen(lambda x: (tf.nn.softmax(means(x), name="scores"), tf.random.shuffle(x)))
    assert runnable(content, ["scores:0"]) == (content, ())


def test_random_operations_before_the_input_do_not_matter() -> None:
    content = frozen(
        lambda x: tf.nn.softmax(means(tf.identity(tf.random.shuffle(x), name="decoded")), name="s")
    )
    assert runnable(content, ["s"], "decoded") == (content, ())
    with pytest.raises(InvalidModelError):
        runnable(content, ["s"], "input")


def test_a_placeholder_for_the_probability_needs_no_value(tmp_path: Path) -> None:
    path = tmp_path / "graph.pb"
    path.write_bytes(classifier(TAKEN_OUT["2016, keep_prob to be given"]).graph)
    found = bare.inspect_bare(bare.read_unchecked(path), ModelOptions(preset="unit"))
    assert len(found.inspection.inputs) == 2
    made = bare.assemble(found, count_labels=False)
    assert (made.input_name, made.output_name) == ("input", "scores")
    check_model(found.content, MODEL)


def test_every_operation_with_a_seed_is_random() -> None:
    from tensorflow.python.framework import op_def_registry

    for name in (ALLOWED | STATE) - {GLIMPSE}:
        registered = op_def_registry.get(name)
        if registered is not None and {"seed", "seed2"} & {one.name for one in registered.attr}:
            assert name in RANDOM_OPS
    for name in RANDOM_OPS:
        assert any(word in name.encode() for word in WORDS)


@pytest.mark.parametrize("name", sorted(RANDOM_OPS))
def test_every_random_operation_is_refused_on_the_way(name: str) -> None:
    graph = v1.GraphDef.FromString(PLAIN.graph)
    node = next(node for node in graph.node if node.op == "Mean")
    graph.node.add(name="chance", op=name).input.append(node.input[0])
    node.input[0] = "chance"
    with pytest.raises(InvalidModelError, match=rf"chance \({name}\)"):
        runnable(Weights("frozen-graph", {"graph.pb": graph.SerializeToString()}), ["scores"])


class Trained(tf.Module):
    """Functions inside functions, all of which train."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._scale = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32, "image")])
    def __call__(self, image: Any) -> dict[str, Any]:
        values = tf.function(lambda x: self._layer(x * self._scale), autograph=False)(image)
        return {"scores": tf.nn.softmax(means(values))}


def module(folder: Path, layer: Layer) -> tuple[ModelSpec, Weights]:
    network = Trained(layer)
    tf.saved_model.save(network, str(folder), signatures=network.__call__)
    return saved(folder, "image", "scores")


@pytest.mark.parametrize("kind", ["2016", "today", "where not", "Gaussian noise", "stateless"])
@pytest.mark.parametrize("runtime", ["tensorflow", "openvino"])
def test_dropout_in_functions_of_a_savedmodel(kind: str, runtime: str, tmp_path: Path) -> None:
    found = answers(*module(tmp_path / "trained", TAKEN_OUT[kind]), runtime)
    plain = answers(*module(tmp_path / "plain", tf.identity))
    np.testing.assert_allclose(found, plain, atol=1e-5)


def test_a_branch_that_never_runs_may_be_random(tmp_path: Path) -> None:
    def layer(phase: bool) -> Layer:
        return lambda x: tf.raw_ops.StatelessIf(
            cond=tf.constant(phase),
            input=[x],
            Tout=[tf.float32],
            then_branch=tf.function(tf.random.shuffle).get_concrete_function(x),
            else_branch=tf.function(tf.identity).get_concrete_function(x),
        )[0]

    found = answers(*module(tmp_path / "off", layer(False)))
    np.testing.assert_allclose(found, answers(*module(tmp_path / "plain", tf.identity)), atol=1e-5)
    model, weights = module(tmp_path / "on", layer(True))
    with pytest.raises(InvalidModelError, match="RandomShuffle"):
        open_session(model, weights)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layer", "is_taken_out"),
    [
        ("Dropout(0.4)", True),
        ("SpatialDropout2D(0.4)", True),
        ("GaussianDropout(0.4)", True),
        ("GaussianNoise(0.4)", True),
        ("AlphaDropout(0.4)", False),
        ("RandomFlip()", False),
        ("RandomRotation(0.2)", False),
        ("RandomZoom(0.2)", False),
    ],
)
def test_layers_of_keras_left_on(layer: str, is_taken_out: bool, tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(1)
    name, _, rest = layer.partition("(")
    arguments = [float(rest[:-1])] if rest != ")" else []
    inputs = keras.Input((SIDE, SIDE, 3), name="picture")
    outputs = getattr(keras.layers, name)(*arguments)(inputs, training=True)
    outputs = keras.layers.Conv2D(4, 3, activation="relu")(outputs)
    pooled = keras.layers.GlobalAveragePooling2D()(outputs)
    scores = keras.layers.Dense(CLASSES, activation="softmax")(pooled)
    network = keras.Model(inputs, scores)
    network.export(str(tmp_path), verbose=False)
    model, weights = saved(tmp_path, "picture", "output_0")
    if is_taken_out:
        expected = batch(3)
        for one in network.layers[2:]:
            expected = one(expected)
        np.testing.assert_allclose(answers(model, weights), expected, atol=1e-5)
    else:
        with pytest.raises(InvalidModelError, match="random"):
            open_session(model, weights)
