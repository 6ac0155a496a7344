"""Whether raw files are those of the release, where its SHA256SUMS.txt lies beside them.

A csv file that ends early at the end of a line has nothing else that tells.
"""

import hashlib
import logging
import re
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from preprocessing.engine.intact import whole_text
from preprocessing.errors import DataContractError

SUMS = "SHA256SUMS.txt"
# As sha256sum writes it: a star means binary, and a path may begin at the folder itself.
LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](?:\./)?(.+)")

logger = logging.getLogger(__name__)


def check_sums(root: Path, paths: Collection[Path]) -> None:
    """Compare files below a root with SHA256SUMS.txt of the root or of the folder above it.

    Without one there is nothing to compare; of a file that it does not list, such as one that was
    unpacked, the log says so.

    Raises:
        DataContractError: names the files that differ.
    """
    folder = next((place for place in (root, root.parent) if (place / SUMS).is_file()), None)
    if folder is None:
        return
    listed = _read(folder / SUMS)
    names = {path: path.relative_to(folder).as_posix() for path in paths}
    known = [path for path, name in names.items() if name in listed]
    for path in names.keys() - set(known):
        logger.warning("%s is not compared with %s, which does not list it", path, folder / SUMS)
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = dict(zip(known, pool.map(_sha256, known), strict=True))
    if differing := [str(path) for path, sum_ in found.items() if sum_ != listed[names[path]]]:
        raise DataContractError(
            f"{differing[0]} is not the file of the release: its SHA-256 is not the one in "
            f"{folder / SUMS}.\n"
            + "".join(f"  {path} neither\n" for path in differing[1:])
            + "It is cut short, damaged, changed or of another version. Get it anew; if the "
            f"change is your own, delete {folder / SUMS}, and nothing is compared."
        )
    logger.info("%s: %d files as %s lists them", root, len(known), SUMS)


def _read(path: Path) -> dict[str, str]:
    lines = map(LINE.fullmatch, whole_text(path).splitlines())
    return {line[2]: line[1].lower() for line in lines if line}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
