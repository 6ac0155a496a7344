"""Answers of the tasks: class numbers, numbers or flags, and the tasks as the card tells them."""

import polars as pl

from preprocessing import card
from preprocessing.datasets.rows.description import Description, Question
from preprocessing.datasets.rows.inputs import converted_numbers
from preprocessing.datasets.rows.problems import Problems
from preprocessing.datasets.rows.source import Source
from preprocessing.datasets.rows.values import parse_category

# Class numbers are stored in one signed byte.
MOST_CLASSES = 127


def read_answers(
    description: Description, source: Source, problems: Problems
) -> tuple[pl.DataFrame, dict[str, tuple[str, ...]]]:
    """A column of answers per task, under its name, and the classes of each task.

    Args:
        description: says what the tasks are.
        source: labelled rows.
        problems: gets labels that are none, and tasks that nothing can be learned of.
    """
    frame = pl.DataFrame(height=source.frame.height)
    classes: dict[str, tuple[str, ...]] = {}
    for name, task in description.tasks.items():
        columns = description.answers()[name]
        names: tuple[str, ...] = ()
        if task.kind == "regression":
            answer = converted_numbers(source, columns[0], problems).cast(pl.Float32)
            _check_varies(source, columns[0], answer, problems)
        elif task.kind == "multilabel":
            answer, names = _flags(source, columns, problems), columns
        else:
            answer, names = _class_numbers(source, columns[0], task, problems)
        frame, classes[name] = frame.with_columns(answer.alias(name)), names
    return frame, classes


def card_tasks(description: Description, classes: dict[str, tuple[str, ...]]) -> list[card.Task]:
    """The tasks for the card; mean and deviation of a regression are not known yet."""
    answers = {column for columns in description.answers().values() for column in columns}
    told = [name for name in description.table if name in answers]
    return [
        card.Task(
            name=name,
            kind=task.kind,
            title=task.title or name.replace("_", " "),
            classes=classes[name],
            unit=task.unit,
            never_inputs=tuple(dict.fromkeys([*told, *task.never_inputs])),
            score=task.score,
        )
        for name, task in description.tasks.items()
    ]


def _class_numbers(
    source: Source, column: str, task: Question, problems: Problems
) -> tuple[pl.Series, tuple[str, ...]]:
    label = parse_category(source.frame[column])
    found = sorted(label.drop_nulls().unique(), key=rank)
    names = tuple(parse_category(pl.Series(task.classes, dtype=pl.String))) or tuple(found)
    where = f"{source.files[0].name}, column {column}"
    if len(found) < 2:
        problems.add(
            where,
            f"has {len(found)} class" + ("es" if not found else ""),
            "A task needs two or more: give rows of another class, or predict another column.",
        )
    elif task.kind == "binary" and len(names) != 2:
        problems.add(where, f"has {len(found)} classes", "binary has 2; say kind: multiclass.")
    elif task.kind == "multiclass" and len(names) == 2:
        problems.add(where, "has 2 classes", "multiclass has more; say kind: binary.")
    elif len(names) > MOST_CLASSES:
        problems.add(
            where,
            f"has {len(names)} classes, allowed are {MOST_CLASSES}",
            "Join rare ones, or say kind: regression if they are numbers.",
        )
    known = label.is_in(list(names))
    problems.add_rows(
        source,
        column,
        label.is_not_null() & ~known,
        "a class that the task does not list",
        "Add it to classes, or leave classes out.",
    )
    if len(names) > MOST_CLASSES:
        return pl.repeat(None, len(label), dtype=pl.Int8, eager=True), names
    numbers = {name: number for number, name in enumerate(names)}
    return label.replace_strict(numbers, default=None, return_dtype=pl.Int8), names


def rank(name: str) -> tuple[bool, float, str]:
    """Place of a class among others: numbers in their order, then words in theirs."""
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name


def _flags(source: Source, columns: tuple[str, ...], problems: Problems) -> pl.Series:
    """Lists of 0 and 1, null where one of them is."""
    flags = []
    for name in columns:
        number = converted_numbers(source, name, problems)
        problems.add_rows(
            source,
            name,
            number.is_not_null() & ~number.is_in([0, 1]),
            "another number than 0 and 1",
            "A label of a multilabel task is there (1), or not (0).",
        )
        _check_varies(source, name, number, problems)
        flags.append(number.set(~number.is_in([0, 1]), None).cast(pl.Int8).alias(name))
    table = pl.DataFrame(flags)
    known = pl.all_horizontal(pl.all().is_not_null())
    labels = pl.concat_list(pl.all()).list.to_array(len(columns))
    return table.select(pl.when(known).then(labels)).to_series()


def _check_varies(source: Source, column: str, answer: pl.Series, problems: Problems) -> None:
    if answer.drop_nulls().n_unique() < 2:
        problems.add(
            f"{source.files[0].name}, column {column}",
            "the answer is the same in every row" if answer.count() else "no row has an answer",
            "There is nothing to learn: predict another column.",
        )
