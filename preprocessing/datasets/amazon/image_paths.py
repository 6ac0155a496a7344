"""Which pictures may belong to a review, and under which name each lies on disk.

The fetch step and the shards agree here: a picture is known by its address alone, so a product's
picture is fetched and stored once, however many reviews it belongs to.
"""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from urllib.parse import urlsplit

from preprocessing.errors import SourceMissingError

# "51abc._SY88.jpg" is 51abc.jpg scaled down by the server; without the middle part it is full size.
SCALED = re.compile(r"\._[^/]*(?=\.[A-Za-z]+$)")
SCHEMES = frozenset({"http", "https"})


class ImageSource(StrEnum):
    """Whose picture a review gets.

    The paper's "99.8 % missing" fits only pictures taken by reviewers; the official code falls
    back to the product's, which most products have. See paper-vs-code, section 7.2.
    """

    USER = "user"
    PRODUCT = "product"
    USER_OR_PRODUCT = "user_or_product"


def candidates(
    *,
    user: Sequence[str] = (),
    product_high: Sequence[str] = (),
    product: Sequence[str] = (),
    source: ImageSource = ImageSource.USER,
) -> list[str]:
    """The addresses to try, best first: each picture at full size, then scaled as listed.

    Args:
        user: `image` of the review.
        product_high: `imageURLHighRes` of the metadata.
        product: `imageURL` of the metadata, scaled down.
        source: whose pictures count.

    Returns:
        Distinct http(s) addresses; anything else in the lists is left out.

    >>> candidates(user=["https://example.org/I/51abc._SY88.jpg", "javascript:void(0)"])
    ['https://example.org/I/51abc.jpg', 'https://example.org/I/51abc._SY88.jpg']
    """
    taken = [] if source is ImageSource.PRODUCT else _both_sizes(user)
    shown = [] if source is ImageSource.USER else [*product_high, *_both_sizes(product)]
    return [url for url in dict.fromkeys([*taken, *shown]) if is_address(url)]


def local_name(url: str) -> str:
    """The file name of an address: a digest, so that nothing of the address reaches the disk.

    >>> local_name("https://example.org/../../etc/passwd")
    '00a63f90dc2571727c1b299bcf1471be.jpg'
    """
    return blake2b(url.encode(), digest_size=16).hexdigest() + ".jpg"


def first_present(urls: Iterable[str], on_disk: frozenset[str]) -> str | None:
    """The local name of the best candidate among the files `on_disk`, or None."""
    return next((name for name in map(local_name, urls) if name in on_disk), None)


def files_in(folder: Path) -> frozenset[str]:
    """The names of the pictures in `folder`; empty if there is no such folder.

    Raises:
        SourceMissingError: it is a file.
    """
    check_folder(folder)
    if not folder.is_dir():
        return frozenset()
    return frozenset(path.name for path in folder.iterdir() if path.suffix == ".jpg")


def check_folder(folder: Path) -> None:
    """Refuse a file where the folder of the pictures is to be.

    Raises:
        SourceMissingError: it is a file.
    """
    if folder.is_file():
        raise SourceMissingError(
            f"{folder} is a file. Give the folder of the pictures, or the name of one to be made."
        )


def is_address(url: object) -> bool:
    """Whether a list entry is an http(s) address with a host.

    >>> is_address("https://example.org/a.jpg"), is_address("https://"), is_address(None)
    (True, False, False)
    """
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in SCHEMES and bool(parts.netloc)


def _both_sizes(urls: Sequence[str]) -> list[str]:
    return [form for url in urls for form in (SCALED.sub("", url), url)]
