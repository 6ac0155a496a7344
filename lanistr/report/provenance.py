"""What the numbers come from: data, code, machine, configuration and time."""

from __future__ import annotations

import csv
import json
import os
import platform
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lanistr.report.page import Cell, Section, facts, folded, notice, paragraph, table


def manifests(results: Path) -> dict[str, dict[str, Any]]:
    """The manifest of each data set's shards, and of each variant's, by its folder."""
    shards = results / "shards"
    return {
        path.parent.relative_to(shards).as_posix(): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(shards.glob("**/manifest.json"))
    }


def stories(results: Path) -> list[dict[str, Any]]:
    """What every run tells of itself, and by the date of its file when it had ended."""
    return [
        {**json.loads(path.read_text(encoding="utf-8")), "ended": path.stat().st_mtime}
        for path in sorted((results / "runs").glob("*/seed*/experiment.json"))
    ]


def told_times(stories: Iterable[Mapping[str, Any]]) -> str:
    """From when to when runs were trained, in UTC; empty without runs.

    >>> told_times([{"ended": 86_400.0, "seconds": 3600}, {"ended": 90_000.0, "seconds": 60}])
    '1 January 1970, 23:00, to 2 January 1970, 01:00 UTC'
    """
    spans = [(story["ended"] - story["seconds"], story["ended"]) for story in stories]
    if not spans:
        return ""
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    if told_day(first) == told_day(last):
        return f"{told_day(first)}, {told_hour(first)} to {told_hour(last)} UTC"
    return f"{told_day(first)}, {told_hour(first)}, to {told_day(last)}, {told_hour(last)} UTC"


def told_day(when: float) -> str:
    """The day of a time in seconds since 1970, in UTC.

    >>> told_day(0)
    '1 January 1970'
    """
    day = datetime.fromtimestamp(when, UTC)
    return f"{day.day} {day:%B %Y}"


def told_hour(when: float) -> str:
    """Hour and minute."""
    return f"{datetime.fromtimestamp(when, UTC):%H:%M}"


def sections(results: Path, config: dict[str, Any] | None) -> list[Section]:
    """Data, software, times and configuration.

    Args:
        results: folder of the run.
        config: that the workflow ran with, if known.
    """
    return [
        Section("provenance", "Where the numbers come from", paragraph(TRACED)),
        Section("data", "Data", data(results), level=3),
        Section("software", "Software and machine", software(results), level=3),
        Section("times", "Times", times(results), level=3),
        Section("configuration", "Configuration", configuration(config), level=3),
    ]


TRACED = (
    "Each cell of a table can be made again from its predictions: `python -m lanistr trace "
    "--results results/NAME --table table1 --row LANISTR`."
)


def data(results: Path) -> str:
    """Digest, scale and switches of each data set."""
    found = manifests(results)
    if not found:
        return notice("No manifest of shards was found.")
    return "".join(
        facts(
            {
                "Data set": f"{manifest['card']['title']} ({name})",
                "Digest": manifest["digest"],
                "Scale": manifest["scale"],
                "Profile": manifest["profile"],
                "Text": f"{manifest['text_source']}{' (leaky)' if manifest['leaky_text'] else ''}",
            }
        )
        + folded(f"Switches of {name}", facts(texts(manifest["switches"])))
        for name, manifest in found.items()
    )


def software(results: Path) -> str:
    """Commit and versions that the runs were made with, and this machine."""
    values: dict[str, set[str]] = defaultdict(set)
    for story in stories(results):
        for name, value in story["machine"].items():
            values[name].add(str(value))
    runs: dict[str, Cell] = {name: ", ".join(sorted(found)) for name, found in values.items()}
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return facts({**runs, "Report made on": machine})


def times(results: Path) -> str:
    """Wall time and memory of trainings and of the rules that are measured, summed over seeds."""
    measured: dict[str, list[tuple[float, float]]] = defaultdict(list)
    folder = results / "benchmarks"
    for path in sorted(folder.glob("**/*.tsv")):
        measured[path.relative_to(folder).with_suffix("").as_posix()] += benchmark(path)
    # Trainings measure themselves: Snakemake would look at the process that waits for them.
    for story in stories(results):
        name = story["experiment"]["name"]
        measured[f"train/{name}"].append((story["seconds"], story["memory_mb"]))
    if not measured:
        return notice("No rule was measured.")
    rows: list[dict[str, Cell]] = [
        {
            "rule": name.replace("/", ": "),
            "jobs": len(jobs),
            "seconds": round(sum(seconds for seconds, _ in jobs)),
            "mean": sum(seconds for seconds, _ in jobs) / len(jobs),
            "memory": round(max(memory for _, memory in jobs)),
        }
        for name, jobs in measured.items()
    ]
    headings = {
        "rule": "Rule",
        "jobs": "Jobs",
        "seconds": "Seconds, all",
        "mean": "Seconds, mean",
        "memory": "Largest memory (MB)",
    }
    total = sum(seconds for jobs in measured.values() for seconds, _ in jobs)
    caption = f"Wall time of the measured rules; jobs run beside each other. Sum: {total:,.0f} s."
    return folded(f"{len(rows)} rules, {total:,.0f} seconds", table(rows, headings, caption))


def benchmark(path: Path) -> Iterable[tuple[float, float]]:
    """Seconds and megabytes of each job that Snakemake measured; memory it did not see is 0."""
    with path.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file, delimiter="\t"):
            memory = line["max_rss"]
            yield float(line["s"]), 0.0 if memory in ("-", "NA", "") else float(memory)


def configuration(config: dict[str, Any] | None) -> str:
    """The configuration, key by key."""
    if config is None:
        return notice("The report was made without its configuration.")
    return folded("All keys, defaults included", facts(texts(flat(config))))


def flat(mapping: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys with dots.

    >>> flat({"a": {"b": 1}, "c": [2]})
    {'a.b': 1, 'c': [2]}
    """
    pairs: dict[str, Any] = {}
    for key, value in mapping.items():
        nested = isinstance(value, dict) and value
        pairs |= flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return pairs


def texts(mapping: dict[str, Any]) -> dict[str, Cell]:
    """Values as JSON prints them, strings without quotes."""
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in sorted(mapping.items())}
