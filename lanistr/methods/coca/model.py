"""CoCa as a classifier: open_clip's model on text and image, a perceptron on its last word.

The state of a text's last token comes from all its words and, through the decoder, from the image.

Source:
    Yu et al. 2022; open_clip's CoCa. Deviations: the words are our WordPieces, so the embedding of
    words starts at random even with pretrained weights, which know CLIP's vocabulary; texts are cut
    to the architecture's length; an absent image is tokens of zeros, an absent text one [PAD].
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lanistr.batch import Batch, InputSpec
from lanistr.errors import ConfigError, WeightsError
from lanistr.experiments.config import Experiment
from lanistr.methods.coca.settings import Coca as Settings
from lanistr.methods.method import Model, trained_whole
from lanistr.modality import Modality
from lanistr.models.fusion import perceptron
from lanistr.models.image import renormalised
from lanistr.models.weights import load_parts, misfits, refuse, seeded

if TYPE_CHECKING:
    from open_clip.coca_model import CoCa

TEXT, IMAGE = Modality.TEXT, Modality.IMAGE
# What the decoder's states do not depend on.
UNUSED = ("logit_scale", "text.text_projection", "text.ln_final", "text.cls_emb", "visual.proj")
WORDS = "text.token_embedding.weight"


class Coca(Model):
    """CoCa with all its weights trained, those that nothing reads apart."""

    def __init__(self, coca: CoCa, head: nn.Module, pad_token_id: int):
        super().__init__()
        self.coca, self.head, self.pad_token_id = coca, head, pad_token_id
        for name, weight in coca.named_parameters():
            if name.startswith(UNUSED):
                weight.requires_grad_(False)

    def forward(self, batch: Batch) -> Tensor:
        """Logits, or the standardised number, (B, task.outputs)."""
        return self.head(self.embed(batch))

    def embed(self, batch: Batch) -> Tensor:
        """The decoder's state of each text's last token, (B, D)."""
        states = self.decode(self.image_tokens(batch), self.words(batch))
        is_token = (batch.is_token & batch.has(TEXT)[:, None])[:, : states.shape[1]]
        last = (is_token.sum(dim=1) - 1).clamp(min=0)
        return states[torch.arange(len(states), device=states.device), last]

    def image_tokens(self, batch: Batch) -> Tensor:
        """The tokens that an image becomes, (B, N, D)."""
        present = batch.has(IMAGE)
        pixels = batch.pixels.masked_fill(~present[:, None, None, None], 0.0)
        _, tokens = self.coca.visual(renormalised(pixels))
        return tokens.masked_fill(~present[:, None, None], 0.0)

    def words(self, batch: Batch) -> Tensor:
        """WordPieces as far as the architecture reads, (B, T) int64."""
        is_token = batch.is_token & batch.has(TEXT)[:, None]
        ids = batch.tokens.masked_fill(~is_token, self.pad_token_id)
        return ids[:, : self.coca.text.context_length]

    def decode(self, image: Tensor, words: Tensor) -> Tensor:
        """States of the texts' tokens after all layers, (B, T, D); later tokens are not seen."""
        _, states = self.coca.text(words)
        return self.coca.text_decoder(image, states)

    def freeze(self, modalities: Iterable[Modality]) -> None:
        """Refuse: CoCa is fine-tuned as a whole.

        Raises:
            ConfigError: there is something to freeze.
        """
        trained_whole("coca", modalities)

    def load_pretrained_part(self, state: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Take CoCa itself from a checkpoint of this method; the head stays.

        Raises:
            WeightsError: a tensor is missing or has another shape.
        """
        return load_parts(self, state, ("coca",))


def build_coca(experiment: Experiment, spec: InputSpec) -> Coca:
    """CoCa with LANISTR's head.

    Raises:
        ConfigError: an architecture that open_clip does not have, or of another image size.
        WeightsError: pretrained weights that are missing or do not fit.
    """
    with seeded("coca"):
        coca = coca_model(experiment, spec)
    width = coca.text_decoder.width
    with seeded("head"):
        head = perceptron(width, width, spec.outputs)
    return Coca(coca, head, spec.pad_token_id)


def coca_model(experiment: Experiment, spec: InputSpec) -> CoCa:
    """open_clip's model over our vocabulary, without the projection to words."""
    from open_clip.coca_model import CoCa

    coca = CoCa(**architecture(experiment, spec), pad_id=spec.pad_token_id)
    coca.text_decoder.text_projection = None  # never initialised, and not needed
    settings = experiment.section(Settings)
    if settings.pretrained is not None:
        load_weights(coca, str(settings.architecture), settings.pretrained)
    return coca


def architecture(experiment: Experiment, spec: InputSpec) -> dict[str, Any]:
    """Arguments of open_clip's CoCa: of a named architecture, or of our sizes."""
    name = experiment.section(Settings).architecture
    if name is None:
        return size_towers(experiment, spec)
    from open_clip import get_model_config, list_models

    known = {each: get_model_config(each) for each in list_models() if each.startswith("coca")}
    with_words = {n: each for n, each in known.items() if "vocab_size" in each["text_cfg"]}
    if (found := with_words.get(name)) is None:
        raise ConfigError(f"coca.architecture: found {name!r}, allowed are {sorted(with_words)}.")
    px = found["vision_cfg"]["image_size"]
    if px != spec.image_px:
        raise ConfigError(
            f"coca.architecture: {name} reads images of {px} px, the cache has {spec.image_px} px. "
            f"Make the shards with image_px: {px}."
        )
    found["text_cfg"] |= {"vocab_size": spec.vocab_size, "pad_id": spec.pad_token_id}
    return {key: value for key, value in found.items() if key != "custom_text"}


def size_towers(experiment: Experiment, spec: InputSpec) -> dict[str, Any]:
    """Towers of the sizes of our encoders, and a decoder of as many layers as our fusion."""
    text, image = experiment.encoders.text, experiment.encoders.image
    length = {"context_length": spec.max_tokens, "vocab_size": spec.vocab_size}
    tower = {"width": text.hidden, "heads": text.heads, **length}
    return {
        "embed_dim": text.hidden,
        "text_cfg": {
            **tower,
            "layers": text.layers,
            "mlp_ratio": text.intermediate / text.hidden,
            "pad_id": spec.pad_token_id,
            "embed_cls": True,
            "output_tokens": True,
        },
        "vision_cfg": {
            "image_size": spec.image_px,
            "patch_size": image.patch_px,
            "width": image.hidden,
            "layers": image.layers,
            "head_width": image.hidden // image.heads,
            "mlp_ratio": image.intermediate / image.hidden,
            "attentional_pool": True,
            "attn_pooler_queries": experiment.section(Settings).queries,
            "attn_pooler_heads": image.heads,
            "output_tokens": True,
        },
        "multimodal_cfg": {**tower, "layers": experiment.fusion.layers},
    }


def load_weights(coca: CoCa, name: str, source: str) -> None:
    """Take all weights but the embedding of words from a file or from open_clip's hub.

    Raises:
        WeightsError: nothing there, or a tensor is missing or has another shape.
    """
    from open_clip import download_pretrained, get_pretrained_cfg, list_pretrained_tags_by_model
    from open_clip.factory import load_state_dict

    path = Path(source).expanduser()
    if not path.is_file():
        if not (tag := get_pretrained_cfg(name, source)):
            raise WeightsError(
                f"coca.pretrained: {source} is no file, and open_clip has no such weights of "
                f"{name}. Allowed are {list_pretrained_tags_by_model(name)}, or a file."
            )
        path = Path(download_pretrained(tag))
    try:
        state = load_state_dict(str(path))
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        raise WeightsError(
            f"coca.pretrained: {path} could not be read: {type(error).__name__}. "
            "Give a file of open_clip's weights, or fetch it again."
        ) from error
    wanted = {key: tensor for key, tensor in coca.state_dict().items() if key != WORDS}
    refuse(
        f"coca.pretrained: the weights in {path} do not fit {name}",
        [f"{key}: {problem}" for key, problem in misfits(wanted, state).items()],
        "Name weights of this architecture.",
    )
    coca.load_state_dict({key: state[key] for key in wanted}, strict=False)
