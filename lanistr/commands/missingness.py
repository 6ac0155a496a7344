"""The page of the missingness audit."""

from pathlib import Path
from typing import Annotated

import typer


def missingness_page(
    audit: Annotated[Path, typer.Option(help="audit/missingness.json.")],
    output: Annotated[Path, typer.Option(help="HTML.")],
) -> None:
    """The missingness audit as one self-contained page."""
    from lanistr.report.missingness import write_page

    write_page(audit, output)
