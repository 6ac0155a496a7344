"""Pictures in steps: of a lost one the reason is left, a broken mount ends the step."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from preprocessing.errors import SourceMissingError
from reading.pictures import UndecodableError

Square = TypeVar("Square")


def square_or_reason(
    make: Callable[[Path | bytes, int], Square], source: Path | bytes, px: int, place: Path
) -> Square | str:
    """A square of `pictures.squares`, or the reason why there is none.

    Args:
        make: what makes it.
        source: a file, or what one holds.
        px: side of the square.
        place: what the message names; folders of single files can hold an identifier.

    Raises:
        SourceMissingError: the file is there, but the system does not let it be read.
    """
    try:
        return make(source, px)
    except UndecodableError as error:
        return str(error)
    except OSError as error:
        # Not counted as one lost image: a broken mount would lose them all in silence.
        raise SourceMissingError(
            f"A picture of {place} could not be read ({error.strerror}). "
            "Check the mount and the permissions."
        ) from None
