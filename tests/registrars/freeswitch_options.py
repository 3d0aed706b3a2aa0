"""The option sets of FreeSWITCH that are tried, and what its configuration says of each. Pure."""

from dataclasses import dataclass

from tests.registrars.configuration import changed, replaced


@dataclass(frozen=True, slots=True)
class FreeSwitchOptions:
    """Of both profiles; `shared`: they keep their registrations in one database."""

    multiple: str | None = "contact"  # multiple-registrations; None: not set
    profiles: int = 1
    shared: bool = False
    force_domain: bool = True
    unregisters_on_close: bool = True
    nat: bool = False  # every client is behind NAT: its contact gets fs_nat and fs_path
    silent: bool = False

    @property
    def name(self) -> str:
        return changed(self)


OPTION_SETS = (
    FreeSwitchOptions(),
    FreeSwitchOptions(multiple=None),
    FreeSwitchOptions(multiple=None, silent=True),
    FreeSwitchOptions(multiple="call-id"),
    FreeSwitchOptions(multiple="call-id", silent=True),
    FreeSwitchOptions(multiple="true", force_domain=False),
    FreeSwitchOptions(multiple="false", unregisters_on_close=False),
    FreeSwitchOptions(unregisters_on_close=False),
    FreeSwitchOptions(nat=True),
    FreeSwitchOptions(multiple=None, nat=True),
    FreeSwitchOptions(profiles=2),
    FreeSwitchOptions(profiles=2, shared=True),
    FreeSwitchOptions(profiles=2, shared=True, multiple=None),
    FreeSwitchOptions(profiles=2, multiple="call-id", shared=True),
)


def tuned(text: str, options: FreeSwitchOptions, second_port: int) -> str:
    whole = '<param name="multiple-registrations" value="contact"/>'
    parameters = {"accept-blind-reg": "true"}
    if options.multiple is not None:
        parameters["multiple-registrations"] = options.multiple
    if options.shared:
        parameters["dbname"] = "shared"
    if options.nat:
        parameters["apply-nat-acl"] = "any_v4.auto"
    lines = "".join(f'<param name="{name}" value="{v}"/>' for name, v in parameters.items())
    text = replaced(text, whole, lines)
    if not options.unregisters_on_close:
        text = replaced(text, '"tcp-unreg-on-socket-close" value="true"', '"x" value="true"')
    if not options.force_domain:
        text = text.replace('"force-register-domain"', '"y"')
        text = text.replace('"force-register-db-domain"', '"z"')
    if options.profiles == 1:
        return text
    begin, end = text.index("<profile name="), text.index("</profile>") + len("</profile>")
    first = text[begin:end]
    second = first.replace('"internal"', '"external"')
    head, _, tail = second.partition('<param name="sip-port" value="')
    second = f'{head}<param name="sip-port" value="{second_port}{tail[tail.index(chr(34)) :]}'
    return f"{text[:end]}{second}{text[end:]}"
