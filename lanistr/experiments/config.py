"""What is trained on what, and how: an experiment and its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    create_model,
    model_validator,
)

from lanistr.experiments.architecture import Encoders, Fusion, Part
from lanistr.experiments.methods import Method, methods
from lanistr.experiments.objectives import OBJECTIVE_MODALITY, Objectives, Variants
from lanistr.modality import Modality

P = TypeVar("P", bound=Part)

VALID_SHARE = 0.2  # validation samples per training sample of a limited pretraining epoch

# In YAML one name may stand without its list.
OneOrMore = Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)]

# Decay of a running mean, per step.
Beta = Annotated[float, Field(ge=0, lt=1)]

# Written in one order: that of a set changes from process to process.
Modalities = Annotated[frozenset[Modality], PlainSerializer(sorted, when_used="json")]


class Plateau(Part):
    """A rate that falls when the validation loss no longer does; as torch's ReduceLROnPlateau."""

    factor: float = Field(0.1, gt=0, lt=1, description="Factor of the rate at a plateau.")
    patience: int = Field(10, ge=0, description="Epochs without a lower loss that are put up with.")


class Optim(Part):
    """How weights are moved; the rate is set per batch, after a linear warm-up."""

    algorithm: Literal["adamw", "adam"] = Field(
        "adamw",
        description="Rule of the steps; adam adds weight_decay to the gradient, adamw takes it off "
        "weights.",
    )
    lr: float = Field(1e-4, gt=0, description="Peak of the learning rate.")
    pretrained_lr: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Rate of weights that `init` gave, as a share of that of new ones.",
    )
    betas: tuple[Beta, Beta] = Field(
        (0.9, 0.999), description="Decay of the means of the gradient and its square."
    )
    weight_decay: float = Field(0.02, ge=0, description="Pull of all weights towards zero.")
    warmup_share: float = Field(
        0.1, ge=0, lt=1, description="Share of all steps before the peak rate."
    )
    schedule: Literal["cosine", "constant"] | Plateau = Field(
        "cosine",
        description="Rate after the warm-up: half a cosine down to zero, the peak throughout, or "
        "{factor: ..., patience: ...} to lower it on a plateau of the validation loss.",
    )
    epochs: int = Field(..., gt=0, description="Number of epochs at most.")
    stop_after: int | None = Field(
        None, gt=0, description="Epochs without a better one that end a run early; null = never."
    )
    keep: Literal["best", "last"] = Field(
        "best",
        description="Epoch whose weights are kept: the best in validation, or the last, where "
        "validation is a handful of samples.",
    )
    batch_size: int = Field(..., gt=0, description="Samples of a step, over all devices.")
    accumulate: int = Field(1, gt=0, description="Number of micro-batches per step.")
    clip_norm: float = Field(
        1.0, gt=0, description="Greatest length of the gradient; a longer one is cut."
    )

    @model_validator(mode="after")
    def _stops_for_what_it_keeps(self) -> Self:
        if self.keep == "last" and self.stop_after:
            raise ValueError("stop_after: the last epoch is kept, no better one is waited for")
        return self


class Data(Part):
    """Which samples a run sees."""

    require: Modalities = Field(
        frozenset(),
        description="Modalities that kept samples have, in use or not; empty = any subset.",
    )
    train_require: Modalities | None = Field(
        None, description="Like `require`, for the train split; null = the same."
    )
    unlabeled_share: float = Field(
        1.0, ge=0, le=1, description="Share of pretraining samples; smaller shares are subsets."
    )
    labeled_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Share of the labeled samples of train and valid; smaller shares are subsets.",
    )
    labels: int | None = Field(
        None,
        gt=0,
        description="Labeled samples of train instead, with as large a share of valid; fewer are "
        "subsets.",
    )
    parallel_only: bool = Field(
        False, description="Whether only samples with every modality are kept."
    )
    samples_per_epoch: int | None = Field(
        None, gt=0, description="Samples that are drawn anew each epoch; null = all of them."
    )
    columns_as_text: bool = Field(
        False,
        description="Whether the columns of the table are written in front of the text (Tab2Txt).",
    )
    views: int = Field(
        1,
        gt=0,
        description="Views of each training image: as it is, then zoomed and shifted; an epoch "
        "shows one of them, in turn.",
    )
    mirror: bool = Field(
        False, description="Whether half of the images of further views are mirrored."
    )
    modality_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Probability with which a step of fine-tuning goes without a modality of a "
        "sample; one of each sample always stays.",
    )

    @model_validator(mode="after")
    def _mirrors_views(self) -> Self:
        if self.mirror and self.views == 1:
            raise ValueError("mirror: the only view is the image as it is; set views above 1")
        return self

    @model_validator(mode="after")
    def _counts_labels_once(self) -> Self:
        if self.labels and self.labeled_share < 1:
            raise ValueError("labels: there is labeled_share too; give one of them")
        return self


def known(method: str) -> str:
    """The name of a method, which has a folder.

    Raises:
        ValueError: none has this name.
    """
    if method not in methods():
        raise ValueError(f"found {method!r}, allowed is one of {', '.join(methods())}")
    return method


if TYPE_CHECKING:
    Sections = Part
