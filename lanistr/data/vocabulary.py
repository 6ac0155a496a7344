"""Whether a cache's tokenizer was trained on the training texts alone: it is trained again."""

from __future__ import annotations

import json
import logging
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from lanistr.data.arrays import train_texts
from lanistr.data.cache import open_cache
from lanistr.data.manifest import read_manifest
from lanistr.data.tokenizer import saved_tokenizer, wordpiece_vocabulary
from lanistr.errors import LeakageError
from lanistr.options import CacheDir, ManifestFile, Variant

log = logging.getLogger(__name__)

GATE = "vocabulary-outside-training"


def audit(
    manifest_path: ManifestFile,
    cache_folder: CacheDir,
    acknowledged: Annotated[
        list[str] | None,
        Option("--acknowledge", help="Gate whose findings do not stop the run; repeatable"),
    ] = None,
    *,
    variant: Variant = None,
    vocabulary: Annotated[
        Path | None, Option(help="Cache whose tokenizer is used, as given to `cache`")
    ] = None,
    output: Annotated[
        Path, Option(help="JSON to write for merge-leakage, also where the tokenizers differ")
    ],
) -> None:
    """Write what was found, for `python -m preprocessing merge-leakage`.

    Raises:
        LeakageError: other tokens than those of the training texts, and not acknowledged.
    """
    facts = compared(manifest_path, cache_folder, variant, vocabulary)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    log.info("%s: %s", GATE, "clean" if facts["of_training"] else "found")
    if not facts["of_training"] and GATE not in (acknowledged or ()):
        raise LeakageError(
            f"{cache_folder}: {facts['foreign_tokens']} of {facts['tokens']} tokens do not come "
            f"from the training texts ({facts['compared_with']}). Remove the folder and run again, "
            f"or acknowledge it in the configuration: leakage: {{acknowledge: [{GATE}]}}."
        )


def compared(
    manifest_path: Path, cache_folder: Path, variant: str | None, vocabulary: Path | None
) -> dict[str, Any]:
    """The cache's vocabulary beside the one that it should have.

    The same texts give the same vocabulary, so any other text that was seen shows.
    """
    cache = open_cache(cache_folder)
    found = _tokens(cache_folder)
    if vocabulary:
        source, expected = "vocabulary of the pretraining data", _tokens(vocabulary)
    elif cache.text["pretrained"]:
        source, expected = f"published: {cache.text['pretrained']}", found
    else:
        texts = partial(train_texts, read_manifest(manifest_path, variant))
        source = "trained again on the training texts"
        expected = set(wordpiece_vocabulary(texts, cache.text["vocab_size"]))
    return {
        "dataset": cache.provenance["dataset"],
        "tokens": len(found),
        "foreign_tokens": len(found - expected),
        "of_training": found == expected,
        "compared_with": source,
    }


def _tokens(cache_folder: Path) -> set[str]:
    return set(saved_tokenizer(cache_folder / "tokenizer").get_vocab())
