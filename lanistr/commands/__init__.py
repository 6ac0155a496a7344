"""Subcommands of `python -m lanistr`, one module per area; modules register in `__main__`."""
