"""The test IVR hears what others send: SIPp calls it and plays digits as RFC 4733 packets."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.ivr.greetings import GREETINGS
from tests.ivr.server import IvrServer, number_of

_SCENARIO = """<?xml version="1.0" encoding="ISO-8859-1"?>
<scenario name="digits">
<send><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: sip:sipp@[local_ip]:[local_port]
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [auto_media_port] RTP/AVP 0 96
a=rtpmap:0 PCMU/8000
a=rtpmap:96 telephone-event/8000
]]></send>
<recv response="100" optional="true"/>
<recv response="200" rrs="true"/>
<send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
<pause milliseconds="500"/>
<nop><action><exec play_dtmf="801"/></action></nop>
<pause milliseconds="3000"/>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200"/>
</scenario>
"""


@pytest.mark.skipif(shutil.which("sipp") is None, reason="needs Debian's sip-tester")
def test_digits_of_sipp_reach_the_extension(tmp_path: Path) -> None:
    (greeting,) = (one for one in GREETINGS if one.name == "silent")
    scenario = tmp_path / "digits.xml"
    scenario.write_text(_SCENARIO)
    with IvrServer() as ivr:
        done = subprocess.run(
            [
                "sipp",
                f"127.0.0.1:{ivr.port}",
                *("-sf", str(scenario), "-s", number_of(greeting), "-m", "1", "-i", "127.0.0.1"),
            ],
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=False,
        )
        (call,) = ivr.calls
        eventually(lambda: call.menu.reached, what="the extension")
    assert done.returncode == 0, done.stdout[-2000:]
    assert (call.menu.reached, call.menu.dropped) == ("801", 0)
    assert call.keyed_at[0] > (call.media_at or 0)
