"""Which MIMIC-IV release raw tables belong to: told by their headers, never by a folder's name.

Of a table that no release has the nearest one is named, and what differs. A first line may be a
row of data, or the middle of a note: a field is shown only if it is a column that some table has.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache

from preprocessing.datasets.mimic.release import RELEASES, Header, layouts, releases_of
from preprocessing.errors import DataContractError

# How pandas calls its index: in csv, read again and saved again, and in Parquet.
INDEX = re.compile(r"|Unnamed: \d+|__index_level_\d+__")
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}

GET_ANEW = "Get the file anew from the release; do not rename, drop or move its columns."


def release_of(headers: Mapping[str, Header]) -> str:
    """The newest release that all these tables fit.

    Args:
        headers: for each table, such as "icu/chartevents", what its file has.

    Raises:
        DataContractError: a table fits no release (the nearest one is named, and what
            differs), or the tables fit only different ones.
    """
    for aliases in (False, True):
        fits = {table: releases_of(table, h, aliases=aliases) for table, h in headers.items()}
        if common := _common(fits.values()):
            return common[-1]
    likely = _common(releases for releases in fits.values() if releases)
    unknown = [
        describe_unknown(t, headers[t], likely) for t, releases in fits.items() if not releases
    ]
    if unknown:
        raise DataContractError("\n".join(unknown))
    raise DataContractError(_describe_mixture(headers, fits))


def _common(fits: Iterable[Sequence[str]]) -> list[str]:
    every = list(fits)
    return [r for r in RELEASES if all(r in releases for releases in every)]


def _describe_mixture(headers: Mapping[str, Header], fits: Mapping[str, Sequence[str]]) -> str:
    telling = {table: fit for table, fit in fits.items() if len(fit) < len(RELEASES)}
    return "\n".join(
        [
            "These files are of different MIMIC-IV releases:",
            *(f"  {headers[table].file}: {' or '.join(fit)}" for table, fit in telling.items()),
            "Their columns tell, whatever the folder is called. Give a root whose files are all "
            "of one release (v2.0 stands for v2.1 too, v2.2 for v3.1).",
        ]
    )


def describe_unknown(table: str, header: Header, likely: Collection[str] = RELEASES) -> str:
    """How a header differs from the nearest known layout, and what to do.

    Args:
        table: such as "icu/chartevents".
        header: what its file has.
        likely: the releases that the other tables fit.
    """
    names = header.names
    release = _nearest(table, header, likely)
    expected = [column.header for column in layouts(release)[table]]
    nearest = f"  nearest known: {table} of {release}, {len(expected)} columns; found {len(names)}"
    allowed = f"  allowed, in this order: {', '.join(expected)}"
    separators = [words for sign, words in SEPARATORS.items() if _are_known(names[0].split(sign))]
    if len(names) == 1 and separators:
        first = f"{header.file} has its fields separated by {separators[0]}, not by commas."
        return "\n".join([first, allowed, "  Save it again with commas, or get the file anew."])
    if not _are_known(names):
        strange = len(names) - sum(map(_is_known, names))
        first = f"{header.file} has a first line that looks like data, not like a header:"
        return "\n".join(
            [
                f"{first} {strange} of {len(names)} fields are no known column.",
                allowed,
                "  It is another table, or has lost its header line. Get the file anew.",
            ]
        )
    if unnamed := sum(map(_is_unnamed, names)):
        first = (
            f"{header.file} has {unnamed} {'column' if unnamed == 1 else 'columns'} "
            "without a name, as pandas writes the index of a table."
        )
        remedy = "  Write it with to_csv(index=False) or to_parquet(index=False), or get it anew."
    else:
        first, remedy = f"{header.file} has a layout that no known release has.", f"  {GET_ANEW}"
    return "\n".join([first, nearest, *_differences(expected, names), allowed, remedy])


def _differences(expected: Sequence[str], found: Sequence[str]) -> list[str]:
    matcher = SequenceMatcher(None, expected, found, autojunk=False)
    in_place = {expected[b.a + i] for b in matcher.get_matching_blocks() for i in range(b.size)}
    differences = {
        "missing": [c for c in expected if c not in found],
        "unexpected": [
            name if _is_known(name) else f"column {place}, whose name no table has"
            for place, name in enumerate(found, start=1)
            if name not in expected and not _is_unnamed(name)
        ],
        "out of order": [c for c in found if c in expected and c not in in_place],
        "repeated": sorted({c for c in expected if found.count(c) > 1}),
    }
    return [f"  {kind}: {', '.join(names)}" for kind, names in differences.items() if names]


def _nearest(table: str, header: Header, likely: Collection[str]) -> str:
    """The release with the fewest changes; of several, one that the other tables fit, the newest.

    A renamed column is one change, as is one that was put in or left out.
    """
    found = {name.lower() for name in header.names}

    def changes(release: str) -> tuple[int, bool]:
        expected = {column.header.lower() for column in layouts(release)[table]}
        return max(len(expected - found), len(found - expected)), release not in likely

    return min((r for r in reversed(RELEASES) if table in layouts(r)), key=changes)


def _are_known(names: Sequence[str]) -> bool:
    """Whether most of a line are columns, so that it is a header."""
    return 2 * sum(map(_is_known, names)) >= len(names)


def _is_unnamed(name: str) -> bool:
    return INDEX.fullmatch(name) is not None


def _is_known(name: str) -> bool:
    return name.lower() in _known_names()


@cache
def _known_names() -> frozenset[str]:
    """The columns of all tables of all releases, in small letters."""
    tables = [layout for release in RELEASES for layout in layouts(release).values()]
    return frozenset(column.header.lower() for layout in tables for column in layout)
