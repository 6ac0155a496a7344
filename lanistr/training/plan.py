"""The runs behind tables, and what each of them costs before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from commandline.shipped import shipped
from lanistr.batch import InputSpec
from lanistr.data.cache import open_cache
from lanistr.data.manifest import read_manifest
from lanistr.errors import ConfigError
from lanistr.evaluation.layout import read_layouts
from lanistr.experiments.config import Experiment
from lanistr.experiments.cost import Counts, counts_of
from lanistr.experiments.recipes import load_experiment, needed_for, read_mapping, read_registry
from lanistr.methods.sizes import IMAGE_PX, full_spec, like_known
from lanistr.training.budget import Cost, cache_bytes, cost
from lanistr.training.work import Work, work_of

SEEDS = [0, 1, 2]  # the default of a configuration


@dataclass(frozen=True)
class Plan:
    """What is to be trained, and where that is told which decides its cost.

    Attributes:
        registry: of experiments (YAML).
        recipes: by data set, the first part of `dataset`; "" = every other.
        seeds: how many runs of each experiment a table has.
        samples: numbers of samples until there are shards (TSV); None = of generated data.
        columns: of the full datasets' tables (TSV), until there is a cache.
        image_px: side of the images until there is a cache, by data set.
        manifest: by which everything counts; None = those of the shards in `results`.
        results: results/NAME, whose shards and caches decide where there are any.
        processes: that share a batch, a GPU each.
    """

    registry: Path
    recipes: Mapping[str, Path]
    seeds: Mapping[str, int]
    samples: Path | None
    columns: Path
    image_px: Mapping[str, int]
    manifest: Path | None = None
    results: Path | None = None
    processes: int = 1
    _works: dict[str, Work | None] = field(default_factory=dict, init=False)
    _made: dict[str, Experiment] = field(default_factory=dict, init=False)

    @cached_property
    def entries(self) -> dict[str, dict[str, Any]]:
        """The entries of the registry."""
        return read_registry(self.registry)

    def runs(self) -> dict[str, list[str]]:
        """The experiments that each table is made of, its rows after what they start from."""
        return {table: needed_for(self.entries, table) for table in self.seeds}

    def experiment(self, name: str) -> Experiment:
        """An experiment, with the modalities of its data where these are known."""
        if name not in self._made:
            data = self.entries[name]["dataset"]
            recipe = self.recipes.get(data.split("/")[0]) or self.recipes[""]
            manifest = self.manifest_of(data)
            card = read_manifest(manifest).card if manifest and manifest.is_file() else None
            self._made[name] = load_experiment(self.registry, recipe, name, card)
        return self._made[name]

    def manifest_of(self, data: str) -> Path | None:
        """Where the manifest of a data's shards is, or would be."""
        return self.manifest or (self.results and self.results / f"shards/{data}/manifest.json")

    def counts(self, data: str, stage: str) -> Counts:
        """How many samples there are.

        Raises:
            ConfigError: nobody knows.
        """
        return counts_of(self.manifest_of(data), self.samples, data, stage)

    def spec(self, experiment: Experiment) -> InputSpec:
        """What the data fix about a model's inputs: as cached, else as in the full datasets.

        Columns that nobody knows count as those of other data of the family.

        Raises:
            ConfigError: columns that are not known.
        """
        cache = self.results and self.results / "cache" / experiment.dataset / "arrays"
        if cache and (cache / "spec.json").is_file():
            return open_cache(cache).spec_for(experiment)
        image_px = self.image_px.get(experiment.dataset.split("/")[0]) or self.image_px.get(
            "", IMAGE_PX
        )
        return full_spec(like_known(self.columns, experiment), self.columns, image_px)

    def cost(self, name: str) -> Cost:
        """The estimate for one run of an experiment.

        Raises:
            ConfigError: the data are not known well enough.
        """
        made = self.experiment(name)
        init = [self.experiment(each) for each in made.init]
        counts = self.counts(made.dataset, made.stage)
        decides = made.model_dump_json(exclude={"name", "data", "init"})
        key = f"{decides} {sorted(made.frozen)}"
        if key not in self._works:
            self._works[key] = work_of(made, self.spec, init, self.processes)
        return cost(made, counts, self._works[key])

    def caches(self, names: Iterable[str]) -> dict[str, int]:
        """What the cache of each data that experiments are on takes on disk at most, in bytes."""
        found: dict[str, int] = {}
        for made in map(self.experiment, names):
            spec, counts = self.spec(made), self.counts(made.dataset, made.stage)
            size = cache_bytes(spec, counts, spec.task.targets if spec.task else 0)
            found[made.dataset] = max(size, found.get(made.dataset, 0))
        return found


def plan_of(
    config: Path, layouts: Path, samples: Path, columns: Path, tables: Sequence[str] = ()
) -> Plan:
    """What a configuration trains.

    Args:
        config: one of config/*.yaml.
        layouts: config/tables.yaml.
        samples: see `Plan`.
        columns: see `Plan`.
        tables: those that are asked for; none = those of the target `tables`.

    Raises:
        ConfigError: it names no recipes.
    """
    told = read_mapping(config)
    recipes = {family: shipped(recipe) for family, recipe in (told.get("recipes") or {}).items()}
    if "size" in told:
        named = {family: shipped(f"config/recipes/{family}-{told['size']}.yaml") for family in told}
        recipes = {family: path for family, path in named.items() if path.is_file()} | recipes
    if not recipes:
        raise ConfigError(f"{config} names no recipes. Give `recipes` or `size`.")
    registry = "config/experiments-rows.yaml" if "rows" in told else "config/experiments.yaml"
    seeds = {
        name: len(
            (told.get("table_seeds") or {}).get(name)
            or layout.seeds
            or (told.get(layout.family) or {}).get("seeds")
            or told.get("seeds", SEEDS)
        )
        for name, layout in read_layouts(layouts).items()
        if layout.family in recipes and (name in tables if tables else layout.all)
    }
    return Plan(
        registry=shipped(told.get("registry", registry)),
        recipes=recipes,
        seeds=seeds,
        samples=None if "generate" in told else samples,
        columns=columns,
        image_px={family: (told.get(family) or {}).get("image_px", IMAGE_PX) for family in recipes},
        results=Path("results") / str(told["name"]),
        processes=max(1, (told.get("engine") or {}).get("gpus", 0)),
    )
