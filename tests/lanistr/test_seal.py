"""Seals: kept by what this user made here, lost by what was changed, copied or made elsewhere."""

from pathlib import Path

import pytest

from lanistr.errors import WeightsError
from lanistr.training.seal import check_seal, seal


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sealed folder, and the state of a user who has a key."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "run/predictor"
    folder.mkdir(parents=True)
    (folder / "a.pkl").write_bytes(b"a")
    seal(folder)
    return folder


def test_what_was_made_here_is_loaded(made: Path) -> None:
    check_seal(made)
    key = made.parents[1] / "state/lanistr/key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in key.parent.iterdir()] == ["key"]


@pytest.mark.parametrize("change", ["content", "added", "renamed", "no seal", "another user"])
def test_anything_else_is_refused(made: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if change == "content":
        (made / "a.pkl").write_bytes(b"b")
    elif change == "added":
        (made / "b.pkl").write_bytes(b"")
    elif change == "renamed":
        (made / "a.pkl").rename(made / "b.pkl")
    elif change == "no seal":
        made.with_name("predictor.seal").unlink()
    else:
        monkeypatch.setenv("XDG_STATE_HOME", str(made.parent))
    with pytest.raises(WeightsError, match="no seal of this user and machine"):
        check_seal(made)


def test_training_goes_on_where_no_key_can_be_kept(
    made: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    seal(made)
    assert "gets no seal" in caplog.text
