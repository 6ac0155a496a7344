"""How raw files are opened, checked for damage and complained about."""
