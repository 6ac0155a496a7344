"""After training: what each run says about how it was selected, from its experiment.json."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from preprocessing.audit.leakage.findings import Finding
from preprocessing.errors import DataContractError


def read_stories(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The experiment.json of each run.

    Raises:
        DataContractError: not such a file.
    """
    stories = []
    for path in paths:
        try:
            story = json.loads(path.read_text(encoding="utf-8"))
            story["experiment"]["name"], story["experiment"]["dataset"], story["seed"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataContractError(
                f"{path} is not an experiment.json of `python -m lanistr train` "
                f"({type(error).__name__}). Train the run again."
            ) from None
        stories.append(story)
    return stories


def check_runs(stories: Iterable[Mapping[str, Any]]) -> Finding:
    """Runs that were not, or not verifiably, selected on validation cases of other subjects.

    >>> story = {"experiment": {"name": "a", "dataset": "rows"}, "seed": 0, "selected": {}}
    >>> check_runs([story]).settings
    ['a, seed 0: does not say what it was selected on']
    """
    stories = list(stories)
    settings = [
        f"{story['experiment']['name']}, seed {story['seed']}: {wrong}"
        for story in stories
        if (wrong := _wrong(story)) is not None
    ]
    return Finding("selection-on-test", context={"runs checked": len(stories)}, settings=settings)


def _wrong(story: Mapping[str, Any]) -> str | None:
    """What is wrong with the selection of a run, if anything."""
    selection = story.get("selection")
    if selection is None:
        return "does not say what it was selected on"
    looked_at = sorted(name for name in story["selected"] if name.startswith("test"))
    others = [*looked_at, *(set(selection["splits"]) - {"valid"})]
    if others:
        return f"selected on {', '.join(others)}"
    if selection["samples_of_test_subjects"]:
        return "validation cases are of units of the test split"
    return None
