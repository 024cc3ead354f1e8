"""How large a graph becomes when a runtime puts functions in the place of their calls.

Functions that each call the next one twice are a small file and a graph without end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from pictell.errors import UnsafeModelError

# Large classifiers have some ten thousand operations. ONNX Runtime takes a minute to put so many in
# the place of calls.
MAX_OPERATIONS = 50_000


def refuse_growth(
    callees: Mapping[str, Iterable[str]], measure: Callable[[str, Mapping[str, int]], int]
) -> dict[str, int]:
    """The size of each function in operations, with those of the functions that it calls.

    ``callees``: what each function calls; what is not a key is no function. ``measure`` gives the
    size of a function from those of its callees. Each is measured once. Raises
    ``UnsafeModelError`` for a function that calls itself or has more than ``MAX_OPERATIONS``.
    """
    own = {name: {one for one in called if one in callees} for name, called in callees.items()}
    sizes = dict[str, int]()
    try:
        for name in TopologicalSorter(own).static_order():
            sizes[name] = measure(name, sizes)
            if sizes[name] > MAX_OPERATIONS:
                raise UnsafeModelError(
                    f"the function {name!r:.100} stands for more than {MAX_OPERATIONS:,} "
                    "operations, with the functions that it calls"
                )
    except CycleError as error:
        raise UnsafeModelError(f"the function {error.args[1][0]!r:.100} calls itself") from error
    return sizes


def refuse_size(operations: int, written: int) -> None:
    """Refuse a graph whose calls make more than ``MAX_OPERATIONS`` of those that are written."""
    if operations > MAX_OPERATIONS + written:
        raise UnsafeModelError(
            f"the functions of the model stand for more than {MAX_OPERATIONS:,} operations"
        )
