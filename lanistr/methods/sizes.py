"""How many parameters the experiments of a recipe have, without weights, data or memory for them.

Models are built on torch's meta device. What only data fix takes the values of the full datasets.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from lanistr.batch import InputSpec
from lanistr.errors import ConfigError
from lanistr.experiments.config import Experiment
from lanistr.experiments.methods import methods
from lanistr.modality import Modality
from lanistr.task import Kind, Task

if TYPE_CHECKING:
    from lanistr.methods.method import Model

IMAGE_PX = 224
HOURS = 48  # of a time series. Source: LANISTR, section 5.1
VALUES, VARIABLES = 59, 17  # of an hour, as preprocessing writes it
FINDINGS = 14  # of CheXpert
CODED = ("identifier", "category")


@dataclass(frozen=True)
class Size:
    """Parameters of an experiment.

    Attributes:
        experiment: its name.
        parts: number of parameters of each part.
        trained: those that training changes; encoders that the recipe freezes are not.
        published: in millions, None = no number is known.
        counted: by which rule that was counted, and where it is published.
    """

    experiment: str
    parts: dict[str, int]
    trained: int
    published: float | None
    counted: str


def size_of(
    experiment: Experiment, published: Path, columns: Path, init: Sequence[Experiment] = ()
) -> Size:
    """Build an experiment's model without memory, freeze what its run would, and count.

    Args:
        experiment: of any method; AutoGluon must be installed for its own.
        published: counts (TSV).
        columns: those of the full datasets' tables (TSV).
        init: the experiments that `experiment.init` names. What their weights do not fit, such as
            the embeddings of other identifiers, is trained.

    Raises:
        ConfigError: a table whose columns are not known.
        NotInstalledError: AutoGluon is not there, and is asked for.
    """
    from lanistr.methods.build import parameter_counts, trained_parameters

    if trainer := methods()[experiment.method].trainer:
        model = import_module(trainer).untrained(experiment, full_spec(experiment, columns))
    else:
        model = build_trained(experiment, partial(model_of, columns=columns), init)
    with published.open(newline="", encoding="utf-8") as lines:
        known = {line["experiment"]: line for line in csv.DictReader(lines, delimiter="\t")}
    about = known.get(experiment.name, {"million": None, "counted": ""})
    number = float(about["million"]) if about["million"] else None
    return Size(
        experiment.name,
        parameter_counts(model),
        trained_parameters(model),
        number,
        about["counted"] or "",
    )


def build_trained(
    experiment: Experiment, make: Callable[[Experiment], Model], init: Sequence[Experiment]
) -> Model:
    """The model of an experiment, with what its run would freeze frozen.

    Args:
        experiment: what is trained.
        make: builds the model of an experiment.
        init: the experiments that `experiment.init` names.
    """
    from lanistr.methods.build import frozen_encoders

    model = make(experiment)
    anew: tuple[str, ...] = ()
    if init:
        weights = [make(each).state_dict() for each in init]
        anew = model.load_pretrained_part({name: w for each in weights for name, w in each.items()})
    model.freeze(frozen_encoders(experiment, anew))
    return model


def model_of(experiment: Experiment, columns: Path) -> Model:
    """The model of an experiment on the full data, on the meta device."""
    import torch

    from lanistr.methods.build import build
    from lanistr.methods.pretrained import without_weights

    settings = without_weights(experiment.model_dump())
    with torch.device("meta"):
        return build(Experiment.model_validate(settings), full_spec(experiment, columns))


def full_spec(experiment: Experiment, columns: Path, image_px: int = IMAGE_PX) -> InputSpec:
    """What the full datasets fix about a model's inputs and outputs.

    Raises:
        ConfigError: a table whose columns are not known.
    """
    told = known_columns(columns, experiment)
    known = told if Modality.TABULAR in experiment.modalities else []
    sizes = {line["column"]: int(line["size"]) for line in known if line["kind"] in CODED}
    text = experiment.encoders.text
    return InputSpec(
        vocab_size=text.vocab_size,
        pad_token_id=0,
        mask_token_id=4,
        special_token_ids=(0, 1, 2, 3, 4),
        max_tokens=text.max_tokens,
        image_px=image_px,
        series_steps=HOURS,
        series_values=VALUES,
        series_variables=VARIABLES,
        variable_of_value=tuple(sorted(i % VARIABLES for i in range(VALUES))),
        finding_names=tuple(f"finding {i}" for i in range(FINDINGS)),
        category_names=tuple(sizes),
        category_sizes=tuple(sizes.values()),
        identifiers=tuple(line["column"] for line in known if line["kind"] == "identifier"),
        number_names=tuple(line["column"] for line in known if line["kind"] == "number"),
        task=full_task(experiment, told) if experiment.stage == "finetune" else None,
    )


def full_task(experiment: Experiment, told: list[dict[str, str]]) -> Task:
    """A task as wide as the experiment's; of which kind it is does not count.

    Raises:
        ConfigError: the dataset is not known to have it.
    """
    widths = {line["column"]: int(line["size"]) for line in told if line["kind"] == "task"}
    name = experiment.task or next(iter(widths), "")
    if name not in widths:
        raise ConfigError(
            f"{experiment.name}: it is not known how wide its task {name} is; known of "
            f"{experiment.dataset} are {sorted(widths)}."
        )
    return Task(name, Kind.MULTILABEL, name, classes=tuple(map(str, range(widths[name]))))


def known_columns(path: Path, experiment: Experiment) -> list[dict[str, str]]:
    """What the full dataset's table has, and what it is asked: name, kind and width of each.

    Raises:
        ConfigError: nothing is known of a dataset whose table is read.
    """
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    family = experiment.dataset.split("/")[0]
    found = [line for line in lines if line["dataset"] in (experiment.dataset, family)]
    if Modality.TABULAR in experiment.modalities and all(line["kind"] == "task" for line in found):
        raise ConfigError(
            f"{experiment.name}: {path} has no columns of {experiment.dataset}; known are those "
            f"of {sorted({line['dataset'] for line in lines if line['kind'] != 'task'})}."
        )
    return found


def like_known(path: Path, experiment: Experiment) -> Experiment:
    """The experiment on data of its family whose columns are known, if those of its own are not."""
    with path.open(newline="", encoding="utf-8") as file:
        known = [
            line["dataset"]
            for line in csv.DictReader(file, delimiter="\t")
            if line["kind"] != "task"
        ]
    family = experiment.dataset.split("/")[0]
    alike = [data for data in known if data.split("/")[0] == family]
    if experiment.dataset in known or not alike:
        return experiment
    return experiment.model_copy(update={"dataset": alike[-1]})
