"""Encoders, fusion and heads of an experiment's sizes, of which the methods make their models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from lanistr.batch import InputSpec
from lanistr.errors import ConfigError
from lanistr.experiments import architecture
from lanistr.experiments.config import Experiment
from lanistr.experiments.objectives import OBJECTIVE_MODALITY, Variants
from lanistr.modality import Modality
from lanistr.models.columns import ColumnsEncoder, MaskedColumnsHead
from lanistr.models.encoders import Encoder, Encoders
from lanistr.models.fusion import Fusion, Projection, Projections, start_at_random
from lanistr.models.image import ImageEncoder, MaskedImageHead
from lanistr.models.linear import LinearFusion
from lanistr.models.perceiver import PerceiverFusion, perceiver_io
from lanistr.models.tabular import MaskedTabularHead, TabularEncoder
from lanistr.models.text import MaskedLanguageHead, TextEncoder
from lanistr.models.timeseries import MaskedTimeseriesHead, TimeseriesEncoder
from lanistr.models.variables import MaskedVariablesHead, VariablesEncoder
from lanistr.models.weights import library_model, seeded

AnyFusion = Fusion | PerceiverFusion | LinearFusion


def build_encoders(experiment: Experiment, spec: InputSpec, *, mask_token: bool) -> Encoders:
    """The encoders of the modalities in use; only pretraining needs a mask token for images."""
    sizes = experiment.encoders
    builders = {
        Modality.TEXT: lambda: build_text(sizes.text, spec),
        Modality.IMAGE: lambda: build_image(sizes.image, spec, mask_token=mask_token),
        Modality.TABULAR: lambda: build_tabular(sizes.tabular, spec),
        Modality.TIMESERIES: lambda: build_timeseries(sizes.timeseries, spec),
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
        "mfm": lambda rows: masked_table_head(rows, sizes.tabular, spec),
        "mtm": lambda series: masked_series_head(series, sizes.timeseries, spec),
    }
    heads = {}
    for name, modality in OBJECTIVE_MODALITY.items():
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


def build_tabular(
    settings: architecture.TabularEncoder, spec: InputSpec
) -> TabularEncoder | ColumnsEncoder:
    """TabNet or a Transformer for the columns that there are."""
    if not spec.category_names and not spec.number_names:
        raise ConfigError(
            "modalities: the cached data have no columns of a table. Leave tabular out, "
            "or cache data that have them."
        )
    kind = ColumnsEncoder if settings.kind == "columns" else TabularEncoder
    return kind(settings, spec)


def masked_table_head(
    rows: TabularEncoder | ColumnsEncoder, settings: architecture.TabularEncoder, spec: InputSpec
) -> MaskedTabularHead | MaskedColumnsHead:
    """What reconstructs hidden columns from the tokens of the encoder."""
    if isinstance(rows, ColumnsEncoder):
        return MaskedColumnsHead(settings.hidden, spec)
    return MaskedTabularHead(settings, rows.values, rows.column)


def build_timeseries(
    settings: architecture.TimeseriesEncoder, spec: InputSpec
) -> TimeseriesEncoder | VariablesEncoder:
    """The encoder of the kind that is asked for."""
    kind = VariablesEncoder if settings.kind == "variables" else TimeseriesEncoder
    return kind(settings, spec)


def masked_series_head(
    series: TimeseriesEncoder | VariablesEncoder,
    settings: architecture.TimeseriesEncoder,
    spec: InputSpec,
) -> MaskedTimeseriesHead | MaskedVariablesHead:
    """What reconstructs hidden measurements from the tokens of the encoder."""
    if isinstance(series, VariablesEncoder):
        return MaskedVariablesHead(settings, spec)
    return MaskedTimeseriesHead(settings.hidden, spec)


def build_fusion(
    encoders: Encoders, settings: architecture.Fusion, variants: Variants
) -> AnyFusion:
    """The projections and what fuses; FLAVA's multimodal encoder comes without its pooler."""
    from transformers import FlavaMultimodalModel

    if settings.kind == "linear":
        return LinearFusion(encoders.map_modalities().values(), settings.hidden)
    projections = {}
    for modality, width in encoders.widths().items():
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
