"""The option sets of Kamailio that are tried, and what its configuration says of each. Pure."""

from dataclasses import dataclass

from tests.registrars.configuration import Parameter, changed, modparams, replaced

_NAT = {
    "none": "",
    "received": 'if (!is_present_hf("Path")) fix_nated_register();',
    "contact": "fix_nated_contact();",
    "alias": "set_contact_alias();",
    "alias and received": "fix_nated_register(); set_contact_alias();",
}


@dataclass(frozen=True, slots=True)
class KamailioOptions:
    """What the configuration says, and, unless `silent`, the producer's settings, too."""

    case_sensitive: bool = False
    matching: int = 0  # usrloc's matching_mode
    max_contacts: int = 0
    max_by_xavp: bool = False
    only_one: bool = False
    nat: str = "received"
    use_domain: bool = True
    handle_lost_tcp: bool = False
    extra: tuple[Parameter, ...] = ()
    silent: bool = False
    profiles: int = 1

    @property
    def name(self) -> str:
        return changed(self)


OPTION_SETS = (
    KamailioOptions(),
    KamailioOptions(case_sensitive=True, nat="none"),
    KamailioOptions(matching=1),
    KamailioOptions(matching=2, nat="none"),
    KamailioOptions(matching=3),
    KamailioOptions(max_contacts=1),
    KamailioOptions(max_contacts=2, nat="alias"),
    KamailioOptions(max_contacts=1, max_by_xavp=True),
    KamailioOptions(only_one=True),
    KamailioOptions(only_one=True, silent=True),
    KamailioOptions(nat="alias"),
    KamailioOptions(nat="contact"),
    KamailioOptions(nat="alias and received"),
    KamailioOptions(use_domain=False),
    KamailioOptions(matching=1, silent=True, nat="contact"),
    KamailioOptions(matching=3, silent=True, nat="none"),
    KamailioOptions(handle_lost_tcp=True),
    KamailioOptions(
        extra=(
            ("registrar", "min_expires", 60),
            ("registrar", "max_expires", 300),
            ("registrar", "default_expires", 90),
        )
    ),
    KamailioOptions(extra=(("registrar", "path_mode", 1), ("registrar", "path_use_received", 1))),
    KamailioOptions(extra=(("registrar", "gruu_enabled", 0), ("usrloc", "desc_time_order", 1))),
    KamailioOptions(extra=(("registrar", "use_path", 0),), nat="none"),
)


def tuned(text: str, options: KamailioOptions) -> str:
    parameters: list[Parameter] = [
        ("registrar", "case_sensitive", int(options.case_sensitive)),
        ("usrloc", "matching_mode", options.matching),
        ("usrloc", "use_domain", int(options.use_domain)),
        ("usrloc", "handle_lost_tcp", int(options.handle_lost_tcp)),
        *options.extra,
    ]
    route = _NAT[options.nat]
    if options.max_contacts and options.max_by_xavp:
        parameters.append(("registrar", "xavp_cfg", "regcfg"))
        route += f"$xavp(regcfg=>max_contacts) = {options.max_contacts};"
    elif options.max_contacts:
        parameters.append(("registrar", "max_contacts", options.max_contacts))
    lines = modparams(parameters)
    text = replaced(text, "\nrequest_route {", f"\n{lines}\nrequest_route {{")
    text = replaced(text, 'if (!is_present_hf("Path")) fix_nated_register();', route)
    if options.only_one:
        text = replaced(text, 'save("location");', 'save("location", "0x04");')
    return text
