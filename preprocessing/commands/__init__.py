"""The subcommands by dataset: paths in, paths out; the work is in the modules of the same name."""
