"""One exception per boundary; the command line prints their messages without a traceback."""


class PipelineError(Exception):
    """What is wrong, what was found, what is allowed, what to do; never patient values."""


class ConfigError(PipelineError):
    """A setting that does not fit the others or the data at hand."""


class SourceMissingError(PipelineError):
    """A raw file or folder that is not there."""


class DataContractError(PipelineError):
    """A table that is there but is not what its contract says."""


class LeakageError(PipelineError):
    """The answer gets into the input, and the configuration does not acknowledge it."""
