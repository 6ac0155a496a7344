"""Registries that tests change."""

import yaml


def change(registry, name, **settings):
    """Rewrite one entry of a registry."""
    entries = yaml.safe_load(registry.read_text())
    entries[name] |= settings
    registry.write_text(yaml.safe_dump(entries, sort_keys=False))
