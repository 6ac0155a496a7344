"""What a wrong name may have been meant to be, for messages."""

import difflib
from collections.abc import Iterable

MANY = 15
"""Names above which those that are near are told alone."""


def nearest(name: object, allowed: Iterable[object]) -> str:
    """The names that are near to a wrong one, and what is allowed; begins with a space.

    >>> nearest("mimik", ["mimic", "amazon"])
    ' Did you mean mimic? Allowed: amazon, mimic.'
    >>> nearest("seed8", [f"seed{number}" for number in range(8)] + list("abcdefgh"))
    ' Did you mean seed7 or seed6?'
    """
    names = sorted(map(str, allowed))
    close = difflib.get_close_matches(str(name), names, n=2)
    meant = f" Did you mean {' or '.join(close)}?" if close else ""
    return meant if close and len(names) > MANY else f"{meant} Allowed: {', '.join(names)}."
