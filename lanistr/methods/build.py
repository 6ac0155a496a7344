"""From an experiment and the shape of its data to a model, with random or pretrained weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from torch import nn

from lanistr.batch import InputSpec
from lanistr.errors import ConfigError
from lanistr.experiments import architecture, config
from lanistr.experiments.config import Experiment
from lanistr.methods.albef.model import Albef, AlbefForPrediction, AlbefForPretraining
from lanistr.methods.albef.student import CrossEncoder, Student, classifier, pretraining_heads
from lanistr.methods.coca.model import build_coca
from lanistr.methods.flava.model import build_flava
from lanistr.methods.lanistr.model import LANISTRForPrediction, LANISTRForPretraining
from lanistr.methods.latefusion.model import LateFusion
from lanistr.methods.medfuse.model import build_medfuse
from lanistr.methods.method import Model
from lanistr.methods.pretrained import Origin
from lanistr.modality import Modality
from lanistr.models.encoders import Encoder, Encoders
from lanistr.models.fusion import (
    Fusion,
    Projection,
    Projections,
    SimilarityHead,
    perceptron,
    start_at_random,
)
from lanistr.models.image import ImageEncoder, MaskedImageHead
from lanistr.models.perceiver import PerceiverFusion, perceiver_io
from lanistr.models.tabular import MaskedTabularHead, TabularEncoder
from lanistr.models.text import MaskedLanguageHead, TextEncoder
from lanistr.models.timeseries import MaskedTimeseriesHead, TimeseriesEncoder
from lanistr.models.weights import library_model, seeded


def build(experiment: Experiment, spec: InputSpec) -> Model:
    """The model of an experiment, in training mode, with nothing frozen by a recipe yet.

    Random weights follow from the seed last given to `torch.manual_seed` and from the name of
    the part alone: an encoder starts the same whichever other modalities the experiment has.

    Args:
        experiment: method, stage, modalities, sizes and objectives.
        spec: what the data fixes.

    Raises:
        ConfigError: sizes that do not fit the data, a modality without an encoder, or a method
            that builds its models itself.
        WeightsError: pretrained weights that are missing or do not fit.
    """
    if experiment.method not in BUILDERS:
        raise ConfigError(
            f"{experiment.name}: {experiment.method} builds and saves its models itself, so that "
            "they can be trained (lanistr train) and asked about the test split (lanistr predict "
            f"--run), no more. All else is for the methods {', '.join(BUILDERS)}."
        )
    model = BUILDERS[experiment.method](experiment, spec).train()
    model.origin = Origin(experiment, spec)
    return model


def build_lanistr(
    experiment: Experiment, spec: InputSpec
) -> LANISTRForPretraining | LANISTRForPrediction:
    """LANISTR with the heads of its stage."""
    pretraining = experiment.stage == "pretrain"
    encoders = build_encoders(experiment, spec, mask_token=pretraining)
    fusion = build_fusion(encoders.widths(), experiment.fusion, experiment.variants)
    origin, hidden = Origin(experiment, spec), experiment.fusion.hidden
    if not pretraining:
        with seeded("head"):
            head = perceptron(hidden, hidden, experiment.outputs)
        return LANISTRForPrediction(encoders, fusion, origin, head)
    heads = build_masking_heads(experiment, spec, encoders)
    similarity = None
    if "mmm" in experiment.losses:
        with seeded("similarity"):
            similarity = SimilarityHead(hidden, experiment.objectives)
    return LANISTRForPretraining(encoders, fusion, origin, heads, similarity)


def build_latefusion(experiment: Experiment, spec: InputSpec) -> LateFusion:
    """LANISTR's encoders with a perceptron over their concatenation."""
    encoders = build_encoders(experiment, spec, mask_token=False)
    with seeded("head"):
        head = perceptron(
            sum(encoders.widths().values()), experiment.fusion.hidden, experiment.outputs
        )
    return LateFusion(encoders, head)


def build_albef(experiment: Experiment, spec: InputSpec) -> Albef:
    """LANISTR's text and image encoder, half of the former's layers being the fusion.

    Raises:
        ConfigError: the widths of text and image differ.
    """
    settings, epochs = experiment.albef, experiment.optim.epochs
    encoders = build_encoders(experiment, spec, mask_token=False)
    text = cast("TextEncoder", encoders[Modality.TEXT])
    if len(widths := set(encoders.widths().values())) > 1:
        raise ConfigError(
            f"encoders: found widths {sorted(widths)} of text and image; ALBEF compares their "
            "tokens. Give encoders.text.hidden and encoders.image.hidden the same value."
        )
    with seeded("fusion"):
        fusion = CrossEncoder(text)
    with seeded("heads"):
        if experiment.stage == "finetune":
            head = classifier(text.width, experiment.outputs)
            student = Student(encoders, fusion, {"label": head})
            return AlbefForPrediction(student, settings, epochs)
        student = Student(encoders, fusion, pretraining_heads(text, settings, spec))
        return AlbefForPretraining(student, settings, epochs, experiment.objectives.text_ratio)


BUILDERS: dict[str, Callable[[Experiment, InputSpec], Model]] = {
    "lanistr": build_lanistr,
    "latefusion": build_latefusion,
    "albef": build_albef,
    "flava": build_flava,
    "coca": build_coca,
    "medfuse": build_medfuse,
}


