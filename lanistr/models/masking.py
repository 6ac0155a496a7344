"""What a masked view hides: pure functions of flags and a generator; True always means hidden.

Draws are made on the generator's device and then moved, so that a CPU generator hides the same
on every machine.
"""

from __future__ import annotations

import torch
from torch import Tensor


def hide_tokens(eligible: Tensor, ratio: float, rng: torch.Generator) -> Tensor:
    """Hide each eligible token with the same probability.

    Args:
        eligible: True = real and not special, (B, T) bool.
        ratio: probability of hiding one.
        rng: where the draws come from.

    Returns:
        True = hidden, (B, T) bool; never where not eligible.

    Source:
        LANISTR, masked language modeling; BERT draws the same way.
    """
    return (uniform(eligible.shape, rng, eligible.device) < ratio) & eligible


def replace_hidden(
    tokens: Tensor, hidden: Tensor, mask_token_id: int, vocab_size: int, rng: torch.Generator
) -> Tensor:
    """Texts as a model sees them that also learns from words which are not masked.

    Of the hidden words 80 % become [MASK], 10 % any word, and 10 % stay.

    Args:
        tokens: ids, (B, T) int64.
        hidden: True = the word is to be named, (B, T) bool.
        mask_token_id: of [MASK].
        vocab_size: of the vocabulary.
        rng: where the draws come from.

    Source:
        BERT, ALBEF.
    """
    draw = uniform(tokens.shape, rng, tokens.device)
    words = torch.randint(vocab_size, tokens.shape, generator=rng, device=rng.device)
    masked = tokens.masked_fill(hidden & (draw < 0.8), mask_token_id)
    return torch.where(hidden & (draw >= 0.9), words.to(tokens.device), masked)


def hide_patches(present: Tensor, patches: int, ratio: float, rng: torch.Generator) -> Tensor:
    """Hide the same number of patches of every image, drawn without replacement.

    Args:
        present: True = the sample has an image, (B,) bool.
        patches: N, patches per image.
        ratio: share of them to hide, rounded to whole patches and at least one.
        rng: where the draws come from.

    Returns:
        True = hidden, (B, N) bool; nothing of absent images.

    Source:
        SimMIM. Deviation: a masked unit is one patch of the encoder, not 32 x 32 pixels.
    """
    draws = uniform((len(present), patches), rng, present.device)
    rank = draws.argsort(dim=1).argsort(dim=1)
    return (rank < max(1, round(ratio * patches))) & present[:, None]


def hide_columns(present: Tensor, columns: int, ratio: float, rng: torch.Generator) -> Tensor:
    """Hide each column of a row with the same probability.

    Args:
        present: True = the sample has a row, (B,) bool.
        columns: K, those of the table; a one-hot or embedded category is one column.
        ratio: probability of hiding one.
        rng: where the draws come from.

    Returns:
        True = hidden, (B, K) bool; nothing of absent rows.

    Source:
        TabNet, self-supervised pretraining. Deviation of the official code: it hides single
        values of a one-hot vector or an embedding.
    """
    return (uniform((len(present), columns), rng, present.device) < ratio) & present[:, None]


def hide_segments(
    observed: Tensor, ratio: float, mean_length: float, rng: torch.Generator
) -> Tensor:
    """Hide stretches of hours, of geometric length and independently per variable.

    A two-state Markov chain over the hours: hidden ends with probability 1/mean_length, visible
    ends so that a share `ratio` is hidden. As both probabilities sum to at most 1, a step is the
    same as "become hidden", "become visible" or "stay"; the state of an hour is then what the
    latest change before it said, which needs no loop over hours.

    Args:
        observed: True = measured in that hour and of a present series, (B, S, V) bool.
        ratio: share of hours to hide.
        mean_length: of a hidden stretch in hours, at least 1 / (1 - ratio); stretches cut by the
            ends of the series are shorter, and hours without a measurement do not count as hidden.
        rng: where the draws come from.

    Returns:
        True = hidden, (B, S, V) bool; only where observed.

    Source:
        LANISTR, masked time-series modeling; Zerveas et al. 2021 (geometric masking).
    """
    return draw_segments(observed, ratio, mean_length, rng) & observed


def hide_events(observed: Tensor, ratio: float, mean_length: float, rng: torch.Generator) -> Tensor:
    """Hide whole variables, and stretches of hours of all variables.

    Args:
        observed: True = measured in that hour and of a present series, (B, S, V) bool.
        ratio: probability of hiding a variable, and share of hours to hide.
        mean_length: of a hidden stretch in hours, as of `hide_segments`.
        rng: where the draws come from.

    Returns:
        True = hidden, (B, S, V) bool; only where observed.

    Source:
        DuETT (Labach et al. 2023), which hides one variable and one step of each stay.
    """
    variables = uniform(observed[:, :1].shape, rng, observed.device) < ratio
    hours = draw_segments(observed[..., :1], ratio, mean_length, rng)
    return (variables | hours) & observed


def hide_future(observed: Tensor, rng: torch.Generator) -> Tensor:
    """Hide all that is measured from some hour on, an hour of its own for each series.

    Args:
        observed: True = measured in that hour and of a present series, (B, S, V) bool.
        rng: where the draws come from.

    Returns:
        True = hidden, (B, S, V) bool; only where observed, and never in the first quarter.

    Source:
        STraTS (Tipirneni and Reddy 2022), which forecasts the two hours that follow.
    """
    steps = observed.shape[1]
    first = (0.25 + 0.75 * uniform((len(observed), 1, 1), rng, observed.device)) * steps
    return (torch.arange(steps, device=observed.device)[:, None] >= first) & observed


def draw_segments(like: Tensor, ratio: float, mean_length: float, rng: torch.Generator) -> Tensor:
    """The stretches of `hide_segments`, measured or not, of the shape (B, S, V) of `like`."""
    become_visible = 1 / mean_length
    become_hidden = become_visible * ratio / (1 - ratio)
    draw = uniform(like.shape, rng, like.device)
    draw[:, 0] = torch.where(draw[:, 0] < ratio, 0.0, 1.0)  # the first hour always says something
    changes = (draw < become_hidden) | (draw >= 1 - become_visible)
    hours = torch.arange(like.shape[1], device=like.device)[None, :, None]
    latest = torch.where(changes, hours, 0).cummax(dim=1).values
    return (draw < become_hidden).gather(1, latest)


def hide_modalities(present: Tensor, ratio: float, rng: torch.Generator) -> Tensor:
    """Hide modalities as a whole, each with the same probability, but never all of a sample.

    Args:
        present: True = the sample has the modality, (B, M) bool.
        ratio: probability of hiding one; of what would all be hidden, one that is drawn stays.
        rng: where the draws come from.

    Returns:
        True = hidden, (B, M) bool; nothing of what is absent.
    """
    draws = uniform(tuple(present.shape), rng, present.device).masked_fill(~present, -1.0)
    last = draws == draws.amax(dim=1, keepdim=True)
    return (draws < ratio) & present & ~last


def uniform(shape: tuple[int, ...], rng: torch.Generator, device: torch.device | str) -> Tensor:
    """Draws from [0, 1)."""
    return torch.rand(shape, generator=rng, device=rng.device).to(device)
