"""A commented configuration for a file of rows: what its columns seem to be, and why."""

import difflib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
import yaml
from typer import Argument, Option

from preprocessing.datasets.rows.answers import MOST_CLASSES, rank
from preprocessing.datasets.rows.checks import ID_SHARE
from preprocessing.datasets.rows.description import NULLS, RESERVED, Description
from preprocessing.datasets.rows.guesses import AMOUNTS, Guess, guess_column, guess_kind
from preprocessing.datasets.rows.source import Source, read_source
from preprocessing.datasets.rows.values import parse_category, parse_hours, parse_number, parse_time
from preprocessing.errors import ConfigError

# Steps of a series' grid that is guessed; a transformer's cost grows with their square.
MOST_STEPS = 100

HEAD = """\
# What the columns of {file} are, guessed by looking at them. Read every line: a wrong type costs
# accuracy, a column that tells the answer costs the result. Types are text, image, category,
# number, date and ignore; several texts are joined in this order.
name: {name}
scale: own
size: {size} # tiny: minutes on a CPU, random weights; small, paper: pretrained weights, a GPU
rows:
  title: {title}
  source: {source} # {rows} rows; several files are a list
  # unlabeled: [more.csv] # further rows without an answer, for pretraining only
"""


def write_configuration(
    rows: Annotated[Path, Argument(help="File of rows, csv or Parquet")],
    label: Annotated[str, Option(help="Column that is to be predicted")],
    output: Annotated[
        Path,
        Option("--output", "-o", help="Configuration to write; paths in it are relative to it"),
    ],
    *,
    series: Annotated[
        Path | None, Option(help="File of measurements over time, csv or Parquet")
    ] = None,
    size: Annotated[Literal["tiny", "small", "paper"], Option(help="Size of the models")] = "tiny",
) -> None:
    """Write a configuration with a section `rows`, to be read and corrected by a person.

    Raises:
        SourceMissingError: a file is not there.
        ConfigError: there is no such column, it cannot be predicted, or the output is there.
    """
    if output.exists():
        raise ConfigError(f"{output} is there already. Remove it, or choose another --output.")
    source = read_source([rows], NULLS)
    if label not in source.frame.columns:
        near = difflib.get_close_matches(label, source.frame.columns, 1)
        place = source.frame.columns.index(near[0]) + 1 if near else 0
        hint = f"Is column {place} meant?" if near else "Its first line must name the columns."
        raise ConfigError(f"--label {label}: {rows.name} has no such column. {hint}")
    columns = [name for name in source.frame.columns if name != label]
    guesses = _settled({name: guess_column(source, name, rows.parent) for name in columns})
    ids = [name for name, guess in guesses.items() if guess.type == "id"]
    head = HEAD.format(
        file=rows.name,
        name=re.sub(r"[^a-z0-9]+", "-", output.stem.lower()).strip("-") or "own",
        title=_scalar(rows.stem.replace("_", " ").capitalize()),
        source=_path(rows, output),
        rows=source.frame.height,
        size=size,
    )
    lines = [*_roles(guesses, source), *_task(source, label), *_columns(guesses)]
    if series:
        lines += _series(series, output, ids, source)
    text = head + "\n".join(f"  {line}".rstrip() for line in lines) + "\n"
    Description.read(json.dumps(yaml.safe_load(text)), output.parent)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")


def _settled(guesses: Mapping[str, Guess]) -> dict[str, Guess]:
    """The guesses with one id, one split and one picture; the first of each is taken."""
    settled, taken = {}, set()
    for name, guess in guesses.items():
        if guess.type in {"id", "split", "image"} and guess.type in taken:
            guess = Guess("ignore", f"{guess.reason}; another column is the {guess.type} already")
        taken.add(guess.type)
        settled[name] = guess
    return settled


def _roles(guesses: Mapping[str, Guess], source: Source) -> Iterator[str]:
    """Lines on id, group and split."""
    ids, groups, splits = (
        [name for name, guess in guesses.items() if guess.type == kind]
        for kind in ("id", "group", "split")
    )
    for name in ids:
        yield f"id: {_scalar(name)} # {guesses[name].reason}"
    if groups:
        yield "# Rows of one patient or customer must not be in train and in test: say group: NAME."
        yield f"# Perhaps: {', '.join(map(_scalar, groups))}"
    for name, guess in guesses.items():
        if guess.type == "text" and not source.frame[name].drop_nulls().is_unique().all():
            yield f"# Some values of {_scalar(name)} come again. A text in train and in test stops"
            yield "# the run (gate duplicate-texts); as the group, its rows stay together."
    yield "# group: NAME # column of what must not be split, such as customer"
    for name in splits:
        yield f"split: {{column: {_scalar(name)}}} # {guesses[name].reason}"
    if dates := [name for name, guess in guesses.items() if guess.type == "date"]:
        yield "# To learn from the past and test on what came later:"
        yield f"# split: {{time: {_scalar(dates[0])}, valid: 0.1, test: 0.2}}"
    if not splits:
        yield "split: {seed: 0, valid: 0.1, test: 0.2} # by a stable hash of the group"


