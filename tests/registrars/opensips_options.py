"""The option sets of OpenSIPS that are tried, and what its configuration says of each. Pure."""

from dataclasses import dataclass
from pathlib import Path

from tests.registrars.configuration import Parameter, changed, modparams, replaced

_NAT = {
    "none": "",
    "received": "fix_nated_register();",
    "contact": "fix_nated_contact();",
    "both": "fix_nated_register(); fix_nated_contact();",
}
# db_sqlite fails to load what was stored, db_text cannot serve as the only table (3.6.8).
DATABASES = {
    "single-instance-sql-write-through": "text",
    "single-instance-sql-write-back": "text",
    "sql-only": "sqlite",
}


@dataclass(frozen=True, slots=True)
class OpenSipsOptions:
    """What the configuration says, and, unless `silent`, the producer's settings, too."""

    case_sensitive: bool = True
    matching: int = 0  # usrloc's matching_mode
    save: str = ""  # flags of save()
    nat: str = "received"
    use_domain: bool = True
    preset: str = "single-instance-no-db"
    push: bool = False
    extra: tuple[Parameter, ...] = ()
    silent: bool = False
    profiles: int = 1

    @property
    def name(self) -> str:
        return changed(self)


OPTION_SETS = (
    OpenSipsOptions(),
    OpenSipsOptions(case_sensitive=False, nat="none"),
    OpenSipsOptions(matching=1),
    OpenSipsOptions(matching=1, silent=True, nat="contact"),
    OpenSipsOptions(save="max-contacts=1"),
    OpenSipsOptions(save="max-contacts=1,force-registration", silent=True),
    OpenSipsOptions(save="max-contacts=1,force-registration"),
    OpenSipsOptions(save="max-contacts=2,force-registration", nat="contact"),
    OpenSipsOptions(save="matching-mode=1"),
    OpenSipsOptions(save="matching-mode=<rinstance>"),
    OpenSipsOptions(save="path-lazy,path-received"),
    OpenSipsOptions(save="path-strict", nat="none"),
    OpenSipsOptions(save="path-off", nat="both"),
    OpenSipsOptions(use_domain=False),
    OpenSipsOptions(preset="single-instance-sql-write-through"),
    OpenSipsOptions(preset="single-instance-sql-write-back"),
    OpenSipsOptions(preset="sql-only"),
    OpenSipsOptions(push=True),
    OpenSipsOptions(
        extra=(
            ("registrar", "min_expires", 60),
            ("registrar", "max_expires", 300),
            ("registrar", "default_expires", 90),
            ("usrloc", "desc_time_order", 1),
        )
    ),
)


def tuned(text: str, options: OpenSipsOptions, database: Path) -> str:
    parameters: list[Parameter] = [
        ("registrar", "case_sensitive", int(options.case_sensitive)),
        ("usrloc", "matching_mode", options.matching),
        *options.extra,
    ]
    lines = ""
    if has_database(options):
        lines += f'loadmodule "db_{database.name}.so"\n'
        parameters.append(("usrloc", "db_url", f"{database.name}://{database}"))
        if database.name == "sqlite":
            # Its processes write one at a time, and the 500 ms of the default are soon over. What
            # is written late shows late (docs/correctness.md): no disk is to be waited for.
            parameters.append(("db_sqlite", "busy_timeout", 10_000))
            parameters.append(("db_sqlite", "exec_pragma", "synchronous=OFF"))
    if options.push:
        parameters += [("registrar", "pn_enable", 1), ("registrar", "pn_providers", "apns, fcm")]
        lines += "" if "event_routing.so" in text else 'loadmodule "event_routing.so"\n'
    lines += modparams(parameters)
    text = replaced(text, "\nroute {", f"\n{lines}\nroute {{")
    text = replaced(text, '"single-instance-no-db"', f'"{options.preset}"')
    text = text.replace('"use_domain", 1', f'"use_domain", {int(options.use_domain)}')
    text = replaced(text, "fix_nated_register();", _NAT[options.nat])
    flags = f', "{options.save}"' if options.save else ""
    return replaced(text, 'save("location");', f'save("location"{flags});')


def has_database(options: OpenSipsOptions) -> bool:
    return options.preset in DATABASES