else:  # a section for each method that has settings, under its name
    Sections = create_model(
        "Sections",
        __base__=Part,
        **{
            name: (method.settings, Field(method.settings(), description=method.settings.__doc__))
            for name, method in methods().items()
            if method.settings
        },
    )


class Experiment(Sections):
    """One row of a table, or the pretraining that rows share: an entry laid over a recipe."""

    name: str = Field(description="Name of the entry.")
    stage: Literal["pretrain", "finetune"] = Field(description="Stage of training.")
    method: Annotated[str, AfterValidator(known)] = Field(
        "lanistr", description="Name of the method, a folder of lanistr/methods."
    )
    dataset: str = Field(description="Data set, or a variant as <data set>/<variant>.")
    modalities: Modalities = Field(min_length=1, description="Modalities that the model reads.")
    init: OneOrMore = Field(
        (), description="Experiments whose runs of the same seed give the initial weights, in turn."
    )
    rows: dict[str, str] = Field(
        {}, description="Row of each table that this is, both as in paper_results.tsv."
    )
    task: str | None = Field(
        None, description="Task of the data set that fine-tuning learns; null = its first."
    )
    freeze: Literal["pretrained", "none"] = Field(
        "pretrained",
        description="Encoders that fine-tuning leaves as they are: those that start from trained "
        "weights, or none.",
    )
    data: Data = Field(Data(), description="Samples that a run sees.")
    encoders: Encoders = Field(Encoders(), description="Sizes of an encoder per modality.")
    fusion: Fusion = Field(Fusion(), description="Sizes of what joins the modalities.")
    objectives: Objectives = Field(Objectives(), description="Losses of LANISTR's pretraining.")
    variants: Variants = Field(Variants(), description="Departures of LANISTR's official code.")
    optim: Optim = Field(description="Rule, rate and length of training.")

    @model_validator(mode="after")
    def _parts_fit(self) -> Experiment:
        if self.stage == "pretrain" and self.init:
            raise ValueError("init: a pretraining run starts from its encoders' weights")
        if self.task and self.stage == "pretrain":
            raise ValueError("task: pretraining has no labels; a task is of stage finetune")
        if self.data.modality_dropout and self.stage == "pretrain":
            raise ValueError(
                "data.modality_dropout: pretraining has objectives.modality_ratio in its place"
            )
        if self.stage == "pretrain" and (self.data.labels or self.data.labeled_share < 1):
            raise ValueError(
                "data: a pretraining has no labels; give labels or labeled_share to the "
                "fine-tunings that start from it"
            )
        if self.stage == "finetune" and self.data.unlabeled_share < 1:
            raise ValueError(
                "data.unlabeled_share: a fine-tuning learns from labels; give the share to the "
                "pretraining that it starts from"
            )
        if self.data.columns_as_text and Modality.TABULAR in self.modalities:
            raise ValueError("data.columns_as_text: the columns are text; leave tabular out")
        self._fits_method(methods()[self.method])
        return self

    def _fits_method(self, method: Method) -> None:
        if self.stage not in method.stages:
            allowed = ", ".join(method.stages)
            raise ValueError(f"stage: {self.method} has no {self.stage}; allowed: {allowed}")
        if self.modalities not in (sets := method.stages[self.stage]):
            allowed = ", ".join(f"[{', '.join(sorted(chosen))}]" for chosen in sets)
            raise ValueError(
                f"modalities: found [{', '.join(sorted(self.modalities))}]; {self.method} "
                f"can {self.stage} on {allowed}"
            )
        if changed := [setting for setting in method.ignores if not self._is_default(setting)]:
            raise ValueError(
                f"{', '.join(changed)}: {self.method} has no use for this and would ignore it; "
                f"set the default in the recipe's section methods.{self.method}"
            )
        if method.check:
            method.check(self)

    def _is_default(self, setting: str) -> bool:
        part, name = setting.split(".")
        section = getattr(self, part)
        return getattr(section, name) == type(section).model_fields[name].default

    def section(self, kind: type[P]) -> P:
        """The settings of this kind, such as those of a method."""
        return next(value for _, value in self if isinstance(value, kind))

    @property
    def frozen(self) -> frozenset[Modality]:
        """The encoders that fine-tuning leaves as they are: those that start from trained weights.

        A method with a trainer of its own trains all of its own.
        """
        if self.stage == "pretrain" or self.freeze == "none" or methods()[self.method].trainer:
            return frozenset()
        return frozenset(m for m in self.modalities if self.init or self.has_library_weights(m))

    def has_library_weights(self, modality: Modality) -> bool:
        """Whether the recipe names weights of an encoder."""
        return getattr(getattr(self.encoders, modality), "pretrained", None) is not None

    @property
    def learns_findings(self) -> bool:
        """Whether the labels of radiographs are learned, which not all data have."""
        return methods()[self.method].findings and self.stage == "pretrain"

    @property
    def losses(self) -> tuple[str, ...]:
        """The pretraining losses in use: a weight above 0, and the modality is there."""
        masking = [n for n, m in OBJECTIVE_MODALITY.items() if m in self.modalities]
        forecast = ["forecast"] if Modality.TIMESERIES in self.modalities else []
        names = (*masking, *forecast, "mmm")
        return tuple(n for n in names if getattr(self.objectives, n) > 0)
