"""Whole models in a folder or on the hub: weights as safetensors, the rest as JSON."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from lanistr.batch import InputSpec
from lanistr.errors import WeightsError
from lanistr.experiments.config import Experiment
from lanistr.methods.build import Origin, build
from lanistr.models.weights import looks_like_folder, misfits, refuse

if TYPE_CHECKING:
    from torch import nn

Model = TypeVar("Model", bound="nn.Module")
CONFIG, WEIGHTS = "config.json", "model.safetensors"
FORMAT = 2
# Of a library's configuration: what tells about the file and not about the model.
NOT_ATTRIBUTES = {"architectures", "dtype", "model_type", "transformers_version", "_name_or_path"}


def save(model: nn.Module, origin: Origin, folder: Path) -> None:
    """Write model.safetensors and config.json.

    Args:
        model: with what `origin` says.
        origin: whose settings are written, with the library's further attributes of the models
            that came from pretrained weights, so that these are not needed again.
        folder: is made if needed.
    """
    from safetensors.torch import save_file

    facts = {
        "format": FORMAT,
        "experiment": self_contained(model, origin.experiment).model_dump(mode="json"),
        "inputs": asdict(origin.spec),
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # Copies: a file has no place for tensors that share their memory, as tied weights do.
    state = {name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}
    save_file(state, folder / WEIGHTS, {"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    shutil.copymode(folder / CONFIG, folder / WEIGHTS)  # safetensors lets none but the owner read


def self_contained(model: nn.Module, experiment: Experiment) -> Experiment:
    """The experiment with attributes of the library's models in place of their weights' names."""
    settings = experiment.model_dump()
    libraries = {
        "encoders.text.bert": settings["encoders"]["text"],
        "encoders.image.vit": settings["encoders"]["image"],
        "fusion.transformer": settings["fusion"],
    }
    modules: dict[str, Any] = {
        name.removeprefix("student."): module for name, module in model.named_modules()
    }
    for name, part in libraries.items():
        if part["pretrained"] and name in modules:
            known = modules[name].config.to_diff_dict().items()
            part["attributes"] = {k: v for k, v in known if k not in NOT_ATTRIBUTES}
    return Experiment.model_validate(without_weights(settings))


def without_weights(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with random weights in place of pretrained ones, whichever part names them.

    >>> without_weights({"text": {"pretrained": "bert-base-uncased", "hidden": 768}})
    {'text': {'pretrained': None, 'hidden': 768}}
    """
    return {
        key: without_weights(value)
        if isinstance(value, dict)
        else None
        if key == "pretrained"
        else value
        for key, value in settings.items()
    }


def load(kind: type[Model], source: str | Path, revision: str | None) -> Model:
    """A model of this kind that `save` wrote, in eval mode.

    Raises:
        WeightsError: files that are missing, broken or of another kind of model.
    """
    folder = local_folder(str(source), revision)
    origin = read_origin(folder)
    model = build(origin.experiment, origin.spec)
    model.origin = origin
    if not isinstance(model, kind):
        raise WeightsError(
            f"{source} holds a {type(model).__name__}, asked for is a {kind.__name__}. "
            f"Use {type(model).__name__}.from_pretrained, or load_pretrained_part to start from it."
        )
    state, wanted = read_weights(folder), model.state_dict()
    problems = [f"{name}: {problem}" for name, problem in misfits(wanted, state).items()]
    problems += [f"{name}: not part of the model" for name in state if name not in wanted]
    refuse(f"{folder / WEIGHTS} does not fit {CONFIG} beside it", problems, "Save the model anew.")
    model.load_state_dict(state)
    return model.eval()


def local_folder(source: str, revision: str | None) -> Path:
    """The folder itself, or that into which the files of a hub's repository were fetched.

    Raises:
        WeightsError: no such folder, or the hub does not give the files.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    if looks_like_folder(source):
        raise WeightsError(
            f"There is no folder {source}. Give one that save_pretrained wrote, or a hub name."
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = [WEIGHTS, "*.json", "*.parquet", "*.yaml"]
    try:
        return Path(snapshot_download(source, revision=revision, allow_patterns=wanted))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise WeightsError(
            f"{source} is no folder, and the hub did not give it: {type(error).__name__}. "
            "Check the name, the network and the permission to read it."
        ) from error


def read_origin(folder: Path) -> Origin:
    """What config.json says.

    Raises:
        WeightsError: it is missing, or is not what `save` writes.
    """
    try:
        facts: Mapping[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if facts.get("format") != FORMAT:
            raise WeightsError(
                f"{folder / CONFIG} has format {facts.get('format')}, allowed is {FORMAT}. "
                "Is it a model that LANISTR.save_pretrained wrote?"
            )
        experiment = Experiment.model_validate(facts["experiment"])
        spec = TypeAdapter(InputSpec).validate_python(facts["inputs"])
        return Origin(experiment, spec)
    except (OSError, ValueError, KeyError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{folder / CONFIG} could not be read: {reason}") from error


def read_weights(folder: Path) -> dict[str, Any]:
    """The tensors of model.safetensors.

    Raises:
        WeightsError: it is missing or broken.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{folder / WEIGHTS} could not be read: {error}") from error
