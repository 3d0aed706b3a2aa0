"""Answers to api commands in the form mod_sofia and mod_verto print them (cmd_xml_status)."""

_HEADER = '<?xml version="1.0" encoding="ISO-8859-1"?>'

PROFILES = f"""{_HEADER}
<profiles>
<profile>
<name>internal</name>
<type>profile</type>
<data>sip:mod_sofia@127.0.0.1:5066</data>
<state>RUNNING (0)</state>
</profile>
<profile>
<name>internal</name>
<type>profile</type>
<data>sip:mod_sofia@127.0.0.1:5067;transport=ws</data>
<state>RUNNING (0) (WS)</state>
</profile>
<gateway>
<name>carrier</name>
<type>gateway</type>
<data>sip:carrier.example</data>
<state>REGED</state>
</gateway>

<profile>
<name>external</name>
<type>profile</type>
<data>sip:mod_sofia@127.0.0.1:5080</data>
<state>RUNNING (2)</state>
</profile>
<alias>
<name>sip.example.test</name>
<type>alias</type>
<data>internal</data>
<state>ALIASED</state>
</alias>
</profiles>
"""


def encode(text: str) -> str:
    """switch_amp_encode."""
    for character, entity in (("&", "amp"), ("<", "lt"), (">", "gt"), ('"', "quot"), ("'", "apos")):
        text = text.replace(character, f"&{entity};")
    return text


def registration(
    *,
    user: str = "1001@sip.example.test",
    call_id: str = "abc@phone",
    agent: str = "Phone/1",
    contact: str = '"" <sip:1001@10.0.0.1:5060;transport=tcp>',
    host: str = "vm",
    left: int = 3569,
) -> str:
    return f"""    <registration>
        <call-id>{call_id}</call-id>
        <user>{user}</user>
        <contact>{encode(contact)}</contact>
        <agent>{encode(agent)}</agent>
        <status>Registered(TCP)(unknown) exp(2026-11-24 07:06:06) expsecs({left})</status>
        <ping-status>Reachable</ping-status>
        <ping-time>0.00</ping-time>
        <host>{host}</host>
        <network-ip>10.0.0.1</network-ip>
        <network-port>41001</network-port>
        <sip-auth-user>1001</sip-auth-user>
        <sip-auth-realm>sip.example.test</sip-auth-realm>
        <mwi-account>1001@sip.example.test</mwi-account>
    </registration>
"""


def registrations(*rows: str) -> str:
    listed = "".join(rows)
    return f"{_HEADER}\n<profile>\n  <registrations>\n{listed}  </registrations>\n</profile>\n"


def verto(*clients: tuple[str, str], secure: bool = False) -> str:
    """`verto xmlstatus` of a profile `lan` with these clients, each user@host and address."""
    kind = "wss" if secure else "ws"
    listed = "".join(
        f"<client>\n<profile>lan</profile>\n<name>{name}</name>\n<type>client</type>\n"
        f"<data>{address}</data>\n<state>CONN_REG ({kind.upper()})</state>\n</client>\n"
        for name, address in clients
    )
    return (
        f"{_HEADER}\n<profiles>\n<profile>\n<name>lan</name>\n<type>profile</type>\n"
        f"<data>{kind}:0.0.0.0:8081</data>\n<state>RUNNING</state>\n</profile>\n"
        f"{listed}</profiles>\n"
    )
