"""What a wheel holds; all else of the project is told in pyproject.toml.

Folders of the repository that are no packages become folders of the package `lanistr`, where
`commandline/shipped.py` finds them.
"""

from pathlib import Path

from setuptools import find_namespace_packages, setup

PACKAGES = ["commandline", "lanistr", "preprocessing", "reading", "synthetic"]
SHIPPED = {
    "lanistr." + ".".join(folder.parts): str(folder)
    for top in ("config", "workflow")
    for folder in (Path(top), *Path(top).rglob("*"))
    if folder.is_dir() and folder.name != "__pycache__"
}

setup(
    packages=[
        *find_namespace_packages(include=[*PACKAGES, *(f"{name}.*" for name in PACKAGES)]),
        *SHIPPED,
    ],
    package_dir=SHIPPED,
    package_data={
        "": ["*.tsv", "*.yaml", "*.sql", "*.html", "*.css"],
        **{name: ["*"] for name in SHIPPED},
    },
)
