"""Weights from folders, hubs and checkpoints; what does not fit is refused, never left random.

Those that are meant to be random depend on the seed and on the name of their part alone.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from os.path import expanduser, isdir
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from lanistr.errors import WeightsError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

    from lanistr.experiments.architecture import LibraryTransformer

Model = TypeVar("Model", bound="PreTrainedModel")
log = logging.getLogger(__name__)
SHOWN = 5  # problems listed in a message; one wrong size makes hundreds


@contextmanager
def seeded(part: str) -> Iterator[None]:
    """Draw the random weights of a part from the global seed and the part's name."""
    digest = blake2b(f"{torch.initial_seed()}/{part}".encode(), digest_size=7).digest()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int.from_bytes(digest))
        yield


def library_model(
    kind: type[Model],
    part: str,
    settings: LibraryTransformer,
    sizes: Mapping[str, Any],
    *,
    may_lack: Collection[str] = (),
    **options: Any,
) -> Model:
    """A model of the library `transformers`, random or pretrained as the settings say.

    Args:
        kind: model class.
        part: of the recipe, for messages, such as `encoders.text`.
        settings: sizes, dropout and source of the weights.
        sizes: further attributes of the model's configuration that are fixed.
        may_lack: parameters that may start anew when the weights lack them.
        options: further arguments of the model's constructor.

    Raises:
        WeightsError: weights that are missing, broken or of another size.
    """
    sizes = {
        "hidden_size": settings.hidden,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "intermediate_size": settings.intermediate,
        **sizes,
    }
    dropout = {
        "hidden_dropout_prob": settings.dropout,
        "attention_probs_dropout_prob": settings.dropout,
    }
    config_class: Any = kind.config_class
    if settings.pretrained is None:
        return kind(config_class(**{**sizes, **dropout, **settings.attributes}), **options)
    source = expanduser(settings.pretrained)
    config = pretrained_config(config_class, source, part, sizes)
    config.update(dropout)
    return pretrained_model(kind, source, part, config=config, may_lack=may_lack, **options)


def pretrained_config(
    kind: type[PreTrainedConfig], source: str, part: str, sizes: Mapping[str, Any]
) -> PreTrainedConfig:
    """The configuration beside pretrained weights, if it has these sizes.

    Raises:
        WeightsError: nothing there, or other sizes.
    """
    if looks_like_folder(source) and not isdir(source):
        raise WeightsError(
            f"{part}.pretrained: there is no folder {source}. Give a folder that save_pretrained "
            "wrote, a hub name such as bert-base-uncased, or null for random weights."
        )
    with quiet():
        try:
            config = kind.from_pretrained(source)
        except (OSError, ValueError, TypeError) as error:
            raise unreadable(part, source, error) from error
    refuse(
        f"{part}.pretrained: the weights in {source} do not fit",
        [
            f"{name}: found {getattr(config, name)}, expected {size}"
            for name, size in sizes.items()
            if getattr(config, name) != size
        ],
        f"Give {part} (and the cache, where vocabulary or image size differ) "
        "the sizes of the weights, or name other weights.",
    )
    return config


def pretrained_model(
    kind: type[Model],
    source: str,
    part: str,
    *,
    may_lack: Collection[str],
    **options: Any,
) -> Model:
    """A model with the weights of a folder or hub name, in float32.

    Raises:
        WeightsError: a file is missing or broken, or a tensor is missing or has another shape;
            the library itself would go on with random values for it.
    """
    from safetensors import SafetensorError

    with quiet():
        try:
            loaded: Any = kind.from_pretrained(
                source,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **options,
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise unreadable(part, source, error) from error
    model, report = loaded
    missing = set(report["missing_keys"]) - set(may_lack)
    refuse(
        f"{part}.pretrained: the weights in {source} do not fit {kind.__name__}",
        [f"{name}: missing" for name in sorted(missing)]
        + [
            f"{name}: found {tuple(found)}, expected {tuple(wanted)}"
            for name, found, wanted in sorted(report["mismatched_keys"])
        ],
        "Name weights of this architecture, saved with save_pretrained.",
    )
    return model


def load_parts(
    model: nn.Module,
    state: Mapping[str, Tensor],
    parts: Collection[str],
    bound_to_data: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Copy parts of a checkpoint into a model; what else the checkpoint holds is not looked at.

    Args:
        model: receives the values.
        state: tensors by name.
        parts: children of the model to load, completely but for what is `bound_to_data`.
        bound_to_data: beginnings of the names of tensors that stay as they are when the
            checkpoint lacks them or has another shape, as of a dataset with other columns.

    Returns:
        The names of tensors that stay as they are; they are logged, too.

    Raises:
        WeightsError: a tensor of these parts is missing or has another shape.
    """
    wanted = {
        name: tensor
        for name, tensor in model.state_dict().items()
        if name.split(".", 1)[0] in parts
    }
    problems = misfits(wanted, state)
    anew = tuple(name for name in problems if name.startswith(bound_to_data))
    refuse(
        f"The checkpoint does not fit {', '.join(parts)} of the model",
        [f"{name}: {problem}" for name, problem in problems.items() if name not in anew],
        "Pretrain with the encoders, fusion and modalities of this experiment, "
        "or correct its `init`.",
    )
    model.load_state_dict({n: state[n] for n in wanted if n not in anew}, strict=False)
    if anew:
        listed = [f"  {name}: {problems[name]}" for name in anew]
        log.warning("\n".join(["Left at random, as the columns of the data differ:", *listed]))
    return anew


def misfits(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> dict[str, str]:
    """What keeps each tensor of a model from taking the value of that name; missing ones first."""
    missing = {name: "missing" for name in wanted if name not in found}
    return missing | {
        name: f"found {tuple(found[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in found and found[name].shape != tensor.shape
    }


def refuse(what: str, problems: list[str], remedy: str) -> None:
    """Raise a WeightsError that lists the problems, if there are any."""
    if problems:
        more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        listed = [f"  {problem}" for problem in problems[:SHOWN] + more]
        raise WeightsError("\n".join([f"{what}:", *listed, remedy]))


def unreadable(part: str, source: str, error: Exception) -> WeightsError:
    """What the library said when it could not load, in one line."""
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return WeightsError(
        f"{part}.pretrained: {source} could not be loaded: {reason[0]} "
        "Check that config.json and model.safetensors are there and complete, "
        "or that the hub can be reached."
    )


def looks_like_folder(source: str) -> bool:
    """Whether a name can only be a folder, as hub names are `name` or `owner/name`.

    >>> looks_like_folder("google/vit-base-patch16-224"), looks_like_folder("weights/bert/v1")
    (False, True)
    """
    return source.startswith((".", "/")) or source.count("/") > 1


@contextmanager
def quiet() -> Iterator[None]:
    """Without the library's loading table and bars, whose content becomes our own message."""
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()
