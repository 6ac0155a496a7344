"""The steps from own rows to a model, for one seed; every step leaves its files in one folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import expandvars
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commandline.shipped import shipped
from lanistr.errors import ConfigError
from lanistr.experiments.recipes import (
    load_encoders,
    load_experiment,
    read_mapping,
    read_registry,
    started_from,
)
from lanistr.options import Device
from lanistr.process import preprocess

if TYPE_CHECKING:
    from lanistr.data.card import Card
    from lanistr.experiments.config import Experiment
    from lanistr.task import Task

log = logging.getLogger(__name__)

FAMILY, TABLE, ROW = "rows", "own", "LANISTR"
CHECKPOINT, STORY, REPORT = "checkpoint.safetensors", "experiment.json", "test.json"


@dataclass(frozen=True)
class Settings:
    """What the configuration says beside how the rows are read.

    Attributes:
        path: file of the configuration.
        recipe: how models are trained.
        registry: experiments; the one that is `ROW` of the table `TABLE` is trained.
        scale: stamp of the results.
        seed: seed of the run.
        resamples: number of resamples behind the interval.
        acknowledged: gates whose findings do not stop the run.
    """

    path: Path
    recipe: Path
    registry: Path
    scale: str
    seed: int
    resamples: int
    acknowledged: Sequence[str]


def read_settings(path: Path) -> Settings:
    """The settings of a configuration.

    Raises:
        ConfigError: no such file, no section `rows`, or an unknown size.
    """
    found = read_mapping(path)
    if FAMILY not in found:
        raise ConfigError(
            f"{path}: there is no section rows. `lanistr init ROWS --label COLUMN` writes one."
        )
    size = found.get("size", "tiny")
    recipe = _path(found.get("recipes", {}).get(FAMILY) or f"config/recipes/{FAMILY}-{size}.yaml")
    if not recipe.is_file():
        raise ConfigError(
            f"{path}: there is no recipe {recipe}. Allowed for size are tiny, small and paper; "
            "recipes.rows names a file of your own."
        )
    return Settings(
        path,
        recipe,
        _path(found.get("registry") or f"config/experiments-{FAMILY}.yaml"),
        found.get("scale", "own"),
        found.get("seeds", [0])[0],
        found.get("bootstrap", 2000),
        found.get("leakage", {}).get("acknowledge", []),
    )


def _path(named: str) -> Path:
    """A path of a configuration; `~` and `$HOME` as a shell has them."""
    return shipped(Path(expandvars(named)).expanduser())


@dataclass(frozen=True)
class Fitting:
    """One model in the making; every step leaves its files below `work`.

    Attributes:
        settings: what is to be done.
        work: folder of shards, cache and runs.
        device: where the model is trained.
        threads: number of torch threads; None = torch's own choice.
    """

    settings: Settings
    work: Path
    device: Device
    threads: int | None

    def fit(self, output: Path) -> str:
        """Make the model's folder; returns the test report in words."""
        manifest = self.make_shards()
        self.check_leaks(manifest)
        cache = self.make_cache(manifest)
        return self.export(self.train(manifest, cache), cache, output)

    def make_shards(self) -> Path:
        """Shards of the rows; returns their manifest."""
        rows, contents = self.work / "rows.parquet", self.work / "contents.json"
        preprocess(
            "rows-read",
            *("--description", self.settings.path, "--output", rows, "--contents", contents),
            *("--ledger", self.work / "ledger/rows_read.json"),
        )
        shards = self.work / "shards"
        preprocess(
            "rows-shards",
            *("--rows", rows, "--contents", contents, "--output-dir", shards),
            *("--scale", self.settings.scale, "--ledger", self.work / "ledger/rows_shards.json"),
        )
        return shards / "manifest.json"

    def check_leaks(self, manifest: Path) -> None:
        """Stop where the answer stands in the inputs and the configuration does not say so."""
        acknowledged: list[str | Path] = []
        for name in self.settings.acknowledged:
            acknowledged += ["--acknowledge", name]
        preprocess(
            "audit-leakage",
            *("--shards", manifest.parent, "--resamples", str(self.settings.resamples)),
            *("--output", self.work / "interim/gates.json", *acknowledged),
        )

    def make_cache(self, manifest: Path) -> Path:
        """The cache of the shards, its vocabulary of the training texts alone; its folder."""
        from lanistr.data.caching import build_cache
        from lanistr.data.vocabulary import audit

        cache = self.work / "cache"
        build_cache(manifest, load_encoders(self.settings.recipe), cache, threads=2)
        acknowledged = list(self.settings.acknowledged)
        audit(manifest, cache, acknowledged, output=self.work / "audit/vocabulary.json")
        return cache

    def train(self, manifest: Path, cache: Path) -> str:
        """Train the model after what it starts from; returns the experiment's name."""
        from lanistr.data.cache import open_cache
        from lanistr.data.manifest import read_manifest
        from lanistr.training.run import train

        card, digest = read_manifest(manifest).card, open_cache(cache).digest
        recipe, registry = self.settings.recipe, self.settings.registry
        entries = read_registry(registry)
        name = find_model(entries, registry)
        for each in (*started_from(entries[name]), name):
            experiment = load_experiment(registry, recipe, each, card)
            if self.is_trained(experiment, digest):
                log.info("%s: trained already", each)
                continue
            train(
                experiment,
                self.settings.seed,
                cache,
                self.run(each),
                init=[self.run(other) / CHECKPOINT for other in started_from(entries[each])],
                predictions=self.predictions if each == name else None,
                device=self.device,
                threads=self.threads,
            )
        return name

    def run(self, experiment: str) -> Path:
        """The folder of a run."""
        return self.work / "runs" / experiment

    @property
    def predictions(self) -> Path:
        """What the model answers for the test split."""
        return self.work / "predictions.parquet"

    def is_trained(self, experiment: Experiment, cache_digest: str) -> bool:
        """Whether this very experiment has been trained on these very data."""
        story = self.run(experiment.name) / STORY
        if not story.is_file():
            return False
        told = json.loads(story.read_text(encoding="utf-8"))
        same = told["experiment"] == experiment.model_dump(mode="json")
        return same and (told["data"]["cache"], told["seed"]) == (cache_digest, self.settings.seed)

    def export(self, name: str, cache: Path, output: Path) -> str:
        """Write the model and what it reaches on the test split; returns the latter in words."""
        from lanistr.data.cache import open_cache
        from lanistr.evaluation.predictions import evaluate
        from lanistr.inference.export import export

        export(self.run(name), cache, output, device=self.device, threads=self.threads)
        evaluate(self.predictions, cache, output / REPORT, self.settings.resamples)
        told = json.loads((output / REPORT).read_text(encoding="utf-8"))
        return summarise(told, open_cache(cache).card, output)


