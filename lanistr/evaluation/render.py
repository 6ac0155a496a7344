"""Tables for readers: Markdown and LaTeX, from the rows of `lanistr.evaluation.tables`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from typer import Option

from commandline import Made
from lanistr.evaluation.claim import told_claims, told_luck, told_p
from lanistr.evaluation.metrics import METRICS
from lanistr.evaluation.row import Row, Stamp, Table, write_csv
from lanistr.evaluation.tables import assemble
from lanistr.task import Kind

# What readers must be told about each kind of task.
NOTES = {
    Kind.BINARY: "Trivial: constant predictions. Prevalence is also the AUPRC of constant "
    "predictions.",
    Kind.MULTICLASS: "Majority class: always the most frequent class of the test set; a method "
    "below it has learned less than that.",
    Kind.MULTILABEL: "Macro: mean over the labels that some test samples have and others lack; "
    "micro: over all pairs of sample and label. Trivial: the same for every sample.",
    Kind.REGRESSION: "Trivial: always the median of the test set. Spread: standard deviation of "
    "the true numbers.",
}


def write_table(
    table: Annotated[Table, Made(assemble)],
    *,
    csv: Annotated[Path, Option(help="CSV to write, in full precision")],
    md: Annotated[Path, Option(help="Markdown to write")],
    tex: Annotated[Path, Option(help="LaTeX to write, with booktabs")],
) -> None:
    """Write a table in its three forms."""
    write_csv(csv, table)
    for path, render in ((md, markdown), (tex, latex)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(table), encoding="utf-8")


def caption(table: Table) -> list[str]:
    """What a reader must know to read the table, as sentences."""
    layout, rows, stamp = table.layout, table.rows, table.stamp
    notes = " ".join(NOTES[kind] for kind in sorted({row.kind for row in rows}))
    return [
        f"{layout.title}. {', '.join(measured(rows))} "
        f"on {', '.join(sorted({row.dataset for row in rows}))}.",
        *filter(None, [layout.note]),
        *unfinished(rows),
        SCALES.get(stamp.scale, f"Scale {stamp.scale}."),
        "Ours: mean and standard deviation over seeds (n - 1), with its 95 % interval. "
        f"{told_luck(rows, stamp.subjects)} {notes} "
        "From LANISTR: the row minus LANISTR, with the 95 % interval of the difference and the "
        "two-sided p of a paired bootstrap, as it is and adjusted by Holm's method for the number "
        "of rows that are compared. "
        "Seconds: wall time of one run, plus that of the pretraining it starts from.",
        *told_ceilings(rows),
        told_data(stamp),
    ]


SCALES = {
    "smoke": "Scale smoke: generated data and tiny models; "
    "our numbers are not comparable with the paper's column.",
    "demo": "Scale demo: a few open patients, with generated radiographs and notes, and tiny "
    "models; our numbers are not comparable with the paper's column.",
    "open": "Scale open: data that anyone can get, and tiny models.",
    "own": "Scale own: your own data.",
    "evening": "Scale evening: the paper's data with small models and little pretraining; "
    "our numbers are not comparable with the paper's column.",
}


def measured(rows: Sequence[Row]) -> list[str]:
    """The metrics of a table with their units, and which of them are better the lower they are."""
    units = {(row.metric, row.unit): row.measure for row in rows}
    return [
        metric.title
        + (f" in {metric.unit(unit)}" if metric.unit(unit) else "")
        + ("" if metric.higher_is_better else " (lower is better)")
        for (_, unit), metric in sorted(units.items())
    ]


def told_data(stamp: Stamp) -> str:
    """What the numbers are of."""
    leaky = f", {stamp.leaky} (leaky)" if stamp.leaky_text else ""
    text = f", text {stamp.text_source}{leaky}" if stamp.text_source else ""
    switches = ", ".join(f"{name}={value}" for name, value in sorted(stamp.switches.items()))
    profile = f", profile {stamp.profile}" if stamp.profile else ""
    return f"Data {stamp.digest}{profile}{text}" + (f"; switches: {switches}." if switches else ".")


def unfinished(rows: Sequence[Row]) -> list[str]:
    """What readers must know of rows whose runs are not all there."""
    several = len({row.dataset for row in rows}) > 1
    return [
        f"{name_of(row, several)}: {row.status}"
        + (f" ({row.reason})." if row.reason != row.status else ".")
        for row in rows
        if row.reason
    ]


def told_ceilings(rows: Sequence[Row]) -> list[str]:
    """What the ceilings of generated data mean."""
    known = sorted({row.ceiling_severity for row in rows if row.ceiling_severity is not None})
    if not known:
        return []
    return [
        "Ceiling: what an ideal reader of the same modalities reaches on these test samples, who "
        "knows how the data were generated. The severity behind all of them, which no modality "
        f"shows, would reach {' or '.join(map(number, known))}.",
        *filter(None, map(told_above, rows)),
    ]


def told_above(row: Row) -> str:
    """Why a row is above its ceiling; empty if it is not.

    >>> told_above(Row("text", "ok", None, "d", "auroc", mean=65.6, ceiling=65.3, low=52.0))
    'text is above its ceiling (65.60 against 65.30), which lies within the 95 % interval of the row: the luck of a small test set.'
    """  # noqa: E501
    if row.mean is None or row.ceiling is None or row.low is None or row.mean <= row.ceiling:
        return ""
    why = (
        "lies within the 95 % interval of the row: the luck of a small test set."
        if row.low <= row.ceiling
        else "lies below the 95 % interval of the row: look for what gives the answer away."
    )
    return (
        f"{row.row} is above its ceiling ({number(row.mean)} against {number(row.ceiling)}), "
        f"which {why}"
    )


def cells(row: Row, subjects: str) -> dict[str, str]:
    """The columns that readers see, as text; an empty cell does not apply."""
    interval = "" if row.low is None else f"{row.low:.2f} to {row.high:.2f}"
    ours = "" if row.mean is None else plus_minus(row.mean, row.std)
    seconds = "" if row.seconds is None else f"{row.seconds:.0f}"
    if row.pretraining_seconds is not None:
        seconds += f" + {row.pretraining_seconds:.0f}"
    others = [m for m in METRICS[row.kind] if m.name != row.metric]
    return {
        "Method": row.row,
        "Ours": ours or row.status,
        "95 % interval": interval,
        "From LANISTR": difference(row),
        "Runs": str(row.n_runs) if row.status == "ok" or not row.n_runs else row.status,
        **{metric.title: number(getattr(row, metric.name)) for metric in others},
        **{name: tell(row) for name, tell in BESIDE[row.kind].items()},
        counted(row.kind, subjects): "" if row.n_subjects is None else counts(row),
        "Trained parameters": ""
        if row.trainable_parameters is None
        else f"{row.trainable_parameters:,}",
        "Seconds": seconds,
        "Paper": "" if row.paper is None else plus_minus(row.paper, row.paper_std),
        "Paper's runs": "" if row.paper_n_runs is None else str(row.paper_n_runs),
    }


# The columns between the metrics and the counts, by the kind of the task.
BESIDE: dict[Kind, dict[str, Callable[[Row], str]]] = {
    Kind.BINARY: {
        "Trivial": lambda row: number(row.trivial),
        "Ceiling": lambda row: number(row.ceiling),
        "Prevalence": lambda row: number(row.prevalence),
    },
    Kind.MULTICLASS: {"Majority class": lambda row: number(row.majority_rate)},
    Kind.MULTILABEL: {
        "Trivial": lambda row: number(row.trivial),
        "Labels": lambda row: "" if row.n_labels_defined is None else str(row.n_labels_defined),
    },
    Kind.REGRESSION: {
        "Trivial": lambda row: number(row.trivial),
        "Spread": lambda row: number(row.label_std),
    },
}


def counted(kind: Kind, subjects: str) -> str:
    """Heading of the column of counts.

    >>> counted(Kind.BINARY, "patients")
    'Patients (positive / samples)'
    """
    what = "positive / samples" if kind == Kind.BINARY else "samples"
    return f"{subjects.capitalize()} ({what})"


def counts(row: Row) -> str:
    """How many subjects there are, and in brackets how many samples."""
    positive = "" if row.n_positive is None else f"{row.n_positive} / "
    return f"{row.n_subjects} ({positive}{row.n_test})"


def difference(row: Row) -> str:
    """The difference from LANISTR, with interval and p."""
    if row.difference is None:
        return ""
    ends = f"{row.difference_low:+.2f} to {row.difference_high:+.2f}"
    return f"{row.difference:+.2f} ({ends}; {told_p(row)})"


def number(value: float | None) -> str:
    """Two decimals, as the paper prints."""
    return "" if value is None else f"{value:.2f}"


def plus_minus(mean: float, spread: float | None) -> str:
    """Mean and standard deviation.

    >>> plus_minus(87.37, 1.28), plus_minus(79.89, None)
    ('87.37 ± 1.28', '79.89')
    """
    return f"{mean:.2f}" + ("" if spread is None else f" ± {spread:.2f}")


def name_of(row: Row, several: bool) -> str:
    """The row, with its dataset where a table has several."""
    return f"{row.row}, {row.dataset}" if several else row.row


def columns(table: Table) -> list[dict[str, str]]:
    """The cells of all rows, without columns that are empty in each of them."""
    several = len({row.dataset for row in table.rows}) > 1
    lines = [
        {**cells(row, table.stamp.subjects), "Method": name_of(row, several)} for row in table.rows
    ]
    names = dict.fromkeys(name for line in lines for name in line)
    used = [name for name in names if any(line.get(name) for line in lines)]
    return [{name: line.get(name, "") for name in used} for line in lines]


def markdown(table: Table) -> str:
    """The table for reading, with numbers flush right."""
    lines = columns(table)
    head = list(lines[0])

    def line(values: list[str]) -> str:
        return "| " + " | ".join(values) + " |"

    body = [line([value.replace("|", "\\|") for value in cells.values()]) for cells in lines]
    rule = line([":--", *["--:"] * (len(head) - 1)])
    what, *notes = caption(table)
    above, below = ("\n\n".join(part) for part in ([f"**{what}**", *told_claims(table)], notes))
    return "\n".join([above, "", line(head), rule, *body, "", below]) + "\n"


def latex(table: Table) -> str:
    """The table for a paper; needs the packages booktabs and graphicx."""
    lines = columns(table)
    head = list(lines[0])

    def line(values: list[str], change: Callable[[str], str] = escaped) -> str:
        return " & ".join(change(value) for value in values) + r" \\"

    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{escaped(' '.join([*caption(table), *told_claims(table)]))}}}",
            rf"  \label{{tab:{table.name}}}",
            r"  \resizebox{\linewidth}{!}{%",
            rf"  \begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"    \toprule",
            f"    {line(head)}",
            r"    \midrule",
            *[f"    {line(list(cells.values()))}" for cells in lines],
            r"    \bottomrule",
            r"  \end{tabular}}",
            r"\end{table}",
            "",
        ]
    )


def escaped(text: str) -> str:
    r"""Text in which LaTeX sees no commands.

    >>> print(escaped("50 % ± 1_a"))
    50 \% $\pm$ 1\_a
    """
    special = {"\\": r"\textbackslash{}", "±": r"$\pm$", "~": r"\textasciitilde{}"}
    special |= {"^": r"\textasciicircum{}"} | {char: f"\\{char}" for char in "&%$#_{}"}
    return "".join(special.get(char, char) for char in text)
