"""One exception per boundary; the command line prints their messages without a traceback."""


class LanistrError(Exception):
    """What is wrong, what was found, what is allowed, what to do; never patient values."""


class ConfigError(LanistrError):
    """A recipe or registry entry that does not parse or does not fit the data."""


class DataContractError(LanistrError):
    """Shards, a cache or predictions that are not what their contract says."""


class WeightsError(LanistrError):
    """Weights that are missing or do not fit the model."""


class TrainingError(LanistrError):
    """Training that must stop, such as at a loss that is not finite."""
