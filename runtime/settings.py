"""Settings of every stage: read once, at the edge, from the environment and one TOML file."""

import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BeforeValidator, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from runtime.unknown_settings import (
    section_prefix,
    unknown_in_section,
    unknown_section,
    unknown_variable,
)

SETTINGS_FILE = "rollcall.toml"


def _seconds(value: Any) -> Any:
    """The environment holds text only: `5` there is 5 seconds too."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


# Seconds, or ISO 8601 text (`PT5S`).
Duration = Annotated[timedelta, BeforeValidator(_seconds)]


class BadSettings(Exception):
    """Settings that cannot work; the message names the setting and where it may be set."""


class BadArgument(Exception):
    """What a command line or a setting names cannot be used; the message gives the reason."""


def settings_file() -> Path:
    """`$ROLLCALL_SETTINGS`, else `rollcall.toml` in the working folder, which need not exist."""
    return Path(os.environ.get("ROLLCALL_SETTINGS") or SETTINGS_FILE)


def is_configured(section: str) -> bool:
    """Whether the settings have this section, in the file or the environment.

    Raises BadSettings where the file cannot be read.
    """
    if any(name.upper().startswith(section_prefix(section)) for name in os.environ):
        return True
    return section in _sections()


class StageSettings(BaseSettings):
    """Base of one section: `[SECTION]` in the file, `ROLLCALL_SECTION_NAME` in the environment.

    The environment wins over the file. Load with `load`.
    """

    section: ClassVar[str]
    model_config = SettingsConfigDict(extra="forbid", populate_by_name=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.model_config["env_prefix"] = section_prefix(cls.section)
        cls.model_config["env_nested_delimiter"] = "__"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        file = InitSettingsSource(settings_cls, _section(cls.section))
        return init_settings, env_settings, file


def _section(name: str) -> dict[str, Any]:
    """The file's `[name]`; empty where there is no such section. Raises BadSettings."""
    section = _sections().get(name, {})
    if not isinstance(section, dict):
        raise BadSettings(f"{settings_file()}: {name} is no table: write [{name}]")
    return section


def _sections() -> dict[str, Any]:
    """What the file has; empty where there is no file and none is named. Raises BadSettings."""
    try:
        text = settings_file().read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if os.environ.get("ROLLCALL_SETTINGS"):
            raise BadSettings(f"ROLLCALL_SETTINGS={settings_file()}: no such file") from error
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{settings_file()}: cannot be read: {error}") from error
    try:
        sections = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, and numbers without end
        raise BadSettings(f"{settings_file()}: not TOML: {error}") from error
    if unknown := unknown_section(sections):
        raise BadSettings(f"{settings_file()}: {unknown}")
    return sections


S = TypeVar("S", bound=StageSettings)


def load(settings: type[S], **overrides: object) -> S:
    """Read one section. Raises BadSettings naming the setting at fault, also one nobody reads."""
    unknown = unknown_variable(os.environ) or unknown_in_section(
        os.environ, settings.section, settings.model_fields
    )
    if unknown:
        raise BadSettings(unknown)
    try:
        return settings(**overrides)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        variable = section_prefix(settings.section) + name.partition(".")[0].upper()
        raise BadSettings(
            f"{settings.section}.{name}: {first['msg']} (set it in [{settings.section}] of "
            f"{settings_file()} or as {variable})"
        ) from error
    except (SettingsError, RecursionError) as error:  # a list in the environment that is no JSON
        raise BadSettings(f"[{settings.section}]: {error}: {error.__cause__}"[:500]) from error
