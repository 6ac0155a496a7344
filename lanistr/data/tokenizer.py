"""The tokenizer: a published one, or a WordPiece vocabulary trained offline on training texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lanistr.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from lanistr.experiments.architecture import TextEncoder

SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


def tokenizer_for(
    text: TextEncoder,
    train_texts: Callable[[], Iterable[str]],
    folder: Path,
    known: Path | None = None,
) -> Tokenizer:
    """The tokenizer of a text encoder, saved in `folder` so that transformers can open it.

    Args:
        text: `pretrained` names a published tokenizer; without it one is trained.
        train_texts: gives an iterator over the texts of the train split, afresh on each call.
        folder: receives tokenizer.json and tokenizer_config.json.
        known: folder of a tokenizer that was made for `text` earlier; None = make one.

    Returns:
        The tokenizer, cutting at `text.max_tokens`.

    Raises:
        ConfigError: the published tokenizer cannot be loaded or is not of BERT's kind.
    """
    if known is not None:
        tokenizer = saved_tokenizer(known)
    elif text.pretrained is None:
        tokenizer = bert_tokenizer(wordpiece_vocabulary(train_texts, text.vocab_size))
    else:
        tokenizer = published_tokenizer(text.pretrained)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "BertTokenizer", "model_max_length": text.max_tokens, **SPECIAL}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    tokenizer.enable_truncation(text.max_tokens)
    return tokenizer


def saved_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer that `tokenizer_for` saved in a folder."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def published_tokenizer(name: str) -> Tokenizer:
    """The tokenizer of a hub name or local folder.

    Raises:
        ConfigError: it cannot be loaded, or lacks one of BERT's special tokens.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True).backend_tokenizer
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"encoders.text.pretrained: no tokenizer could be loaded from {name!r} ({error}). "
            "Give a hub name and a network, or the folder of a local copy."
        ) from None
    if missing := [token for token in SPECIAL.values() if tokenizer.token_to_id(token) is None]:
        raise ConfigError(
            f"encoders.text.pretrained: the tokenizer of {name!r} lacks {missing}. "
            "The text encoder is BERT; give a BERT tokenizer."
        )
    return tokenizer


def wordpiece_vocabulary(texts: Callable[[], Iterable[str]], size: int) -> list[str]:
    """A WordPiece vocabulary in the order of its ids; the same texts give the same list.

    The trainer of `tokenizers` numbers single characters in the order of a hash map with a random
    seed and breaks ties between merges by these numbers. Given beforehand, the numbers are fixed.

    >>> wordpiece_vocabulary(lambda: ["ab ab", "b"], 11)[5:]
    ['a', 'b', '##a', '##b', 'ab']
    """
    from tokenizers.trainers import WordPieceTrainer

    tokenizer = bert_tokenizer([])
    characters = sorted(_characters(texts()))
    known = [*SPECIAL.values(), *characters, *(f"##{character}" for character in characters)]
    trainer = WordPieceTrainer(
        vocab_size=max(size, len(known)),
        special_tokens=known,
        limit_alphabet=len(known),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    vocabulary = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)


def _characters(texts: Iterable[str]) -> set[str]:
    """What may begin or go on a word; BERT's normalisation takes each character by itself."""
    from tokenizers.normalizers import BertNormalizer

    raw: set[str] = set()
    for text in texts:
        raw.update(text)
    return {c for c in BertNormalizer().normalize_str("".join(raw)) if not c.isspace()}


def bert_tokenizer(vocabulary: list[str]) -> Tokenizer:
    """An uncased BERT tokenizer over a vocabulary whose ids are its positions."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token=SPECIAL["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if vocabulary:
        tokenizer.add_special_tokens(list(SPECIAL.values()))
        tokenizer.post_processor = processors.BertProcessing(
            sep=("[SEP]", ids["[SEP]"]), cls=("[CLS]", ids["[CLS]"])
        )
    return tokenizer
