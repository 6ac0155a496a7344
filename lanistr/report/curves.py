"""How training went: losses by term, selection metric, learning rate and throughput by epoch."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from lanistr.errors import DataContractError
from lanistr.evaluation.collapse import told_collapse
from lanistr.evaluation.metrics import METRIC
from lanistr.options import ResultsDir
from lanistr.report.figures import PALETTE, WIDTH, figure, read_svg, svg_file
from lanistr.report.page import Section, captioned, folded, notice, paragraph, place_beside
from lanistr.report.words import named

log = logging.getLogger(__name__)

History = Sequence[Mapping[str, Any]]

TERMS = {
    "mlm": "masked language",
    "mim": "masked image",
    "mfm": "masked features",
    "mtm": "masked time series",
    "mmm": "similarity (SimMMM)",
    "label": "loss of the task",
}
PANEL, FOOT, HEAD = 1.45, 0.45, 0.7
"""Inches: height of a panel with its title, of the labels below the last ones, of the legend."""
FIGURES = "figures/runs"
"""Folder of a run's results that has the figure of each experiment."""
OTHERS = {"lr": "learning rate", "samples_per_second": "samples per second"}


def read_history(path: Path) -> History:
    """The epochs of a run, first to last.

    Raises:
        DataContractError: not a history of `lanistr train`.
    """
    try:
        history = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        epochs = [record["epoch"] for record in history]
    except (ValueError, KeyError, TypeError):
        raise DataContractError(
            f"{path} is no history of `python -m lanistr train`: every line must be a JSON object "
            "with an epoch. Train again."
        ) from None
    return [record for _, record in sorted(zip(epochs, history, strict=True), key=lambda p: p[0])]


def histories(results: Path) -> dict[str, dict[int, Path]]:
    """The history files below a results folder, by experiment and seed."""
    found: dict[str, dict[int, Path]] = {}
    for path in sorted(results.glob("runs/*/seed*/history.jsonl")):
        seed = int(path.parent.name.removeprefix("seed"))
        found.setdefault(path.parent.parent.name, {})[seed] = path
    return found


