"""One exception per boundary; the command line prints their messages without a traceback."""


class LanistrError(Exception):
    """What is wrong, what was found, what is allowed, what to do; never patient values."""


class ConfigError(LanistrError):
    """A recipe or registry entry that does not parse or does not fit the data."""


class DataContractError(LanistrError):
    """Shards, a cache or predictions that are not what their contract says."""


class WeightsError(LanistrError):
    """Weights that are missing or do not fit the model."""


class NotInstalledError(LanistrError):
    """An optional library that is not there."""


class TrainingError(LanistrError):
    """Training that must stop, such as at a loss that is not finite."""


class LeakageError(LanistrError):
    """The answer gets into the input, and the configuration does not acknowledge it."""


class ProcessError(LanistrError):
    """A step of the other package that failed, with its own message."""
