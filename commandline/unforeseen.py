"""Errors that no step foresaw: told by where they came from, as their words may hold a cell."""

from __future__ import annotations

import traceback


def tell_unforeseen(error: BaseException) -> str:
    """The traceback of an error and of those that led to it, with types in place of messages."""
    chain = [error]
    while earlier := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(earlier)
    told = [
        "".join([*traceback.format_tb(each.__traceback__), f"{type(each).__name__}\n"])
        for each in reversed(chain)
    ]
    return (
        f"Traceback (most recent call last):\n{''.join(told)}No step foresaw this. The message is "
        "not shown, as it may hold a cell of the data: `python -X dev -m ...` shows it. The lines "
        "above hold none and may be sent to whoever can mend it."
    )