def _task(source: Source, label: str) -> Iterator[str]:
    """Lines on what is to be predicted.

    Raises:
        ConfigError: the column has one value, or too many that are no numbers.
    """
    answer = source.frame[label]
    known = parse_category(answer).drop_nulls()
    kind, distinct = guess_kind(answer), known.n_unique()
    if distinct < 2 or (
        kind == "multiclass" and distinct > min(MOST_CLASSES, ID_SHARE * len(known))
    ):
        raise ConfigError(
            f"--label {label}: has {distinct} values in {len(known)} rows, which are no numbers; "
            f"allowed are 2 to {MOST_CLASSES} classes, or numbers. Choose another column."
        )
    name = re.sub(r"\W+", "_", label.lower(), flags=re.ASCII).strip("_")
    if not name.isidentifier() or name in RESERVED:
        name = f"answer_{name}"
    column = "" if name == label else f", column: {_scalar(label)}"
    yield "tasks: # several may be given; the first is the default"
    told = f"{distinct} values, {answer.null_count()} rows without"
    if kind == "regression":
        yield f'  {name}: {{kind: regression, unit: ""{column}}} # {told}; say the unit'
        return
    classes = sorted(known.unique(), key=rank)
    listed = f", classes: [{', '.join(map(_scalar, classes))}]" if distinct <= AMOUNTS else ""
    order = "; the second class is what is looked for" if kind == "binary" else ""
    yield f"  {name}: {{kind: {kind}{listed}{column}}} # {told}{order}"
    rare = known.value_counts()["count"].min()
    if isinstance(rare, int) and rare < AMOUNTS:
        yield f"  # The rarest class has {rare} rows: say stratify: true in split, or join classes."


def _columns(guesses: Mapping[str, Guess]) -> Iterator[str]:
    yield "columns:"
    for name, guess in guesses.items():
        if guess.type in {"id", "split"}:
            continue
        kind = "ignore" if guess.type == "group" else guess.type
        if guess.root:
            kind = f"{{type: image, root: {_scalar(guess.root)}}}"
        yield f"  {_scalar(name)}: {kind} # {guess.reason}"


def _series(path: Path, output: Path, ids: list[str], source: Source) -> Iterator[str]:
    """Lines on the measurements.

    Raises:
        ConfigError: the rows have no id, or no column looks like one or like a time.
    """
    table = read_source([path], NULLS)
    names = table.frame.columns
    if not ids:
        raise ConfigError(f"--series {path.name}: no column of the rows is an id. Add one.")
    known = parse_category(source.frame[ids[0]]).unique()
    shared = {
        name: parse_category(table.frame[name]).is_in(known.implode()).mean() for name in names
    }
    id_name = ids[0] if ids[0] in names else max(names, key=lambda name: shared[name] or 0)
    others = [name for name in names if name != id_name]
    times = [name for name in others if re.search("(?i)time|hour|date|minute", name)]
    if not times:
        raise ConfigError(
            f"--series {path.name}: no column is called time, hour or date. Name it so."
        )
    others = [name for name in others if name != times[0]]
    step, steps = _grid(table, id_name, times[0])
    yield f"series: # values of a step are averaged; {table.frame.height} lines"
    yield f"  source: {_path(path, output)}"
    words = [name for name in others if parse_number(table.frame[name]).count() == 0]
    is_long = len(others) == 2 and len(words) == 1
    yield f"  layout: {'long' if is_long else 'wide'} # long: a line per value; wide: one per time"
    yield f"  id: {_scalar(id_name)}"
    yield f"  time: {_scalar(times[0])} # hours, HH:MM, or date-times from the first on"
    yield "  # start: COLUMN # of the rows: what date-times are counted from"
    if is_long:
        yield f"  variable: {_scalar(words[0])}"
        yield f"  value: {_scalar(next(name for name in others if name not in words))}"
    yield f"  step_hours: {step:g} # check: what happens within a step is one value"
    yield f"  steps: {steps} # check: what is later is not read"


def _grid(table: Source, id_name: str, time: str) -> tuple[float, int]:
    """Length and number of the steps: as long as lies between two times, and not too many."""
    raw = table.frame[time]
    hours, seconds = parse_hours(raw), parse_time(raw)
    if seconds.count() > hours.count():
        first = pl.col("at").min().over("id")
        since = pl.DataFrame({"id": table.frame[id_name], "at": seconds})
        hours = since.select((pl.col("at") - first) / 3600).to_series()
    span = max(float(hours.quantile(0.99) or 0.0), 0.0)
    times = pl.DataFrame({"id": table.frame[id_name], "at": hours}).unique().sort("id", "at")
    gap = times.select(pl.col("at").diff().over("id").median()).item() or 1.0
    step = float(f"{max(gap, span / MOST_STEPS):.1g}")
    return step, max(1, math.floor(span / step) + 1)


def _scalar(value: str) -> str:
    """A string as YAML writes it within a line."""
    return yaml.safe_dump([value], default_flow_style=True, width=math.inf, allow_unicode=True)[
        1:-2
    ]


def _path(path: Path, output: Path) -> str:
    return _scalar(os.path.relpath(path, output.parent))
