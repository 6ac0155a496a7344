"""Every loader on a disk that is full, and on one that is read-only; run in a namespace of mounts.

`python -m tests.faults.disks FOLDER` prints a line of JSON for each: step, disk, message, flaw.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.faults.judging import Bench
from tests.field.loaders import LOADERS

PAGE = 4096
DISKS = {"full": "", "read-only": "remount,ro"}


@contextmanager
def mounted(whole: Path, place: Path, options: str) -> Iterator[None]:
    """A disk that the files of a folder fill, and what it has beyond them a file of zeros."""
    pages = sum(-(-path.stat().st_size // PAGE) for path in whole.rglob("*") if path.is_file())
    place.mkdir()
    size = f"size={(pages + 1) * PAGE}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", place], check=True)
    try:
        shutil.copytree(whole, place, dirs_exist_ok=True)
        with suppress(OSError), (place / "filler").open("wb", buffering=0) as filler:
            while filler.write(bytes(PAGE)):
                pass
        if options:
            subprocess.run(["mount", "-o", options, place], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def main() -> None:
    """Try all of them."""
    bench = Bench(Path(sys.argv[1]))
    for number, loader in enumerate(LOADERS):
        whole = bench.place(loader)
        made = bench.read(loader, whole)
        for name in made.tables:
            (whole / name).unlink()  # nothing is written over, which needs no space
        for disk, options in DISKS.items():
            place = bench.folder / f"{disk}-{number}"
            with mounted(whole, place, options):
                made = bench.read(loader, place)
            told = {"step": loader.name, "disk": disk, "message": made.message, "flaw": made.flaw}
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
