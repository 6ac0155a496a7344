"""Where the numbers of pages come from: tables that a run wrote, or what was measured and how.

`docs/numbers/` holds these tables as the workflow wrote them, and `sources.csv`, which names the
source of every other number. Taken away what has a source, a page has no digit left.
"""

import csv
import functools
import re
from pathlib import Path

import pytest
import torch

from lanistr.evaluation.claim import told_claims
from lanistr.evaluation.layout import layout_of
from lanistr.evaluation.render import columns
from lanistr.evaluation.row import Table, method_of, read_csv

REPOSITORY = Path(__file__).parents[2]
NUMBERS = REPOSITORY / "docs/numbers"
PAGES = {
    "README.md": "physionet-2012/labels",
    "docs/first-run.md": "default/table1",
    "docs/physionet-2012.md": "physionet-2012/labels",
}
"""Pages each number of which has a source, and the table that they show."""
SHOWN = ("Method", "Ours", "95 % interval", "From LANISTR", "Paper")

NAMES = re.compile(
    r"MIMIC-IV(-Note)? 2\.2|MIMIC-CXR-JPG 2\.0\.0|Amazon Reviews 2018|PhysioNet 2012|Python 3\.11"
    r"|Tables? [1-4]( to 4)?|Apache-2\.0|US 2024/0386321 A1|95 % interval|set-[ab]"
)
"""Names that have a digit, and no numbers."""
NOT_READ = re.compile(
    r"```.*?```|`[^`]*`|\]\([^)]*\)|\S+\.md|https?:\S+|^\d+\. ", re.DOTALL | re.MULTILINE
)
"""Commands, file names, addresses, and the numbers of lists."""
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")

with (NUMBERS / "sources.csv").open(encoding="utf-8") as file:
    SOURCES = list(csv.DictReader(file))


@functools.cache
def told_of(name):
    """What a page may show of a table that a run wrote: its sentences, and lines of Markdown."""
    layout = layout_of(REPOSITORY / "config/tables.yaml", Path(name).name)
    table = Table(Path(name).name, layout, *read_csv(NUMBERS / f"{name}.csv"))
    if layout.curve == "labels":
        return told_claims(table), lines_by_labels(table.rows)
    return told_claims(table), {tuple(line[name] for name in SHOWN) for line in columns(table)}


def lines_by_labels(rows):
    """A line per method with its number at each count of labels, and what pretraining adds."""
    counts = sorted({row.labels for row in rows})
    cells = {(method_of(row.row), row.labels): row for row in rows}
    heads = (f"{n:,} labels" if n == counts[0] else f"{n:,}" for n in counts)
    gains = (cells["LANISTR w/o pretraining", n] for n in counts)
    return {
        ("Method", *heads),
        ("what pretraining adds (95 % interval)", *map(told_gain, gains)),
        *(
            (method, *(f"{cells[method, n].mean:.2f}" for n in counts))
            for method in {method for method, _ in cells}
        ),
    }


def told_gain(scratch):
    """What LANISTR has more than the same model from scratch."""
    gain, low, high = -scratch.difference, -scratch.difference_high, -scratch.difference_low
    return f"{gain:.1f} ({low:.1f} to {high:.1f})"


def without_sourced(page, text):
    """A page without the lines, sentences and phrases that have a source, and without names."""
    sentences, known = told_of(PAGES[page])
    for sentence in sentences:
        text = text.replace(sentence, "")
    lines = []
    for line in NOT_READ.sub(" ", text).splitlines():
        cells = tuple(cell.strip(" *") for cell in line.strip("|").split(" | "))
        lines += [] if cells in known else [line]
    text = "\n".join(lines)
    for phrase in [source["says"] for source in SOURCES if source["page"] == page]:
        text = text.replace(NOT_READ.sub(" ", phrase), "")
    return NAMES.sub("", text)


@pytest.mark.parametrize("page", PAGES)
def test_every_number_has_a_source(page):
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    left = [line for line in without_sourced(page, text).splitlines() if NUMBER.search(line)]
    assert not left, f"{page}: name the source of these numbers in docs/numbers/sources.csv: {left}"


@pytest.mark.parametrize("page", PAGES)
def test_another_number_is_noticed(page):
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    spans = [match.span() for match in NOT_READ.finditer(text)]
    spans += [match.span() for match in NAMES.finditer(text)]
    unnoticed = []
    for match in NUMBER.finditer(text):
        if any(start < match.end() and match.start() < end for start, end in spans):
            continue
        other = text[: match.end() - 1] + str((int(text[match.end() - 1]) + 1) % 10)
        if not NUMBER.search(without_sourced(page, other + text[match.end() :])):
            unnoticed.append(text[match.start() - 20 : match.end() + 20])
    assert not unnoticed


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source["says"])
def test_a_source_says_what_the_page_says(source):
    assert source["says"] in (REPOSITORY / source["page"]).read_text(encoding="utf-8")
    assert source["how"]
    if source["from"] == "measured":
        return
    with (NUMBERS / source["from"]).open(encoding="utf-8") as file:
        cells = [line[name] for line in csv.DictReader(file) for name in source["how"].split()]
    known = [float(found) for cell in cells for found in re.findall(r"[\d.]*\d", cell)]
    for number in NUMBER.findall(source["says"].replace("95 %", "")):
        decimals = len(number.partition(".")[2])
        assert float(number.replace(",", "")) in [round(each, decimals) for each in known]


def test_a_run_of_this_machine_wrote_the_same():
    compared = []
    for kept in NUMBERS.glob("*/*.csv"):
        made = REPOSITORY / "results" / kept.parent.name / "tables" / kept.name
        if made.is_file():
            compared.append(kept)
            assert numbers_of(made) == numbers_of(kept), (
                f"{made} is not what docs/numbers has: copy it there and mend the pages, or find "
                "what changed it."
            )
    if not compared:
        pytest.skip("no results of these configurations are here: make all")


def numbers_of(path):
    """What pages show of a table: on another kind of processor, sizes and counts alone."""
    rows, stamp = read_csv(path)
    same_processor = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return stamp.digest, [
        (row.row, row.seeds, row.labels, row.unlabeled, row.n_test, row.n_positive)
        + ((f"{row.mean:.2f}", f"{row.low:.2f}", f"{row.high:.2f}") if same_processor else ())
        for row in rows
    ]
