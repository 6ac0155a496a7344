"""Files of a run: the state it resumes from, and the checkpoint it leaves, with what made it."""

from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from commandline.disks import is_full, tell_full
from lanistr.errors import ConfigError, TrainingError, WeightsError
from lanistr.experiments.config import Experiment

log = logging.getLogger(__name__)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file that takes its name only when it is complete and on disk.

    Raises:
        TrainingError: the disk is full; libraries say so in ways of their own.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        write(path)  # a device or a pipe, whose place no file may take
        return
    partial = path.with_name(f"{path.name}.partial")
    try:
        write(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
    except Exception:
        said = tell_full(path) if is_full(path) else None
        partial.unlink(missing_ok=True)
        if said is None:
            raise
        raise TrainingError(said) from None
    os.replace(partial, path)


def run_identity(
    experiment: Experiment, seed: int, cache_digest: str, init: Sequence[Path]
) -> dict[str, str]:
    """What must be the same for a run to go on from a state; all of it is stored as text."""
    return {
        "experiment": experiment.model_dump_json(),
        "seed": str(seed),
        "cache": cache_digest,
        "init": " ".join(map(file_digest, init)),
        "torch": str(torch.__version__),
    }


def file_digest(path: Path) -> str:
    """Short digest of a file's bytes."""
    digest = blake2b(digest_size=8)
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def save_state(folder: Path, identity: dict[str, str], state: dict[str, Any]) -> None:
    """Keep everything that the rest of a run depends on, in one file, at once."""
    write_whole(
        folder / "state.pt", lambda path: torch.save({"identity": identity, "state": state}, path)
    )


def load_state(folder: Path, identity: dict[str, str]) -> dict[str, Any] | None:
    """The state that an interrupted run of the same identity left, if any.

    A state of another experiment, seed, cache or initial checkpoint is never mixed in: the run
    starts anew and says so.
    """
    path = folder / "state.pt"
    if not path.is_file():
        return None
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError):
        log.warning("%s cannot be read: starting anew", path)
        return None
    changed = [key for key, value in identity.items() if stored["identity"].get(key) != value]
    if changed:
        log.warning("%s is of a run with another %s: starting anew", path, ", ".join(changed))
        return None
    return stored["state"]


def remove_state(folder: Path) -> None:
    """Forget the state; first the file that marks it as usable."""
    (folder / "state.pt").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def detached(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A copy in main memory that shares nothing, as safetensors demands of tied weights."""
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in state.items()}


def write_checkpoint(path: Path, weights: dict[str, Tensor], identity: dict[str, str]) -> None:
    """Weights as safetensors; the resolved experiment and the seed travel in its header.

    They are one entry, as several would be in random order and the same run give other bytes.
    """
    header = {"run": json.dumps(identity)}
    write_whole(path, lambda p: safetensors.torch.save_file(weights, p, metadata=header))


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], Experiment, int]:
    """Weights, the experiment that trained them, and its seed.

    Raises:
        WeightsError: not a checkpoint of `lanistr train`.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {})["run"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        experiment = Experiment.model_validate_json(about["experiment"])
        return weights, experiment, int(about["seed"])
    except FileNotFoundError:
        raise WeightsError(
            f"{path} is not there. Train it first: python -m lanistr train."
        ) from None
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{path} is not a checkpoint of `python -m lanistr train`: {error}. Train it again."
        ) from None


def initial_weights(experiment: Experiment, seed: int, paths: Sequence[Path]) -> dict[str, Tensor]:
    """The weights that `experiment.init` asks for; of tensors of one name the last counts.

    Raises:
        ConfigError: not exactly one checkpoint for each name in `init`, of the same seed.
    """
    weights, found = {}, []
    for path in paths:
        tensors, source, source_seed = read_checkpoint(path)
        weights.update(tensors)
        found.append((source.name, source_seed))
    if found != [(name, seed) for name in experiment.init]:
        given = ", ".join(f"{name} with seed {number}" for name, number in found) or "none"
        wanted = "".join(
            f" --init runs/{name}/seed{seed}/checkpoint.safetensors" for name in experiment.init
        )
        raise ConfigError(
            f"{experiment.name}, seed {seed}: found initial checkpoints: {given}. "
            + (f"Give{wanted}." if wanted else "It has no `init` in the registry: give no --init.")
        )
    return weights


def write_json(path: Path, content: dict[str, Any]) -> None:
    """A JSON file, whole or not at all."""
    write_whole(
        path, lambda p: p.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    )


def write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    """One JSON object per line, whole or not at all."""
    text = "".join(json.dumps(record) + "\n" for record in records)
    write_whole(path, lambda p: p.write_text(text, encoding="utf-8"))
