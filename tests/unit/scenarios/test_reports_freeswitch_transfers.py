"""Report 20: transfers and ring groups (fusionpbx/fusionpbx#2764, signalwire/freeswitch#1422)."""

import itertools
from datetime import UTC, datetime

from producers.freeswitch import snapshot as snapshots
from producers.freeswitch import translation
from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.snapshot import Snapshot
from producers.translated import Translated
from schemas.vocabulary import CallKind
from tests.unit.freeswitch_capture import MARGIN
from tests.unit.freeswitch_switch import BOOT, DOMAIN
from tests.unit.pipeline import Pipeline

USERS = ("200", "201", "202")


class _Switch:
    """Three registered users, and their legs."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._context = Context("fs1", MARGIN)
        self._pipeline = Pipeline()
        for user in USERS:
            contact = f'"" <sip:{user}@192.0.2.54:5{user}>'
            self._send(
                **{"Event-Name": "CUSTOM", "Event-Subclass": "sofia::register"},
                **{"profile-name": "internal", "from-user": user, "from-host": DOMAIN},
                **{"contact": contact, "call-id": f"r{user}", "expires": "3600"},
            )

    def leg(self, kind: str, leg: str, user: str, direction: str, **more: str) -> None:
        role = "dialed" if direction == "outbound" else "user"
        names = (
            ("dialed_user", "dialed_domain") if role == "dialed" else ("user_name", "domain_name")
        )
        self._send(
            **{"Event-Name": f"CHANNEL_{kind}", "Unique-ID": leg, "Call-Direction": direction},
            **{"Channel-Name": f"sofia/internal/{user}@{DOMAIN}", "Channel-Call-UUID": leg},
            **{"Channel-Presence-ID": f"{user}@{DOMAIN}"},
            **{f"variable_{names[0]}": user, f"variable_{names[1]}": DOMAIN},
            **more,
        )

    def loopback(self, leg: str, user: str) -> None:
        self._send(
            **{"Event-Name": "CHANNEL_CREATE", "Unique-ID": leg, "Call-Direction": "outbound"},
            **{"Channel-Name": f"loopback/{user}-a", "Channel-Presence-ID": f"{user}@{DOMAIN}"},
        )

    def list(self, leg: str, user: str) -> None:
        """A listing of channels with one, parked and answered."""
        seconds = next(self._numbers)
        at = datetime.fromtimestamp(1795600000 + seconds, UTC)
        snapshot = Snapshot(f"calls-{seconds}", "fs1", BOOT, seconds, at)
        self._feed(snapshots.call_mark(snapshot, CallKind.SNAPSHOT_BEGAN))
        row = {
            "uuid": leg,
            "direction": "outbound",
            "name": f"sofia/internal/{user}@{DOMAIN}",
            "state": "CS_PARK",
            "callstate": "ACTIVE",
            "presence_id": f"{user}@{DOMAIN}",
        }
        listed = snapshots.call_row(snapshot, row, None)
        assert listed is not None
        self._feed(listed[0])
        self._feed(snapshots.call_mark(snapshot, CallKind.SNAPSHOT_ENDED))

    @property
    def statuses(self) -> dict[str, str]:
        newest = {state.aor: state.status.value for state in self._pipeline.published}
        return {user: newest[f"sip:{user}@{DOMAIN}"] for user in USERS}

    def _send(self, **headers: str) -> None:
        number = next(self._numbers)
        place = {
            "Core-UUID": BOOT,
            "FreeSWITCH-Switchname": "fs1",
            "Event-Date-Timestamp": str((1795600000 + number) * 10**6),
            "Event-Sequence": str(number),
        }
        for record in translation.translate(SwitchEvent({**place, **headers}), self._context):
            self._feed(record)

    def _feed(self, record: Translated) -> None:
        self._pipeline.feed(record.topic, [(record.key, record.event)])


def _expect(switch: _Switch, *statuses: str) -> None:
    assert switch.statuses == dict(zip(USERS, statuses, strict=True))


def test_a_transfer_while_ringing_that_another_picks_up() -> None:
    """200 talks to a trunk's caller, consults 201, transfers; 202 intercepts."""
    switch = _Switch()
    switch.leg("CREATE", "b1", "200", "outbound")
    switch.leg("ANSWER", "b1", "200", "outbound")
    switch.leg("HOLD", "b1", "200", "outbound")
    switch.leg("CREATE", "a2", "200", "inbound")
    switch.leg("CREATE", "b2", "201", "outbound")
    switch.leg("PROGRESS", "b2", "201", "outbound")
    _expect(switch, "held", "ringing", "online")
    transferred = {"Hangup-Cause": "ATTENDED_TRANSFER"}
    switch.leg("HANGUP_COMPLETE", "b1", "200", "outbound", **transferred)
    switch.leg("CREATE", "c1", "202", "inbound")
    switch.leg("ANSWER", "c1", "202", "inbound")
    switch.leg("HANGUP_COMPLETE", "b2", "201", "outbound", **{"Hangup-Cause": "PICKED_OFF"})
    switch.leg("HANGUP_COMPLETE", "a2", "200", "inbound", **transferred)
    _expect(switch, "online", "online", "on-the-phone")


def test_a_transferer_left_parked_is_on_the_phone_until_the_switch_hangs_up() -> None:
    switch = _Switch()
    switch.leg("CREATE", "b", "200", "outbound")
    switch.leg("ANSWER", "b", "200", "outbound")
    switch.list("b", "200")
    _expect(switch, "on-the-phone", "online", "online")
    switch.leg("HANGUP_COMPLETE", "b", "200", "outbound", **{"Hangup-Cause": "NORMAL_CLEARING"})
    _expect(switch, "online", "online", "online")


def test_a_ring_group_over_loopback() -> None:
    """One user on two devices, of which one answers; the loopback leg is nobody's."""
    switch = _Switch()
    switch.loopback("lo", "201")
    _expect(switch, "online", "online", "online")
    for leg in ("x1", "x2"):
        switch.leg("CREATE", leg, "201", "outbound")
        switch.leg("PROGRESS", leg, "201", "outbound")
    _expect(switch, "online", "ringing", "online")
    switch.leg("ANSWER", "x2", "201", "outbound")
    switch.leg("HANGUP_COMPLETE", "x1", "201", "outbound", **{"Hangup-Cause": "LOSE_RACE"})
    _expect(switch, "online", "on-the-phone", "online")
    switch.leg("HANGUP_COMPLETE", "x2", "201", "outbound", **{"Hangup-Cause": "NORMAL_CLEARING"})
    _expect(switch, "online", "online", "online")
