"""Each preprocessing step on its own: `python -m preprocessing SUBCOMMAND --help`."""

import logging
import sys

import typer

from preprocessing.commands import amazon, audit, generate, leakage, mimic, physionet2012, rows
from preprocessing.errors import PipelineError

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
for group in (generate, mimic, amazon, physionet2012, leakage, audit, rows):
    app.add_typer(group.app)


def main() -> int:
    """Run one subcommand; a `PipelineError` becomes one message and exit code 1."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO)
    try:
        app()
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
