"""Every knob of the service on one page, from defaults, a TOML file, RECSYS_* variables and the command line."""

from recsys.data.config import Config
from serving.journal import LogConfig
from serving.limits import Limits


class Settings(Config):
    """`section.key` on the command line, [section] in a file, RECSYS_SECTION__KEY in the environment."""

    limits: Limits = Limits()
    log: LogConfig = LogConfig()


USUAL = Settings()
