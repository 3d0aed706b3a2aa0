"""What a subscriber must see of each recorded FreeSWITCH capture.

Written out from what the clients did (each capture's `notes.md`): of every user, by the AOR's user
part, `status cause` of each change in order.
"""

from pathlib import Path

CAPTURES = Path(__file__).parent / "captures" / "freeswitch"
ON, OFF = "online registered", "offline unregistered"
RING, TALK, HUNG_UP = "ringing call-ringing", "on-the-phone call-answered", "online call-ended"
# Of a caller: the switch answers 180, then plays early media, then answers.
CALLED = [RING, RING, TALK, HUNG_UP]
# Of a caller to an application: early media at once.
ANSWERED_AT_ONCE = [RING, TALK, HUNG_UP]

EXPECTED: dict[str, dict[str, list[str]]] = {
    "reg_udp": {
        "1010": [ON, ON, "online unregistered", OFF],
        "1011": [ON, "offline expired"],
        "1012": [ON, OFF],
    },
    "reg_tcp_multi": {
        # Refreshes, Contact: *, queries and an unregister of what is gone change nothing.
        "1001": [
            ON,
            ON,
            "online unregistered",
            ON,
            "online unregistered",
            "offline administrative",
        ],
        "1002": [ON, OFF],
        "1003": [ON, OFF],
        "1004": [ON, OFF],
        "1005": [ON, ON, "online administrative", "offline administrative"],
    },
    "reg_blind": {"5551": [ON, ON, "online unregistered", OFF], "5552": [ON, OFF]},
    "reg_authfail": {},
    "reg_sockclose_on": {
        "1001": [ON, "offline connection-closed"],
        "1002": [ON, "offline expired"],
        "1003": [ON, "offline connection-closed"],
        "1004": [ON, "offline expired"],  # its Contact names no transport: the switch is blind
        "1005": [ON, "offline connection-closed"],
    },
    "reg_sockclose_off": {
        "1001": [ON, "offline expired"],
        "1002": [ON, "offline expired"],
        "1003": [ON, "offline connection-closed"],  # WebSocket: reported with any setting
        "1004": [ON, "offline expired"],
        "1005": [ON, "offline expired"],
    },
    "reg_rst_netchange_off": {
        "1006": [ON, "offline expired"],
        "1007": [ON, ON, "online expired", "offline expired"],
        "1008": [ON, ON, "online expired", "offline expired"],
        "1009": [ON] * 12 + ["online unregistered"] + ["online expired"] * 10 + ["offline expired"],
    },
    "options_ping": {
        "1001": [ON, OFF],
        "1002": [ON, "offline ping-lost"],
        "1003": [ON, "offline ping-lost"],
    },
    "restart_before": {
        "1001": [ON, RING, RING, TALK, "offline node-lost"],
        "1002": [ON, RING, TALK, "offline node-lost"],
    },
    "restart_after": {"1001": [ON], "1002": [ON]},
    "tp_error_classic": {
        # FIN and SIGKILL never reach the classic change: those stay until they expire.
        "1001": [ON],
        "1002": [ON, "offline connection-reset"],
        "1003": [ON],
        "1004": [ON, RING, HUNG_UP],
        "1005": [ON, RING, HUNG_UP],
        "1006": [ON],
        "1007": [],
        "1008": [ON, RING, TALK, "on-the-phone connection-reset", "offline call-ended"],
        "1009": [ON, "offline connection-closed", ON, "offline connection-closed"],
    },
    "calls": {
        "1001": [
            ON,
            *CALLED,  # hung up by the caller
            *CALLED,  # hung up by the callee; busy and declined ring nowhere
            *[RING, HUNG_UP],  # cancelled; no route and unregistered callee ring nowhere
            *CALLED,  # forked to two devices
            *ANSWERED_AT_ONCE * 3,  # echo, digits, tone
            *[RING, TALK, HUNG_UP],  # called by click-to-call
            *ANSWERED_AT_ONCE * 2,  # conference, call center
            *CALLED,  # the callee's socket dies: the call continues until the switch ends it
            OFF,
        ],
        "1002": [
            ON,
            *[RING, TALK, HUNG_UP] * 2,
            *[RING, HUNG_UP] * 2,  # cancelled, not answered
            ON,  # a second device
            *[RING, RING, TALK, "on-the-phone call-ended", HUNG_UP],  # both ring, one loses
            "online unregistered",
            *[RING, TALK, HUNG_UP] * 2,
            OFF,
        ],
        "1003": [
            ON,
            *[RING, HUNG_UP],
            *[RING, TALK, "held call-held", "on-the-phone call-resumed", HUNG_UP],
            *ANSWERED_AT_ONCE,
            *[RING, TALK, HUNG_UP],
            OFF,
        ],
        "1004": [ON, RING, TALK, HUNG_UP],
    },
}
