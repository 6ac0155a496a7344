"""Tables for readers: Markdown and LaTeX, from the rows of `lanistr.evaluation.tables`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lanistr.evaluation.row import Row, write_csv

# What readers must be told about each metric.
NOTES = {
    "auroc": "bootstrap over patients. Trivial: constant predictions. Prevalence is also the AUPRC "
    "of constant predictions.",
    "accuracy": "bootstrap over products. Majority class: always the most frequent class of the "
    "test set; a method below it has learned less than that.",
}
METRIC_NAMES = {"auroc": "AUROC", "accuracy": "Accuracy", "parameters_million": "Parameters (M)"}


def write_table(
    table: str, rows: list[Row], stamp: dict[str, Any], *, csv: Path, md: Path, tex: Path
) -> None:
    """Write a table in its three forms."""
    write_csv(csv, table, rows, stamp)
    for path, render in ((md, markdown), (tex, latex)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(table, rows, stamp))


def caption(table: str, rows: list[Row], stamp: dict[str, Any]) -> list[str]:
    """What a reader must know to read the table, as sentences."""
    measured = sorted({row.metric for row in rows})
    metrics = [METRIC_NAMES[name] for name in measured]
    kind = {
        "smoke": "Scale smoke: generated data and tiny models; "
        "our numbers are not comparable with the paper's column.",
        "demo": "Scale demo: a few open patients, with generated radiographs and notes, and tiny "
        "models; our numbers are not comparable with the paper's column.",
    }.get(stamp["scale"], f"Scale {stamp['scale']}.")
    why = "written after the outcome" if stamp["dataset"] == "mimic" else "may name the label"
    leaky = f", {why} (leaky)" if stamp["leaky_text"] else ""
    switches = ", ".join(f"{name}={value}" for name, value in sorted(stamp["switches"].items()))
    return [
        f"{title(table)}: {', '.join(metrics)} in percent "
        f"on {', '.join(sorted({row.dataset for row in rows}))}.",
        *unfinished(rows),
        kind,
        "Ours: mean and standard deviation over seeds (n - 1); the 95 % interval of the mean is by "
        f"{' '.join(NOTES[name] for name in measured if name in NOTES)} "
        "From LANISTR: difference of the means, its 95 % interval and the two-sided p of a paired "
        "bootstrap, not adjusted for the number of rows. "
        "Seconds: wall time of one run, with that of its pretraining.",
        *of_generated(rows),
        f"Data {stamp['digest']}, profile {stamp['profile']}, text {stamp['text_source']}{leaky}"
        + (f"; switches: {switches}." if switches else "."),
    ]


def title(table: str) -> str:
    """What a table is called.

    >>> title("table3"), title("modalities")
    ('Table 3', 'Modalities')
    """
    return table.replace("table", "table ").capitalize()


def unfinished(rows: list[Row]) -> list[str]:
    """What readers must know of rows whose runs are not all there."""
    several = len({row.dataset for row in rows}) > 1
    return [
        f"{name_of(row, several)}: {row.status}"
        + (f" ({row.reason})." if row.reason != row.status else ".")
        for row in rows
        if row.reason
    ]


def of_generated(rows: list[Row]) -> list[str]:
    """What the ceilings of generated data mean."""
    known = sorted({row.ceiling_severity for row in rows if row.ceiling_severity is not None})
    if not known:
        return []
    return [
        "Ceiling: what an ideal reader of the same modalities reaches on these test samples, who "
        "knows how the data were generated; a number above it is the luck of a small test set. "
        "The severity behind all of them, which no modality "
        f"shows, would reach {' or '.join(map(number, known))}."
    ]


def cells(row: Row) -> dict[str, str]:
    """The columns that readers see, as text; an empty cell does not apply."""
    interval = "" if row.low is None else f"{row.low:.2f} to {row.high:.2f}"
    ours = "" if row.mean is None else plus_minus(row.mean, row.std)
    seconds = "" if row.seconds is None else f"{row.seconds:.0f}"
    if row.pretraining_seconds is not None:
        seconds += f" + {row.pretraining_seconds:.0f}"
    return {
        "Method": row.row,
        "Ours": ours or row.status,
        "95 % interval": interval,
        "From LANISTR": difference(row),
        "Runs": str(row.n_runs) if row.status == "ok" or not row.n_runs else row.status,
        **(of_classes(row) if row.metric == "accuracy" else of_two_classes(row)),
        "Trained parameters": ""
        if row.trainable_parameters is None
        else f"{row.trainable_parameters:,}",
        "Seconds": seconds,
        "Paper": "" if row.paper is None else plus_minus(row.paper, row.paper_std),
        "Paper's runs": "" if row.paper_n_runs is None else str(row.paper_n_runs),
    }


def of_two_classes(row: Row) -> dict[str, str]:
    """The columns beside an AUROC."""
    subjects = f"{row.n_subjects} ({row.n_positive} / {row.n_test})"
    return {
        "AUPRC": number(row.auprc),
        "Trivial": number(row.trivial),
        "Ceiling": number(row.ceiling),
        "Prevalence": number(row.prevalence),
        "Patients (positive / samples)": "" if row.n_subjects is None else subjects,
    }


def of_classes(row: Row) -> dict[str, str]:
    """The columns beside an accuracy."""
    subjects = f"{row.n_subjects} ({row.n_test})"
    return {
        "Macro F1": number(row.macro_f1),
        "Majority class": number(row.majority_rate),
        "Products (samples)": "" if row.n_subjects is None else subjects,
    }


def difference(row: Row) -> str:
    """The difference from LANISTR, with interval and p."""
    if row.difference is None:
        return ""
    ends = f"{row.difference_low:+.2f} to {row.difference_high:+.2f}"
    chance = "p < 0.001" if (row.p_value or 0) < 0.001 else f"p = {row.p_value:.3f}"
    return f"{row.difference:+.2f} ({ends}; {chance})"


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


def columns(rows: list[Row]) -> list[dict[str, str]]:
    """The cells of all rows, without columns that are empty in each of them."""
    several = len({row.dataset for row in rows}) > 1
    lines = [{**cells(row), "Method": name_of(row, several)} for row in rows]
    used = [name for name in lines[0] if any(line[name] for line in lines)]
    return [{name: line[name] for name in used} for line in lines]


def markdown(table: str, rows: list[Row], stamp: dict[str, Any]) -> str:
    """The table for reading, with numbers flush right."""
    lines = columns(rows)
    head = list(lines[0])

    def line(values: list[str]) -> str:
        return "| " + " | ".join(values) + " |"

    body = [line([value.replace("|", "\\|") for value in cells.values()]) for cells in lines]
    rule = line([":--", *["--:"] * (len(head) - 1)])
    what, *notes = caption(table, rows, stamp)
    below = "\n\n".join(notes)
    return "\n".join([f"**{what}**", "", line(head), rule, *body, "", below]) + "\n"


def latex(table: str, rows: list[Row], stamp: dict[str, Any]) -> str:
    """The table for a paper; needs the packages booktabs and graphicx."""
    lines = columns(rows)
    head = list(lines[0])

    def line(values: list[str], change: Callable[[str], str] = escaped) -> str:
        return " & ".join(change(value) for value in values) + r" \\"

    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{escaped(' '.join(caption(table, rows, stamp)))}}}",
            rf"  \label{{tab:{table}}}",
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
