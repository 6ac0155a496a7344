"""Run every benchmark: each prints one JSON line, kept as results/bench/<name>.json.

Timings of one machine say little about another: compare the ratios.
"""

import pkgutil
import subprocess
import sys
from pathlib import Path

RESULTS = Path("results/bench")


def main() -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("_"):
            continue
        command = [sys.executable, "-m", f"tests.bench.{module.name}", *sys.argv[1:]]
        line = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        (RESULTS / f"{module.name}.json").write_text(line)
        print(module.name, line, end="", flush=True)


if __name__ == "__main__":
    main()
