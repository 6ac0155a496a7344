"""Each modelling step on its own: `python -m lanistr SUBCOMMAND --help`."""

import logging
import os
import sys
from collections.abc import Callable

import typer

from lanistr.commands import (
    analysis,
    inference,
    leakage,
    missingness,
    parameters,
    report,
    tables,
    training,
)
from lanistr.errors import LanistrError

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)

SUBCOMMANDS: tuple[Callable[..., None], ...] = (
    training.cache,
    training.train,
    inference.export,
    inference.predict,
    inference.embed,
    inference.nearest,
    tables.evaluate,
    tables.table,
    tables.trace,
    tables.cost,
    parameters.parameters,
    analysis.presence,
    analysis.shapley,
    analysis.removal,
    leakage.audit_vocabulary,
    leakage.leakage_page,
    missingness.missingness_page,
    report.figures,
    report.report,
)

for subcommand in SUBCOMMANDS:
    app.command()(subcommand)


def main() -> int:
    """Run one subcommand; a `LanistrError` becomes one message and exit code 1."""
    rank = os.environ.get("RANK", "0")
    level = logging.INFO if rank == "0" else logging.WARNING
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=level)
    try:
        app()
    except LanistrError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
