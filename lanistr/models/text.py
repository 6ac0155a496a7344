"""Text: BERT, and masked language modeling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from lanistr.experiments.objectives import Objectives
from lanistr.modality import Modality
from lanistr.models.encoders import Encoder, Tokens, attended
from lanistr.models.losses import masked_language_loss
from lanistr.models.masking import hide_tokens

if TYPE_CHECKING:
    from transformers import BertModel

    from lanistr.batch import Batch, InputSpec


class TextEncoder(Encoder):
    """BERT; one token per WordPiece, the first of them [CLS]."""

    modality = Modality.TEXT
    special: Tensor

    def __init__(self, bert: BertModel, spec: InputSpec):
        super().__init__()
        self.bert = bert
        self.width = bert.config.hidden_size
        self.pad_token_id = spec.pad_token_id
        self.mask_token_id = spec.mask_token_id
        self.register_buffer("special", torch.tensor(spec.special_token_ids), persistent=False)

    def hide(self, batch: Batch, objectives: Objectives, rng: torch.Generator) -> Tensor:
        """Draw the words to hide, (B, T) bool; never padding, never a special token."""
        words = self._is_token(batch) & ~torch.isin(batch.tokens, self.special)
        return hide_tokens(words, objectives.text_ratio, rng)

    def forward(self, batch: Batch, hidden: Tensor | None = None) -> Tokens:
        """Encode the texts, with [MASK] in place of every hidden word.

        Source:
            LANISTR. BERT leaves 20 % of the words it predicts in place or swaps them; the paper
            and its code do not, and the unmasked view already shows texts without [MASK].
        """
        is_token = self._is_token(batch)
        ids = batch.tokens.masked_fill(~is_token, self.pad_token_id)
        if hidden is not None:
            ids = ids.masked_fill(hidden, self.mask_token_id)
        states = self.bert(input_ids=ids, attention_mask=attended(is_token)).last_hidden_state
        return Tokens(states, is_token)

    def pooled(self, tokens: Tokens) -> Tensor:
        """The state of [CLS], (B, D)."""
        return tokens.states[:, 0].masked_fill(~tokens.is_token[:, :1], 0.0)

    def _is_token(self, batch: Batch) -> Tensor:
        """False = padding, or of a sample without text, (B, T) bool."""
        return batch.is_token & batch.has(Modality.TEXT)[:, None]


class MaskedLanguageHead(nn.Module):
    """Names the hidden words; as BERT's head, but with an output matrix of its own.

    Source:
        The published parameter count is only met when the matrix is not tied to the embeddings.
        Deviation of the official code, on demand (`over`): it scores all tokens and padding.
    """

    def __init__(
        self,
        width: int,
        vocab_size: int,
        pad_token_id: int,
        over: Literal["hidden", "all"] = "hidden",
    ):
        super().__init__()
        self.pad_token_id, self.over = pad_token_id, over
        self.decode = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width), nn.Linear(width, vocab_size)
        )

    def forward(self, tokens: Tokens, batch: Batch, hidden: Tensor) -> Tensor:
        """L_MLM of the masked view; only what counts is decoded, the rest needs no scores."""
        counts = hidden if self.over == "hidden" else torch.ones_like(hidden)
        words = batch.tokens.masked_fill(~tokens.is_token, self.pad_token_id)
        return masked_language_loss(self.decode(tokens.states[counts]), words[counts])