def panels(runs: Sequence[History]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What is drawn: title of each panel, and the keys in it with their names.

    >>> epoch = {"epoch": 1, "loss": 2.0, "loss/mim": 2.0, "valid/loss/mim": 1.9, "lr": 0.1}
    >>> panels([[epoch]])
    [('masked image', [('loss/mim', 'train'), ('valid/loss/mim', 'valid')]), ('learning rate', [('lr', '')])]
    """  # noqa: E501
    keys = {
        key for history in runs for record in history for key, v in record.items() if v is not None
    }
    terms = [key.removeprefix("loss/") for key in ordered(keys, "loss/")]
    metrics = [key for key in ordered(keys, "valid/") if not key.startswith("valid/loss")]
    wanted = [
        *([("total loss", pair("loss"))] if len(terms) != 1 else []),
        *((TERMS.get(term, term), pair(f"loss/{term}")) for term in terms),
        *((called(key), [(key, "valid")]) for key in metrics),
        *((title, [(key, "")]) for key, title in OTHERS.items()),
    ]
    present = [
        (title, [(key, name) for key, name in lines if key in keys]) for title, lines in wanted
    ]
    return [(title, lines) for title, lines in present if lines]


def called(key: str) -> str:
    """What the panel of a key is called.

    >>> called("valid/auroc"), called("valid/fused effective rank")
    ('AUROC in percent', 'fused effective rank')
    """
    name = key.removeprefix("valid/")
    return named(METRIC[name], "") if name in METRIC else name


def factor(key: str) -> int:
    """What the values of a key are multiplied by for readers."""
    name = key.removeprefix("valid/")
    return METRIC[name].factor if name in METRIC else 1


def ordered(keys: set[str], prefix: str) -> list[str]:
    """Keys with a prefix, in the order of `TERMS`, then by name."""
    place = {name: index for index, name in enumerate(TERMS)}
    chosen = [key for key in keys if key.startswith(prefix)]
    return sorted(chosen, key=lambda key: (place.get(key.removeprefix(prefix), len(place)), key))


def pair(key: str) -> list[tuple[str, str]]:
    """A loss in training and in validation."""
    return [(key, "train"), (f"valid/{key}", "valid")]


def draw(axes: Any, runs: Sequence[History], lines: Sequence[tuple[str, str]]) -> None:
    """The keys of one panel, a line per run."""
    for key, name in lines:
        is_valid = name == "valid"
        for history in runs:
            points = [(r["epoch"], factor(key) * r[key]) for r in history if r.get(key) is not None]
            axes.plot(
                *zip(*points, strict=True) if points else ([], []),
                color=PALETTE[is_valid],
                linestyle="--" if is_valid else "-",
                linewidth=1.6 if len(runs) == 1 else 1.1,
                marker="." if len(points) < 2 else None,
            )


def drawn(name: str, runs: Mapping[int, History]) -> str:
    """The figure of an experiment's runs, one line per seed, as a file.

    Args:
        name: of the experiment.
        runs: history by seed.
    """
    shown = panels(list(runs.values()))
    from matplotlib.ticker import MaxNLocator

    rows = max(1, -(-len(shown) // 2))
    height = PANEL * rows + FOOT + HEAD
    edges = {"left": 0.65 / WIDTH, "right": 1 - 0.1 / WIDTH, "wspace": 0.55}
    edges |= {"bottom": FOOT / height, "top": 1 - HEAD / height, "hspace": 0.6}
    # All panels are alike: to search for their places would double the time of drawing them.
    with figure(
        rows, 2, width=WIDTH, height=height, layout=None, gridspec_kw=edges, squeeze=False
    ) as (fig, grid):
        for axes, (heading, lines) in zip(grid.flat, shown, strict=False):
            draw(axes, list(runs.values()), lines)
            axes.set_title(heading, fontsize=9, fontweight="normal", x=-0.35)
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(3))
            axes.yaxis.set_major_formatter("{x:.4g}")
        for axes in grid.flat[max(len(shown) - 2, 0) : len(shown)]:
            axes.set_xlabel("epoch")
        for axes in grid.flat[len(shown) :]:
            axes.set_axis_off()
        fig.suptitle(name, x=0.02, y=1 - 0.1 / height, ha="left", va="top")
        strokes = fig.axes[0].lines[:: len(runs)]
        fig.legend(strokes, ["train", "valid"][: len(strokes)], loc="upper right", ncols=2)
        return svg_file(fig, title=f"Training of {name}", description=told(shown, runs))


def sections(results: Path) -> list[Section]:
    """The curves of every experiment, as `write_run_figures` drew them, folded by method."""
    methods: dict[str, list[str]] = {}
    for name, seeds in histories(results).items():
        path = results / FIGURES / f"{name}.svg"
        if not path.is_file():
            continue
        runs = {seed: read_history(path) for seed, path in seeds.items()}
        collapses = [
            f"Seed {seed}: {told}"
            for seed, history in runs.items()
            if history and (told := told_collapse(history[-1]))
        ]
        told_seeds = f"{name}: {len(runs)} seed{'s' if len(runs) > 1 else ''}."
        figures = methods.setdefault(method_of(next(iter(seeds.values()))), [])
        figures.append(captioned(read_svg(path), " ".join([told_seeds, *collapses])))
    if not methods:
        body = notice("No training is drawn. Make it with: snakemake figures")
        return [Section("training", "How training went", body)]
    body = "".join(
        folded(f"{method}: curves of {counted_experiments(figures)}", place_beside(figures))
        for method, figures in methods.items()
    )
    return [Section("training", "How training went", paragraph(READ) + body)]


def counted_experiments(figures: Sequence[str]) -> str:
    """How many experiments are drawn.

    >>> counted_experiments(["<svg>"])
    '1 experiment'
    """
    return f"{len(figures)} experiment{'s' * (len(figures) > 1)}"


READ = (
    "By epoch, one line per seed; solid: training, dashed: validation. The total loss is the "
    "weighted sum of its terms, which are shown without their weights. Dips of the throughput are "
    "other work on the same machine."
)


def method_of(history: Path) -> str:
    """Which method a run trained."""
    story = json.loads((history.parent / "experiment.json").read_text(encoding="utf-8"))
    return story["experiment"]["method"]


def told(shown: Sequence[tuple[str, Any]], runs: Mapping[int, History]) -> str:
    """The curves in words: first and last value of each, of the first seed."""
    history = next(iter(runs.values()))
    ends = [
        f"{name}{f', {part}' if part else ''}: "
        f"{factor(key) * history[0][key]:.4g} to {factor(key) * history[-1][key]:.4g}"
        for name, lines in shown
        for key, part in lines
        if history[0].get(key) is not None and history[-1].get(key) is not None
    ]
    seeds = f"{len(runs)} seeds; values of the first" if len(runs) > 1 else "One run"
    return f"{seeds}, first to last of {len(history)} epochs. {'; '.join(ends)}."


def write_run_figures(
    results: ResultsDir,
    output: Annotated[Path, Option(help="Folder of <experiment>.svg to write")],
) -> int:
    """Draw the training runs of a results folder, all seeds of an experiment in one figure.

    Returns:
        How many figures were drawn.

    Raises:
        DataContractError: the folder is none of a run.
    """
    if not (results / "runs").is_dir():
        raise DataContractError(f"{results} has no runs/. Give results/<name> of a run.")
    output.mkdir(parents=True, exist_ok=True)
    found = histories(results)
    for name, seeds in found.items():
        runs = {seed: read_history(path) for seed, path in seeds.items()}
        (output / f"{name}.svg").write_text(drawn(name, runs), encoding="utf-8")
    log.info("training runs of %d experiments drawn in %s", len(found), output)
    return len(found)