def build_encoders(experiment: Experiment, spec: InputSpec, *, mask_token: bool) -> Encoders:
    """The encoders of the modalities in use; only pretraining needs a mask token for images."""
    sizes = experiment.encoders
    builders = {
        Modality.TEXT: lambda: build_text(sizes.text, spec),
        Modality.IMAGE: lambda: build_image(sizes.image, spec, mask_token=mask_token),
        Modality.TABULAR: lambda: build_tabular(sizes.tabular, spec),
        Modality.TIMESERIES: lambda: TimeseriesEncoder(sizes.timeseries, spec),
    }
    encoders: dict[Modality, Encoder] = {}
    for modality, construct in builders.items():
        if modality in experiment.modalities:
            with seeded(f"encoders.{modality}"):
                encoders[modality] = construct()
    return Encoders(encoders)


def build_masking_heads(
    experiment: Experiment, spec: InputSpec, encoders: Encoders
) -> dict[str, nn.Module]:
    """The heads of the masking losses in use, by name of the loss."""
    sizes, over = experiment.encoders, experiment.variants.mlm_over
    builders: dict[str, Callable[[Any], nn.Module]] = {
        "mlm": lambda text: MaskedLanguageHead(
            text.width, spec.vocab_size, spec.pad_token_id, over
        ),
        "mim": lambda image: MaskedImageHead(image.width, sizes.image.patch_px),
        "mfm": lambda rows: MaskedTabularHead(sizes.tabular, rows.values, rows.column),
        "mtm": lambda series: MaskedTimeseriesHead(series.width, spec),
    }
    heads = {}
    for name, modality in config.OBJECTIVE_MODALITY.items():
        if name in experiment.losses:
            with seeded(f"heads.{name}"):
                heads[name] = builders[name](encoders[modality])
    return heads


def build_text(settings: architecture.TextEncoder, spec: InputSpec) -> TextEncoder:
    """BERT without its pooler, which LANISTR does not use."""
    from transformers import BertModel

    sizes = {"vocab_size": spec.vocab_size, "pad_token_id": spec.pad_token_id}
    if settings.pretrained is None:
        sizes["max_position_embeddings"] = spec.max_tokens
    bert = library_model(BertModel, "encoders.text", settings, sizes, add_pooling_layer=False)
    if spec.max_tokens > (longest := bert.config.max_position_embeddings):
        raise ConfigError(
            f"encoders.text.max_tokens: the cached texts have up to {spec.max_tokens} tokens, "
            f"{settings.pretrained} takes {longest}. Lower max_tokens and cache anew."
        )
    return TextEncoder(bert, spec)


def build_image(
    settings: architecture.ImageEncoder, spec: InputSpec, *, mask_token: bool
) -> ImageEncoder:
    """ViT without its pooler, which LANISTR does not use."""
    from transformers import ViTModel

    if spec.image_px % settings.patch_px:
        raise ConfigError(
            f"encoders.image.patch_px: {settings.patch_px} does not divide "
            f"the {spec.image_px} px of the cached images."
        )
    vit = library_model(
        ViTModel,
        "encoders.image",
        settings,
        {"image_size": spec.image_px, "patch_size": settings.patch_px},
        may_lack=["embeddings.mask_token"],
        add_pooling_layer=False,
        use_mask_token=mask_token,
    )
    return ImageEncoder(vit)


def build_tabular(settings: architecture.TabularEncoder, spec: InputSpec) -> TabularEncoder:
    """TabNet for the columns that there are."""
    if not spec.category_names and not spec.number_names:
        raise ConfigError(
            "modalities: the cached data have no columns of a table. Leave tabular out, "
            "or cache data that have them."
        )
    return TabularEncoder(settings, spec)


def build_fusion(
    widths: dict[Modality, int], settings: architecture.Fusion, variants: config.Variants
) -> Fusion | PerceiverFusion:
    """The projections and what fuses; FLAVA's multimodal encoder comes without its pooler."""
    from transformers import FlavaMultimodalModel

    projections = {}
    for modality, width in widths.items():
        with seeded(f"fusion.projections.{modality}"):
            projections[modality] = Projection(width, settings.hidden, variants)
    joined = Projections(projections, variants)
    if settings.kind == "perceiver":
        with seeded("fusion.perceiver"):
            return PerceiverFusion(joined, perceiver_io(settings))
    with seeded("fusion.transformer"):
        transformer = library_model(
            FlavaMultimodalModel, "fusion", settings, {}, add_pooling_layer=False
        )
        if settings.pretrained is None:
            start_at_random(transformer.cls_token)
    return Fusion(joined, transformer)


def frozen_encoders(experiment: Experiment, anew: tuple[str, ...] = ()) -> frozenset[Modality]:
    """The encoders of `experiment.frozen` but for those that the initial weights did not fit.

    Args:
        experiment: what is trained.
        anew: tensors that the initial weights did not fit; their encoders must learn.
    """
    return frozenset(
        modality
        for modality in experiment.frozen
        if experiment.from_library(modality)
        or not any(name.startswith(f"encoders.{modality}.") for name in anew)
    )


def trained_parameters(model: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def parameter_counts(model: nn.Module) -> dict[str, int]:
    """Parameters per part, such as `encoders.text` or `head`; a shared tensor counts once.

    The sum of the values is the model's total. Published totals follow another rule: they count
    the poolers that the libraries' encoders bring along, which LANISTR never uses.
    """
    counts: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        depth = 2 if name.startswith(("encoders.", "heads.", "student.")) else 1
        counts[".".join(name.split(".")[:depth])] += parameter.numel()
    return dict(counts)
