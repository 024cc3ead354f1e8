"""Folders of other tools on the command line."""

import json
from pathlib import Path

from command import environment, pictell
from exported_folders import hugging_face

GOLF_BALL = Path(__file__).parents[2] / "samples" / "golf-ball.png"


def test_a_folder_is_used_inspected_written_and_imported(tmp_path: Path) -> None:
    folder = hugging_face(tmp_path / "hf")
    run = pictell("--format", "json", "--model", folder, GOLF_BALL)
    assert (run.returncode, run.stderr) == (0, "")
    (expected,) = json.loads(run.stdout)

    run = pictell("inspect", folder, "--try")
    assert run.returncode == 0
    assert "from config.json and preprocessor_config.json" in run.stdout
    assert "ready          yes" in run.stdout

    written = tmp_path / "my-model"
    assert pictell("inspect", folder, "--write", written).returncode == 0
    given = environment(PICTELL_MODELS=str(tmp_path / "store"))
    assert pictell("models", "import", "mine", folder, env=given).returncode == 0
    for model in (written, "mine"):
        run = pictell("--format", "json", "--model", model, GOLF_BALL, env=given)
        assert json.loads(run.stdout)[0]["predictions"] == expected["predictions"]
