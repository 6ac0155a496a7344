"""Options that several steps of the reviews share, as annotations of their parameters.

The n-th parts of the tables of a category belong together.
"""

from pathlib import Path
from typing import Annotated

from typer import Option

ReviewParts = Annotated[
    list[Path], Option("--reviews", help="Part of amazon-reviews; repeat it for more")
]
LinksFile = Annotated[Path, Option("--links", help="Wanted pictures, of amazon-reviews")]
