"""The part of the leakage audit that needs a cache, and its page."""

from pathlib import Path
from typing import Annotated

import typer

from lanistr.commands.options import CacheDir, Variant


def audit_vocabulary(
    manifest: Annotated[Path, typer.Option(help="manifest.json of the shards.")],
    cache: CacheDir,
    output: Annotated[Path, typer.Option(help="JSON, for merge-leakage.")],
    variant: Variant = None,
    vocabulary: Annotated[
        Path | None, typer.Option(help="Cache whose tokenizer is used, as given to `cache`.")
    ] = None,
    acknowledge: Annotated[
        list[str] | None, typer.Option(help="Gate whose findings do not stop the run; repeatable.")
    ] = None,
) -> None:
    """Train the tokenizer again on the training texts; fail if the cache has another one."""
    from lanistr.data.vocabulary import audit

    audit(
        manifest,
        cache,
        acknowledge or (),
        variant=variant,
        vocabulary=vocabulary,
        output=output,
    )


def leakage_page(
    audit: Annotated[Path, typer.Option(help="audit/leakage.json.")],
    output: Annotated[Path, typer.Option(help="HTML.")],
) -> None:
    """The leakage audit as one self-contained page."""
    from lanistr.report.leakage import write_page

    write_page(audit, output)
