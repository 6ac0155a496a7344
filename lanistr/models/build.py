"""From an experiment and the shape of its data to a model, with random or pretrained weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import torch
from torch import nn

from lanistr import config
from lanistr.batch import InputSpec
from lanistr.config import Experiment, Modality
from lanistr.errors import ConfigError
from lanistr.models.encoders import Encoder, Encoders
from lanistr.models.fusion import Fusion, Projection, SimilarityHead, classifier
from lanistr.models.image import ImageEncoder, MaskedImageHead
from lanistr.models.lanistr import LANISTR, LANISTRForClassification, LANISTRForPretraining
from lanistr.models.latefusion import LateFusion
from lanistr.models.text import MaskedLanguageHead, TextEncoder
from lanistr.models.timeseries import MaskedTimeseriesHead, TimeseriesEncoder
from lanistr.models.weights import library_model


def build(experiment: Experiment, spec: InputSpec) -> LANISTR | LateFusion:
    """The model of an experiment, in training mode, with nothing frozen by a recipe yet.

    Random weights follow from the seed last given to `torch.manual_seed` and from the name of
    the part alone: an encoder starts the same whichever other modalities the experiment has.

    Args:
        experiment: method, stage, modalities, sizes and objectives.
        spec: what the data fixes.

    Returns:
        `LANISTRForPretraining`, `LANISTRForClassification` or `LateFusion`.

    Raises:
        ConfigError: sizes that do not fit the data, or a modality without an encoder.
        WeightsError: pretrained weights that are missing or do not fit.
    """
    pretraining = experiment.stage == "pretrain"
    encoders = build_encoders(experiment, spec, mask_token=pretraining)
    widths = {modality: encoder.width for modality, encoder in encoders.by_modality().items()}
    hidden = experiment.fusion.hidden
    if experiment.method == "latefusion":
        with seeded("head"):
            head = classifier(sum(widths.values()), hidden, experiment.classes)
        return LateFusion(encoders, head).train()
    fusion = build_fusion(widths, experiment.fusion)
    if not pretraining:
        with seeded("head"):
            head = classifier(hidden, hidden, experiment.classes)
        return LANISTRForClassification(encoders, fusion, head).train()
    heads = build_masking_heads(experiment, spec, widths)
    similarity = None
    if "mmm" in experiment.losses:
        with seeded("similarity"):
            similarity = SimilarityHead(hidden, experiment.objectives)
    return LANISTRForPretraining(encoders, fusion, heads, similarity, experiment.objectives).train()


def build_encoders(experiment: Experiment, spec: InputSpec, *, mask_token: bool) -> Encoders:
    """The encoders of the modalities in use; only pretraining needs a mask token for images."""
    sizes = experiment.encoders
    builders = {
        Modality.TEXT: lambda: build_text(sizes.text, spec),
        Modality.IMAGE: lambda: build_image(sizes.image, spec, mask_token=mask_token),
        Modality.TIMESERIES: lambda: TimeseriesEncoder(sizes.timeseries, spec),
    }
    if unknown := experiment.modalities - builders.keys():
        raise ConfigError(
            f"modalities: no encoder for {sorted(unknown)}. Allowed: {sorted(builders)}."
        )
    encoders: dict[Modality, Encoder] = {}
    for modality, construct in builders.items():
        if modality in experiment.modalities:
            with seeded(f"encoders.{modality}"):
                encoders[modality] = construct()
    return Encoders(encoders)


def build_masking_heads(
    experiment: Experiment, spec: InputSpec, widths: dict[Modality, int]
) -> dict[str, nn.Module]:
    """The heads of the masking losses in use, by name of the loss."""
    builders = {
        "mlm": lambda width: MaskedLanguageHead(width, spec.vocab_size),
        "mim": lambda width: MaskedImageHead(width, experiment.encoders.image.patch_px),
        "mtm": lambda width: MaskedTimeseriesHead(width, spec),
    }
    heads = {}
    for name, modality in config.OBJECTIVE_MODALITY.items():
        if name in experiment.losses:
            with seeded(f"heads.{name}"):
                heads[name] = builders[name](widths[modality])
    return heads


def build_text(settings: config.TextEncoder, spec: InputSpec) -> TextEncoder:
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
    settings: config.ImageEncoder, spec: InputSpec, *, mask_token: bool
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


def build_fusion(widths: dict[Modality, int], settings: config.Fusion) -> Fusion:
    """The projections and FLAVA's multimodal encoder, without its pooler."""
    from transformers import FlavaMultimodalModel

    projections = {}
    for modality, width in widths.items():
        with seeded(f"fusion.projections.{modality}"):
            projections[modality] = Projection(width, settings.hidden)
    with seeded("fusion.transformer"):
        transformer = library_model(
            FlavaMultimodalModel, "fusion", settings, {}, add_pooling_layer=False
        )
    return Fusion(projections, transformer)


@contextmanager
def seeded(part: str) -> Iterator[None]:
    """Draw the random weights of a part from the global seed and the part's name."""
    digest = blake2b(f"{torch.initial_seed()}/{part}".encode(), digest_size=7).digest()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int.from_bytes(digest))
        yield


def parameter_counts(model: nn.Module) -> dict[str, int]:
    """Parameters per part, such as `encoders.text` or `head`; a shared tensor counts once.

    The sum of the values is the model's total. Published totals follow another rule: they count
    the poolers that the libraries' encoders bring along, which LANISTR never uses.
    """
    counts: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        first, second, *_ = name.split(".")
        counts[f"{first}.{second}" if first in ("encoders", "heads") else first] += (
            parameter.numel()
        )
    return dict(counts)
