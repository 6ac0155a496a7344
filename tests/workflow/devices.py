"""GPUs for tests, on machines without one: an `nvidia-smi` that says there are some."""

import os
import sys
from pathlib import Path

from tests.workflow.running import LINKED

CONFIG = ("--configfile", "tests/workflow/toy.yaml")
MADE = ("cache/mimic/arrays/spec.json", "audit/leakage/vocabulary/mimic.json")
RUNS = ("mimic-pretrain", "mimic-pretrain-25")
TARGETS = [f"results/toy/runs/{name}/seed0/checkpoint.safetensors" for name in RUNS]
"""What `link_stub` is ready to train."""


def stub_gpus(folder, count):
    """A PATH that finds, first, an `nvidia-smi` in a folder which tells of so many GPUs."""
    folder.mkdir(exist_ok=True)
    lines = [f"GPU-{folder.name}-{number}, 24000" for number in range(count)]
    script = folder / "nvidia-smi"
    script.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
    script.chmod(0o755)
    return os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])


def link_stub(repository, folder):
    """Make a folder a working directory where trainings only note on which GPUs they ran."""
    (folder / "lanistr").mkdir()
    linked = [repository / name for name in LINKED if name != "lanistr"]
    for path in (*linked, *(repository / "lanistr").iterdir()):
        (folder / path.relative_to(repository)).symlink_to(path)
    (folder / "lanistr/__main__.py").unlink()
    (folder / "lanistr/__main__.py").write_text(TRAINS)
    for name in MADE:
        (folder / "results/toy" / name).parent.mkdir(parents=True)
        (folder / "results/toy" / name).touch()


TRAINS = '''"""In place of the command: trainings that note when they ran on which GPUs."""

import os
import sys
import time
from pathlib import Path

told = dict(zip(sys.argv[2::2], sys.argv[3::2]))
began = time.time()
time.sleep(4)  # longer than two take to start
folder = Path(told["--output-dir"])
folder.mkdir(parents=True, exist_ok=True)
for name in ("checkpoint.safetensors", "experiment.json", "history.jsonl"):
    (folder / name).touch()
with open("noted.txt", "a") as file:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    print(began, time.time(), visible, told["--device"], file=file)
'''
