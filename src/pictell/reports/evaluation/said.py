"""What a model said of one picture: its best class, and its answer where it gives any."""

from __future__ import annotations

from dataclasses import dataclass

from pictell.evaluation.comparison import Comparison
from pictell.evaluation.outcomes import NO_ANSWER
from pictell.evaluation.summary import Summary
from pictell.reports.evaluation.figures import count


@dataclass(frozen=True, slots=True)
class Answered:
    """A model's answer to a picture: ``name`` is ``None`` where it is not sure."""

    name: str | None
    right: bool


@dataclass(frozen=True, slots=True)
class Said:
    """A picture with its right class and a model's best class, whose ``score`` is in 0..1.

    ``answered`` is ``None`` of a model that gives no answers.
    """

    picture: int
    file: str
    truth: str
    best_class: str
    score: float
    right: bool
    answered: Answered | None


def said(summary: Summary, row: int) -> Said:
    """What the model said of the picture of one row of its outcomes."""
    outcomes = summary.outcomes
    found = outcomes.rows[row]
    picture, target, best = int(found["picture"]), int(found["target"]), int(found["best"][0])
    answered = None
    if outcomes.has_taxonomy:
        number = int(found["answer"])
        name = None if number == NO_ANSWER else outcomes.names[number]
        answered = Answered(name, bool(found["named_right"]))
    return Said(
        picture=picture,
        file=summary.dataset.files[picture],
        truth=summary.classes[target].name,
        best_class=summary.classes[best].name,
        score=float(found["scores"][0]),
        right=target == best,
        answered=answered,
    )


def said_by_both(comparison: Comparison, most: int | None = None) -> list[tuple[Said, Said]]:
    """What each model said of the changed pictures, of the first ``most`` or of all."""
    return [
        (said(comparison.first, int(row)), said(comparison.second, int(other_row)))
        for row, other_row in comparison.changed[:most]
    ]


def rescued(summary: Summary) -> str | None:
    """What the answers made of the pictures whose best class is wrong, in a sentence."""
    if not summary.outcomes.has_taxonomy or not len(summary.wrong):
        return None
    rows = summary.outcomes.rows[summary.wrong]
    right, given = int(rows["named_right"].sum()), int((rows["named"] > 0).sum())
    return (
        f"Of {count(len(rows), 'such picture')} the answer is right for {right} and wrong for "
        f"{given - right}; {len(rows) - given} got none."
    )
