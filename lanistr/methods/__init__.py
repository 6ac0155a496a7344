"""The trained methods: one folder each, their interface and their assembly."""
