"""Names, columns and answers that are wrong as a whole: refused before anything is learned."""

import difflib
from collections.abc import Collection, Sequence

import polars as pl

from preprocessing.datasets.rows.description import CLASSED, Description
from preprocessing.datasets.rows.partition import read_times
from preprocessing.datasets.rows.problems import Problems
from preprocessing.datasets.rows.source import Source
from preprocessing.splits import SPLITS
from reading.columns import type_name

# A category with as many values as this share of its rows, and at least so many, names rows.
ID_SHARE, ID_ROWS = 0.9, 20


def check_names(
    source: Source,
    known: Collection[str],
    wanted: Collection[str],
    problems: Problems,
    files: Sequence[int] | None = None,
) -> None:
    """Names of columns that the description does not know, or that a file lacks.

    Args:
        source: the rows.
        known: names that the description has.
        wanted: those of them that each file must have.
        problems: gets them, those that are not known by their place.
        files: numbers of the files that are looked at; None = all.
    """
    for number in range(len(source.files)) if files is None else files:
        name, found = source.files[number].name, source.columns[number]
        if not set(found) & set(known):
            what = f"none of the {len(found)} columns is in the description"
            problems.add(name, what, "Does its first line name the columns? Name them as it does.")
            continue
        for column in (column for column in found if column not in known):
            near = difflib.get_close_matches(column, set(known) - set(found), 1)
            hint = f"Did you mean {near[0]}? " if near else ""
            remedy = f"{hint}Name it in rows.columns, with ignore if it is no input."
            # By its place: a name that nobody has stated may be a cell.
            where = f"{name}, column {found.index(column) + 1}"
            problems.add(where, "its name is not in the description", remedy)
        for column in sorted(set(wanted) - set(found)):
            remedy = "Add it, empty where nothing is known, or take it out of the description."
            problems.add(f"{name}, column {column}", "is not in the file", remedy)


def check_types(source: Source, names: Collection[str], problems: Problems) -> None:
    """Columns of lists, structures or bytes, which are no text, number or time."""
    for name, kind in source.frame.schema.items():
        if name in names and (kind.is_nested() or kind == pl.Binary):
            where = f"{source.files[0].name}, column {name}"
            problems.add(where, f"holds {type_name(kind)}", "Write texts, numbers or times.")


def check_ids(ids: pl.Series, column: str, source: Source, problems: Problems) -> None:
    """Names of rows that are missing or not unique."""
    problems.add_rows(
        source, column, ids.is_null(), "no id", "Give each an id, or leave rows.id out."
    )
    problems.add_rows(
        source,
        column,
        ids.is_not_null() & ~ids.is_first_distinct(),
        "an id that an earlier row has",
        "Remove the copies, or leave rows.id out: the number of the row then names it.",
    )


def check_columns(
    description: Description, inputs: pl.DataFrame, source: Source, problems: Problems
) -> None:
    """Columns that tell nothing, ids that are taken for categories, and dates after the label."""
    for name, column in description.columns.items():
        if column.type == "ignore":
            continue
        values = inputs[name] if name in description.table else source.frame[name]
        where = f"{source.files[0].name}, column {name}"
        known = values.drop_nulls()
        distinct = known.n_unique()
        if distinct < 2:
            found = "the same value in every row" if distinct else "no value in any row"
            problems.add(where, f"has {found}", f"Say columns: {name}: ignore.")
        elif column.type == "category" and distinct >= max(ID_ROWS, ID_SHARE * len(known)):
            problems.add(
                where,
                f"is a category, but {distinct} values in {len(known)} rows name the rows rather "
                "than group them",
                f"Say columns: {name}: text if it holds words, or ignore if it is an id.",
            )
    if description.split.time:
        _check_future(description, inputs, source, problems)


def _check_future(
    description: Description, inputs: pl.DataFrame, source: Source, problems: Problems
) -> None:
    """Dates that nobody can know when the row's time comes."""
    now = description.split.time
    times = read_times(description, source)
    for name in description.named("date"):
        if name != now:
            problems.add_rows(
                source,
                name,
                inputs[name] > times,
                f"a date later than {now}, the time that is split by",
                f"It comes after what is predicted: say columns: {name}: ignore, or split by a "
                "later time.",
            )


def check_splits(
    description: Description,
    answers: pl.DataFrame,
    split: pl.Series,
    source: Source,
    problems: Problems,
) -> None:
    """Splits without answers, and classes that train never shows."""
    for name, task in description.tasks.items():
        answer = answers[name]
        where = f"{source.files[0].name}, task {name}"
        empty = [part for part in SPLITS if not answer.filter(split == part).count()]
        if empty and answer.count():
            problems.add(
                where,
                f"no row of {', '.join(empty)} has an answer",
                "Give more rows, larger shares, or another rows.split.",
            )
        elif task.kind in CLASSED:
            seen = set(answer.filter(split == "train").drop_nulls())
            problems.add_rows(
                source,
                task.column or name,
                answer.is_not_null() & ~answer.is_in(list(seen)),
                "a class that train never shows",
                "Split otherwise (split: {stratify: true}), or leave out rows of rare classes.",
            )
