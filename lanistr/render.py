"""Tables for readers: Markdown and LaTeX, from the rows of `lanistr.tables`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lanistr.tables import Row, write_csv

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
        f"{table.replace('table', 'Table ')}: {', '.join(metrics)} in percent "
        f"on {', '.join(sorted({row.dataset for row in rows}))}.",
        kind,
        "Ours: mean and standard deviation over seeds (n - 1); the 95 % interval of the mean is by "
        f"{' '.join(NOTES[name] for name in measured if name in NOTES)} "
        "Seconds: wall time of one run, with that of its pretraining.",
        f"Data {stamp['digest']}, profile {stamp['profile']}, text {stamp['text_source']}{leaky}"
        + (f"; switches: {switches}." if switches else "."),
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


def number(value: float | None) -> str:
    """Two decimals, as the paper prints."""
    return "" if value is None else f"{value:.2f}"


def plus_minus(mean: float, spread: float | None) -> str:
    """Mean and standard deviation.

    >>> plus_minus(87.37, 1.28), plus_minus(79.89, None)
    ('87.37 ± 1.28', '79.89')
    """
    return f"{mean:.2f}" + ("" if spread is None else f" ± {spread:.2f}")


def with_datasets(rows: list[Row]) -> list[dict[str, str]]:
    """The cells of all rows; the dataset is named where a table has several."""
    several = len({row.dataset for row in rows}) > 1
    return [
        {**cells(row), "Method": f"{row.row}, {row.dataset}"} if several else cells(row)
        for row in rows
    ]


def markdown(table: str, rows: list[Row], stamp: dict[str, Any]) -> str:
    """The table for reading, with numbers flush right."""
    lines = with_datasets(rows)
    head = list(lines[0])

    def line(values: list[str]) -> str:
        return "| " + " | ".join(values) + " |"

    body = [line([value.replace("|", "\\|") for value in cells.values()]) for cells in lines]
    rule = line([":--", *["--:"] * (len(head) - 1)])
    title, *notes = caption(table, rows, stamp)
    below = "\n\n".join(notes)
    return "\n".join([f"**{title}**", "", line(head), rule, *body, "", below]) + "\n"


def latex(table: str, rows: list[Row], stamp: dict[str, Any]) -> str:
    """The table for a paper; needs the packages booktabs and graphicx."""
    lines = with_datasets(rows)
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
