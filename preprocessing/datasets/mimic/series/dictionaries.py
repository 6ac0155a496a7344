"""Whether items mean in this release what they are read as: asked of its dictionaries.

Numbers of items change between releases (mimic-code#1772), and no event tells.
"""

import logging
from pathlib import Path

import duckdb
import polars as pl

from preprocessing.datasets.mimic import variables
from preprocessing.datasets.mimic.raw import Source, has_table
from preprocessing.datasets.mimic.switches import Switches
from preprocessing.errors import DataContractError
from preprocessing.ledger import Ledger

DICTIONARIES = {"icu/chartevents": "icu/d_items", "hosp/labevents": "hosp/d_labitems"}
# What a dictionary says beside the label, and the column of items.tsv with which that begins.
BESIDE = {"icu/d_items": ("unitname", "unit"), "hosp/d_labitems": ("fluid", "fluid")}
# Smaller numbers are CareVue's, which no release of MIMIC-IV holds.
FIRST_OF_MIMIC_IV = 50_000

logger = logging.getLogger(__name__)


def dictionaries_read(root: Path, switches: Switches) -> list[str]:
    """The dictionaries that the choice of items needs; where numbers are believed, those there."""
    believed = switches.item_labels == "believed" and switches.refill == "unmapped"
    return [name for name in BESIDE if not believed or has_table(root, name)]


def confirmed_items(
    source: Source, con: duckdb.DuckDBPyConnection, switches: Switches, ledger: Ledger
) -> pl.DataFrame:
    """The items in use, as of `variables.items`, without those that a dictionary rules out.

    An item that a dictionary lacks is believed, which is noted; one that the reference does not
    map either is not.

    Raises:
        DataContractError: an item means something else, and the switches have that refused.
    """
    items = variables.items(switches)
    used, wrong = [], []
    for events, name in DICTIONARIES.items():
        here = items.filter(table=events)
        if name in source.files:
            columns = ["itemid", "label", BESIDE[name][0]]
            compared = _compared(here, source.read(con, name, columns), *BESIDE[name])
            here = _chosen(compared, name, switches, ledger)
            wrong.append(compared.filter("differs"))
        used.append(here.select(items.columns))
    if any(map(len, wrong)):
        _tell(pl.concat(wrong), source, switches)
    return pl.concat(used)


def _compared(
    items: pl.DataFrame, dictionary: pl.DataFrame, beside: str, begins: str
) -> pl.DataFrame:
    """Items, each once, with what the dictionary says; whether it differs, whether it is silent."""
    label, more = "label_found", "beside_found"
    said = dictionary.rename({"label": label, beside: more})
    differs = (_plain(label) != _plain("label")) | ~_plain(more).str.starts_with(_plain(begins))
    return (
        items.join(said, on="itemid", how="left")
        .with_columns(
            differs=differs.fill_null(False),
            absent=pl.col(label).is_null(),
            expected=pl.concat_str(
                pl.col("label", begins).replace("", None), separator=", ", ignore_nulls=True
            ),
            found=pl.concat_str(label, more, separator=", ", ignore_nulls=True),
        )
        .sort("differs", descending=True, maintain_order=True)
        .unique("itemid", keep="first", maintain_order=True)
        .drop(more)
    )


def _plain(column: str) -> pl.Expr:
    """Text without case, blanks and signs, and without a normal range such as '(range 70-100)'."""
    text = pl.col(column).str.replace_all(r"\([^)]*\d[^)]*\)", "").str.to_lowercase()
    return text.str.replace_all("[^a-z0-9]", "")


def _chosen(compared: pl.DataFrame, name: str, switches: Switches, ledger: Ledger) -> pl.DataFrame:
    """The items in use, by what a dictionary says of them."""
    absent = pl.col("absent") & (pl.col("itemid") >= FIRST_OF_MIMIC_IV)
    ledger.note(name, "item that the dictionary lacks", compared.filter(absent).height)
    items = compared.filter((pl.col("reference") == "yes") | ~pl.col("absent"))
    if switches.item_labels == "believed":
        differing = items.filter("differs").height
        ledger.note(name, "item believed: its label is not the expected one", differing)
        return items
    reason = "item not used: its label is not the expected one"
    return ledger.keep(name, items, ~pl.col("differs"), reason=reason)


def _tell(wrong: pl.DataFrame, source: Source, switches: Switches) -> None:
    """Name the items that mean something else, as an error if they are refused."""
    places = " and ".join(str(source.path(n)) for n in BESIDE if n in source.files)
    columns = wrong.select("itemid", "variable", "found", "expected")
    told = "\n".join(
        [
            f"{wrong.height} items do not mean what they are read as: {places}",
            *(f"  {i} ({name}): found {f!r}, expected {e!r}" for i, name, f, e in columns.rows()),
        ]
    )
    if switches.item_labels == "refused":
        raise DataContractError(
            f"{told}\nAllowed: the labels of items.tsv, in any case and spacing, because numbers "
            "of items change between releases. Take dictionaries and events from one release. To "
            "go on without these items, set the switch item_labels=left_out; if they mean the "
            "same under other names, item_labels=believed."
        )
    logger.warning("%s\nThey are %s.", told, switches.item_labels.replace("_", " "))