def find_model(entries: Mapping[str, Mapping[str, Any]], registry: Path) -> str:
    """The experiment that is LANISTR of the table of own rows.

    Raises:
        ConfigError: the registry has none.
    """
    names = [n for n, entry in entries.items() if (entry.get("rows") or {}).get(TABLE) == ROW]
    if len(names) != 1:
        raise ConfigError(
            f"{registry}: found {len(names)} entries with rows: {{{TABLE}: {ROW}}}, needed is one."
        )
    return names[0]


def summarise(told: Mapping[str, Any], card: Card, output: Path) -> str:
    """The test report in words.

    Args:
        told: metrics, as `evaluate` writes them.
        card: card of the data set.
        output: folder of the model.
    """
    from lanistr.evaluation.finetuned import warn_of
    from lanistr.evaluation.metrics import metrics_of

    task = card.task(told["task"])
    metrics = metrics_of(task)
    lines = [f"{task.title}, {told['n']} test rows:"]
    for name, found in told["metrics"].items():
        unit = metrics[name].unit(task.unit)
        lines.append(f"  {metrics[name].title}: {write_value(found, metrics[name].factor, unit)}")
    if told["trivial"] is not None:
        primary = next(iter(metrics.values()))
        constant = primary.factor * told["trivial"]
        lines.append(f"  {primary.title} of the best constant answer: {constant:.2f}")
    if told["calibration"] is not None:
        lines.append(summarise_calibration(told["calibration"], task))
    if warning := warn_of(told["patterns"] or []):
        lines.append(warning)
    return "\n".join([*lines, f"The model is in {output}; {REPORT} there has these numbers."])


def summarise_calibration(told: Mapping[str, Any], task: Task) -> str:
    """How far probabilities can be taken at their word, before and after their temperature."""
    from lanistr.evaluation.calibration import measures_of

    temperature, kept = told["temperature"], told["temperature"]["why_kept"]
    shown = [told["before"]] if kept else [told["before"], told["after"]]
    measures = [
        " ".join([each.title, ", ".join(f"{found[each.name]['value']:.3f}" for found in shown)])
        for each in measures_of(task)
    ]
    if kept:
        return f"  Probabilities are not calibrated ({kept}): {'; '.join(measures)}"
    return (
        f"  Probabilities are calibrated by a temperature of {temperature['value']:.2f}, fitted on "
        f"{temperature['samples']} validation rows; before, after: {'; '.join(measures)}"
    )


def write_value(found: Mapping[str, Any], factor: int, unit: str) -> str:
    """A value with its interval.

    >>> write_value({"value": 0.7123, "low": 0.68, "high": 0.7401}, 100, "percent")
    '71.23 percent (95 % interval 68.00 to 74.01)'
    >>> write_value({"value": None, "reason": "no test samples"}, 100, "percent")
    'undefined, no test samples'
    """
    if found["value"] is None:
        return f"undefined, {found['reason']}"
    value = f"{factor * found['value']:.2f} {unit}".strip()
    if found["low"] is None:
        return value
    return f"{value} (95 % interval {factor * found['low']:.2f} to {factor * found['high']:.2f})"
