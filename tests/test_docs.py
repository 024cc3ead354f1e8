"""The documentation's examples run as printed, in a clone; its tables are those of the code."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pyarrow
import pytest
import yaml

import schema
from command import PICTELL, ROOT, environment
from pictell.batch.rows import EMBEDDING
from pictell.cli.batch import make_parser
from pictell.cli.exit_status import exit_status
from pictell.cli.serve import make_parser as serve_parser
from pictell.errors import error_classes
from pictell.reports import FORMATS, csv, csv_long
from pictell.reports.tables import csv as table_csv
from pictell.reports.tables import parquet as table_parquet
from pictell.results import Status
from pictell.server.guard import OPEN_PATHS
from pictell.types import PictureWarning

PAGES = (
    "README.md",
    "docs/batch.md",
    "docs/command-line.md",
    "docs/models.md",
    "docs/output.md",
    "docs/photos.md",
    "docs/train.md",
    "docs/trust.md",
)
# The length of the default model's embedding.
DEFAULT_EMBEDDING = 1280
PATH = f"{Path(PICTELL).parent}:/usr/bin:/bin"
# An indented command, or a block of Python.
EXAMPLE = re.compile(
    r"^    (?:\$ )?(?P<command>(?:pictell |find |jq |python |mkdir |cp |D=).*)$"
    r"|^```python\n(?P<python>(?:.*\n)+?)```$",
    re.MULTILINE,
)
# A word in capitals stands for something of the reader's own; a URL needs the internet.
PLACEHOLDER = re.compile(r"(?<![\w$-])[A-Z][A-Z_]+\b|https?://|models pull|inception5h")


def commands(page: str) -> list[str]:
    """The examples of a page as commands of the shell."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", "")
    return [
        match["command"] or f"python - <<'END'\n{match['python']}END"
        for match in EXAMPLE.finditer(text)
        if match["python"] or not PLACEHOLDER.search(match["command"])
    ]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run_in_their_order(page: str, tmp_path: Path) -> None:
    examples = commands(page)
    assert examples
    if any(example.startswith("jq ") for example in examples) and not shutil.which("jq", path=PATH):
        pytest.skip("jq is not installed")
    clone = tmp_path / "clone"
    for name in ("samples", "src"):
        shutil.copytree(ROOT / name, clone / name)
    run = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(["set -v", *examples])],
        cwd=clone,
        env=environment(PATH=PATH, PICTELL_MODELS=str(tmp_path / "models")),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, (examples, run.stderr[-2000:])


def test_the_manifest_for_kubernetes_runs_a_command_that_there_is() -> None:
    job = yaml.safe_load((ROOT / "docs" / "kuberay.yaml").read_text(encoding="utf-8"))
    command, status = job["spec"]["entrypoint"].split(" || ")
    assert shlex.split(command)[:2] == ["pictell", "batch"]
    options = make_parser().parse(shlex.split(command)[2:])
    assert (options.engine, options.ray_address, options.format) == ("ray", None, "parquet")
    assert status == "[ $? -eq 1 ]"


def test_the_service_of_kserve_runs_the_server_that_its_probes_ask() -> None:
    service = yaml.safe_load((ROOT / "deploy" / "kserve.yaml").read_text(encoding="utf-8"))
    (container,) = service["spec"]["predictor"]["containers"]
    options = serve_parser().parse(container["args"])
    (port,) = container["ports"]
    probes = [container[name]["httpGet"] for name in ("readinessProbe", "livenessProbe")]
    assert {options.port} == {port["containerPort"], *(probe["port"] for probe in probes)}
    assert {probe["path"] for probe in probes} <= OPEN_PATHS


def table(heading: str, page: str = "output.md") -> list[str]:
    """The rows below a heading of a page, up to the next heading."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    (section,) = re.findall(rf"^#+ {heading}\n((?:(?!#).*\n)*)", text, re.MULTILINE)
    return [line for line in section.splitlines() if line.startswith("| `")]


def cells(row: str) -> list[str]:
    return [cell.strip(" `") for cell in row.strip("|").split("|")]


def names(heading: str) -> list[str]:
    return [cells(row)[0] for row in table(heading)]


def test_the_page_lists_every_field_as_the_schema_describes_it() -> None:
    assert table("Fields") == schema.rows(schema.SCHEMA)


def test_the_page_lists_formats_columns_and_statuses() -> None:
    assert names("Output for programs") == [*FORMATS]
    assert names("CSV") == [*csv.COLUMNS, *csv_long.COLUMNS]
    assert names("Status") == [*Status, "null"]
    assert names("Warnings") == [*get_args(PictureWarning)]


def test_the_page_lists_every_error_with_its_exit_status() -> None:
    listed = {code: int(status) for code, status, _ in map(cells, table("Errors"))}
    assert listed == {code: exit_status(kind("")) for code, kind in error_classes().items()}


def test_the_page_lists_every_field_and_column_of_a_table() -> None:
    added = [cells(row)[0] for row in table("Fields of JSON lines", "batch.md")]
    assert added == [*table_csv.SOURCE_COLUMNS, EMBEDDING]
    listed = dict(map(cells, table("Columns of Parquet", "batch.md")))
    assert listed.pop(EMBEDDING) == f"fixed_size_list<item: float>[{DEFAULT_EMBEDDING}]"
    columns = pyarrow.schema(table_parquet.COLUMNS)
    assert listed == {column.name: str(column.type) for column in columns}
