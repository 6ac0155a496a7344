"""Folders of files that run code when they are read, loaded only where this user made them here.

A seal is a keyed digest beside the folder. The key lies in the state folder of the user and in no
run, so that what was copied from elsewhere, or changed since, has no seal that holds.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import secrets
from pathlib import Path
from tempfile import NamedTemporaryFile

from lanistr.errors import WeightsError

log = logging.getLogger(__name__)


def seal(folder: Path) -> None:
    """Write the seal of a folder; where no key can be kept, say that it will not be loaded."""
    try:
        _seal_of(folder).write_text(_digest(folder, _key()), encoding="utf-8")
    except OSError as error:
        log.warning(
            "%s gets no seal, so `lanistr predict --run` will refuse it: %s (%s). Let "
            "XDG_STATE_HOME name a folder that can be written.",
            folder,
            error.filename,
            error.strerror,
        )


def check_seal(folder: Path) -> None:
    """Refuse a folder that this user did not make on this machine.

    Raises:
        WeightsError: it has no seal, or another one than its files and the key give.
    """
    found, told = b"", b"-"
    with contextlib.suppress(OSError):
        found, told = _seal_of(folder).read_bytes(), _digest(folder, _key()).encode()
    if not hmac.compare_digest(found, told):
        raise WeightsError(
            f"{folder} is not loaded: its files are pickles, which run code when they are read, "
            "and it has no seal of this user and machine. It was made elsewhere or before there "
            "were seals, or was changed since. Train the run again here, or take the predictions "
            "that its training wrote."
        )


def _seal_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.seal")


def _digest(folder: Path, key: bytes) -> str:
    """The keyed digest of all names and contents below a folder."""
    told = hmac.new(key, digestmod="sha256")
    for path in sorted(folder.rglob("*")):
        told.update(f"{path.relative_to(folder)}\0".encode())
        if path.is_file():
            with path.open("rb") as file:
                told.update(hashlib.file_digest(file, "sha256").digest())
    return told.hexdigest()


def _key() -> bytes:
    """The key of this user on this machine, made when it is first asked for."""
    state = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "lanistr"
    key = state / "key"
    if not key.exists():
        state.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=state) as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            # Whole at once, and only the first of several trainings.
            with contextlib.suppress(FileExistsError):
                os.link(file.name, key)
    return key.read_bytes()
