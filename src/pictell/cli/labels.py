"""``pictell labels``: list and search what a model can say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pictell import models
from pictell.cli import defaults
from pictell.cli.answer_options import add_names_option
from pictell.cli.model_options import add_model_options
from pictell.cli.output import write, write_json
from pictell.cli.parser import Parser
from pictell.options import MIN_CONFIDENCE
from pictell.reports.escape import visible

if TYPE_CHECKING:
    from pictell.models.vocabulary import Entry
    from pictell.scoring.taxonomy import Taxonomy

EXAMPLE = """\
List what a model can say, its classes below the broader labels, or search it:

  pictell labels
  pictell labels cat
  pictell labels golden retriever --format json
  pictell labels --model MODEL.tflite --labels LABELS.txt

Several words are one name. The search finds whole words of names and synonyms; if there are none,
it finds parts of words. It also takes a WordNet id or a class index.
"""


def run(words: list[str]) -> int:
    """Write the labels, or those that the words find with what is above and below them."""
    options = make_parser().parse(words)
    defaults.fill(options, "model")
    from pictell.models.scorer import build_scorer
    from pictell.models.vocabulary import entries, search

    spec = models.find(options.model, options.model_options)
    scorer = build_scorer(spec, MIN_CONFIDENCE, labels_from=options.labels_from)
    taxonomy = scorer.tree
    found = search(taxonomy, " ".join(options.words)) if options.words else entries(taxonomy)
    if options.format == "json":
        write_json([_record(taxonomy, entry) for entry in found])
    else:
        write(["".join(_lines(taxonomy, found)).encode()])
    return 0


def _record(taxonomy: Taxonomy, entry: Entry) -> dict[str, object]:
    label = taxonomy.labels[entry.node]
    return {
        "id": entry.id,
        "name": label.name,
        "path": taxonomy.path(entry.node),
        "classes": sorted(taxonomy.classes_below(entry.node).tolist()),
        "synonyms": label.synonyms,
        "heading": bool(taxonomy.headings[entry.node]),
    }


def _lines(taxonomy: Taxonomy, found: Iterable[Entry]) -> Iterator[str]:
    for node, depth, key in found:
        is_class, classes = node < taxonomy.root, len(taxonomy.classes_below(node))
        heading = ", never an answer" if taxonomy.headings[node] else ""
        number = f"({classes} {'class' if classes == 1 else 'classes'}{heading})"
        what = key if is_class else number
        yield f"{'  ' * depth}{visible(taxonomy.labels[node].name)}  {visible(what)}\n"


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell labels", "[OPTION …] [WORD …]", EXAMPLE)
    add = parser.add_argument
    add("words", nargs="*", metavar="WORD", help="a name, some words of it or a part of a word")
    add("-m", "--model", metavar="M", help="a model's name, folder or file (default)")
    add_names_option(parser)
    parser.add_format(("text", "json"))
    add_model_options(parser)
    return parser
