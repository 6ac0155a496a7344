"""What ALBEF trains by gradients: encoders, a fusion made of half of BERT, and heads.

Shapes: B samples; V words of the vocabulary; D a token's width; E the width in which texts and
images are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, cast

from torch import Tensor, nn
from torch.nn import functional

from lanistr.batch import Batch, InputSpec
from lanistr.methods.albef.settings import Albef as Settings
from lanistr.modality import Modality
from lanistr.models.encoders import Encoders, Tokens, attended
from lanistr.models.text import MaskedLanguageHead, TextEncoder

TEXT, IMAGE = Modality.TEXT, Modality.IMAGE


class CrossEncoder(nn.Module):
    """The second half of BERT, taken from a text encoder: each layer also reads the image.

    The library's BertModel cannot do it: it knows cross-attention in decoders only, in all layers,
    and its decoders hide later words from earlier ones.
    """

    def __init__(self, text: TextEncoder):
        from transformers.models.bert.modeling_bert import BertLayer

        super().__init__()
        layers: Any = text.bert.encoder.layer
        half = len(layers) // 2
        self.config = deepcopy(text.bert.config)
        self.config.is_decoder = self.config.add_cross_attention = True
        self.layers = nn.ModuleList([BertLayer(self.config) for _ in layers[half:]])
        reading: Any
        for reading, plain in zip(self.layers, layers[half:], strict=True):
            reading.attention.self.is_causal = False
            reading.crossattention.apply(self._initialise)
            reading.load_state_dict(plain.state_dict(), strict=False)  # no cross-attention in it
        text.bert.encoder.layer = layers[:half]

    def forward(self, text: Tokens, image: Tokens) -> Tokens:
        """The tokens of the texts, which have seen their images; absent images are zeros."""
        from transformers.masking_utils import create_bidirectional_mask

        mask = create_bidirectional_mask(self.config, text.states, attended(text.is_token))
        seen = image.states.masked_fill(~image.is_token[..., None], 0.0)
        states = text.states
        for layer in self.layers:
            states = layer(states, mask, seen)
        return Tokens(states, text.is_token)

    def _initialise(self, module: nn.Module) -> None:
        """As BERT does."""
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
            nn.init.zeros_(module.bias)


class Student(nn.Module):
    """What is trained by gradients: encoders, fusion, and heads by name."""

    def __init__(self, encoders: Encoders, fusion: CrossEncoder, heads: Mapping[str, nn.Module]):
        super().__init__()
        self.encoders, self.fusion = encoders, fusion
        self.heads = nn.ModuleDict(heads)

    @property
    def text(self) -> TextEncoder:
        """The first half of BERT."""
        return cast("TextEncoder", self.encoders[TEXT])

    def features(self, tokens: Mapping[Modality, Tokens]) -> dict[Modality, Tensor]:
        """What is compared: a vector of length 1 per text and per image, (B, E) each."""
        return {
            modality: functional.normalize(self.heads[modality](each.states[:, 0]), dim=1)
            for modality, each in tokens.items()
        }

    def words(self, batch: Batch, image: Tokens, hidden: Tensor) -> Tensor:
        """Scores of the vocabulary for the hidden words of a batch, (number of them, V)."""
        fused = self.fusion(self.text(batch), image)
        return cast("MaskedLanguageHead", self.heads["mlm"]).decode(fused.states[hidden])

    def logits(self, batch: Batch) -> Tensor:
        """Of classes, from the state of [CLS], (B, classes)."""
        tokens = self.encoders(batch)
        return self.heads["label"](self.fusion(tokens[TEXT], tokens[IMAGE]).states[:, 0])


def pretraining_heads(
    text: TextEncoder, settings: Settings, spec: InputSpec
) -> dict[str, nn.Module]:
    """What features and words are read from; the scores of words share BERT's embeddings."""
    words = MaskedLanguageHead(text.width, spec.vocab_size, spec.pad_token_id)
    words.decode[-1].weight = text.bert.embeddings.word_embeddings.weight
    features = {m.value: nn.Linear(text.width, settings.embedding) for m in (TEXT, IMAGE)}
    return {**features, "mlm": words}


def classifier(width: int, outputs: int) -> nn.Sequential:
    """Two layers, as ALBEF's own for visual entailment."""
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs))
