"""The user's folders, also for a user that has none."""

import os
from pathlib import Path

import pytest

from pictell.cli import undo
from pictell.collection.journal import journals_folder
from pictell.errors import UsageError
from pictell.index import embeddings, photos
from pictell.models.store import local
from pictell.user_folders import cache_folder, config_folder, data_folder

needs_pwd = pytest.mark.skipif(os.name == "nt", reason="Windows has no list of users")


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user as in many containers: not in the list of users, and without ``HOME``."""
    import pwd

    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for variable in (
        "HOME XDG_DATA_HOME XDG_CACHE_HOME XDG_CONFIG_HOME "
        "PICTELL_INDEX PICTELL_PHOTO_INDEX PICTELL_MODELS"
    ).split():
        monkeypatch.delenv(variable, raising=False)


@needs_pwd
@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize(
    "find",
    [
        cache_folder,
        config_folder,
        data_folder,
        embeddings.index_path,
        journals_folder,
        local.cache_root,
        local.data_root,
        photos.index_path,
    ],
)
def test_a_user_without_a_home_is_told_what_to_set(find: type) -> None:
    with pytest.raises(UsageError, match="set HOME or XDG_"):
        find()


@needs_pwd
@pytest.mark.usefixtures("homeless")
def test_undo_needs_a_home() -> None:
    with pytest.raises(UsageError):
        undo.run([])


@pytest.mark.usefixtures("homeless")
@needs_pwd
def test_a_file_that_is_named_needs_no_home(tmp_path: Path) -> None:
    with photos.PhotoIndex.open(tmp_path / "index.sqlite3") as index:
        assert index.note is None
