"""The enumerations of events, sessions and presence records."""

from enum import StrEnum


class Source(StrEnum):
    """What observed an event."""

    FREESWITCH = "freeswitch"  # FreeSWITCH's event socket
    OPENSIPS = "opensips"  # OpenSIPS' event interface and MI
    SOCKETS = "sockets"  # the node's kernel (sock_diag)
    KAMAILIO = "kamailio"  # Kamailio's evapi
    RTPENGINE = "rtpengine"  # rtpengine's NG protocol and MQTT
    MRCP = "mrcp"  # an MRCP server's log
    STREAMS = "streams"  # derived by Rollcall itself: own expiry timers, sweeps


class Transport(StrEnum):
    """A SIP transport (RFC 3261 §18, RFC 7118)."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    WS = "ws"
    WSS = "wss"

    @property
    def is_connection(self) -> bool:
        """Whether a registration over it hangs on one TCP connection."""
        return self is not Transport.UDP


class RegistrationKind(StrEnum):
    """What happened to a binding, or to the listing of bindings."""

    REGISTERED = "registered"  # a binding was added
    REFRESHED = "refreshed"  # a REGISTER renewed a binding that was there
    UNREGISTERED = "unregistered"  # the client removed its binding (Expires: 0)
    EXPIRED = "expired"  # the registrar dropped a binding that nobody renewed
    REFUSED = "refused"  # a REGISTER failed authentication; no binding changed
    CONNECTION_LOST = "connection-lost"  # the registrar itself reports it, without naming a contact
    PING_LOST = "ping-lost"  # the client no longer answers the registrar's OPTIONS
    PING_RESTORED = "ping-restored"  # it answers again
    WILDCARD = "wildcard"  # Contact: * was accepted; only a snapshot shows which bindings ended
    SNAPSHOT_BEGAN = "snapshot-began"  # a listing of all bindings begins
    SNAPSHOT_ROW = "snapshot-row"  # one binding that the registrar lists
    SNAPSHOT_ENDED = "snapshot-ended"  # the listing is complete: bindings not in it are gone
    CONNECTIONS_LISTED = "connections-listed"  # a proxy without a table lists its clients' instead


class ContactForm(StrEnum):
    """What a contact is that is not published as a whole SIP URI."""

    TRUNCATED = "truncated"  # longer than the contract's bound: cut, and not to be dialled
    NOT_SIP = "not-sip"  # of another scheme (tel:), as RFC 3261 §10.2.1 allows


class ConnectionKind(StrEnum):
    """What happened to a transport connection."""

    OPENED = "opened"
    CLOSED = "closed"  # ended by FIN, whoever sent it
    RESET = "reset"  # ended by RST
    TIMED_OUT = "timed-out"  # given up by the kernel: nothing was acknowledged
    SUSPECT = "suspect"  # the peer stopped acknowledging; still open
    RECOVERED = "recovered"  # it acknowledges again

    @property
    def is_end(self) -> bool:
        return self in (ConnectionKind.CLOSED, ConnectionKind.RESET, ConnectionKind.TIMED_OUT)


class CallKind(StrEnum):
    """What happened to a call leg (RFC 4235 §3.7.1 in brackets)."""

    TRYING = "trying"  # [trying]
    RINGING = "ringing"  # [early], 180
    EARLY = "early"  # [early], 183 with media
    ANSWERED = "answered"  # [confirmed]
    HELD = "held"  # the user's side put on hold
    RESUMED = "resumed"  # taken off hold
    BRIDGED = "bridged"  # connected to its other leg
    ENDED = "ended"  # [terminated]
    DTMF = "dtmf"  # one digit, when an application read it
    SNAPSHOT_BEGAN = "snapshot-began"  # a listing of all legs begins
    SNAPSHOT_ROW = "snapshot-row"  # one leg that the node lists
    SNAPSHOT_ENDED = "snapshot-ended"  # the listing is complete: legs not in it have ended


class CallState(StrEnum):
    """Where a leg stands; it never goes back from ended."""

    TRYING = "trying"
    RINGING = "ringing"
    EARLY = "early"
    ANSWERED = "answered"
    HELD = "held"
    ENDED = "ended"


class Direction(StrEnum):
    """Of a leg, seen from its user."""

    OUTGOING = "outgoing"  # the user called
    INCOMING = "incoming"  # the user was called


class LegEndedBy(StrEnum):
    """Which end of a leg ended it, seen from its node."""

    PARTY = "party"  # the client: BYE, CANCEL or a refusal was received
    SERVER = "server"  # the node sent it


class HungUpBy(StrEnum):
    """Who ended a call."""

    CALLER = "caller"
    CALLEE = "callee"
    SERVER = "server"  # no party: an application, a time limit, no route


class TransferKind(StrEnum):
    """How a call was transferred (RFC 5589)."""

    BLIND = "blind"
    ATTENDED = "attended"


class MediaKind(StrEnum):
    """What the media proxy reports about a call's media."""

    QUALITY = "quality"  # figures of a running call, every few seconds
    ENDED = "ended"  # the media proxy released the call; the last figures
    TIMED_OUT = "timed-out"  # it released the call: no party had sent anything for too long
    DTMF = "dtmf"  # one digit, seen in the media


class SpeechKind(StrEnum):
    """What happened in a speech session."""

    STARTED = "started"  # the call was given a recogniser or a synthesiser
    INPUT_STARTED = "input-started"  # the recogniser heard the caller begin to speak
    RESULT = "result"  # the recogniser completed, with a cause
    NO_RESULT = "no-result"  # a recogniser has had no result for ten seconds; once a session
    ENDED = "ended"  # the session is over


class SpeechResource(StrEnum):
    """What a speech session uses (RFC 6787: speechrecog, speechsynth)."""

    RECOGNISER = "recogniser"
    SYNTHESISER = "synthesiser"


class DigitTrigger(StrEnum):
    """When the digits of an extension go out; never before media flows both ways."""

    ANSWER = "answer"  # as soon as the call is answered
    EARLY_MEDIA = "early-media"  # as soon as media flows, answered or not
    GREETING = "greeting"  # after speech was heard, and then silence
    PAUSE = "pause"  # a fixed time after media flows


class DigitMethod(StrEnum):
    """How a digit is sent."""

    RFC4733 = "rfc4733"  # telephone-event packets in the RTP stream
    INFO = "info"  # SIP INFO with application/dtmf-relay
    INBAND = "inband"  # the two tones in the audio


class DialState(StrEnum):
    """How far a dialled call has come."""

    ACCEPTED = "accepted"  # to be called
    CALLING = "calling"  # the switch was asked to call, or is about to be
    KEYING = "keying"  # digits are going out
    ENDED = "ended"  # with an outcome


class DialOutcome(StrEnum):
    """What became of a dialled call."""

    CONNECTED = "connected"  # after the digits something else than the greeting was heard
    NO_ANSWER = "no-answer"  # nobody answered, busy, or no media came
    WRONG_EXTENSION = "wrong-extension"  # an answer to the digits, then the greeting or the end
    DIGITS_NOT_TAKEN = "digits-not-taken"  # no answer to the digits
    REFUSED = "refused"  # not permitted; nothing was called
    FAILED = "failed"  # the switch or the service failed, in `cause`


class DialStepKind(StrEnum):
    """An entry of a dialled call's timeline."""

    USER_RINGING = "user-ringing"
    USER_ANSWERED = "user-answered"
    CALLED = "called"  # the switch was asked to call the number
    RINGING = "ringing"
    EARLY_MEDIA = "early-media"
    ANSWERED = "answered"
    MEDIA = "media"  # flows both ways
    SPEECH_BEGAN = "speech-began"
    SPEECH_ENDED = "speech-ended"
    LEVEL_RAISED = "level-raised"  # what has no pauses is no speech: the threshold went up
    KEYED = "keyed"  # the digits begin, in `detail` why now
    DIGIT = "digit"  # one was sent
    DIGIT_CONFIRMED = "digit-confirmed"
    DIGIT_UNCONFIRMED = "digit-unconfirmed"
    BRIDGED = "bridged"
    RESUMED = "resumed"  # after a restart of the service or a lost event socket
    HUNG_UP = "hung-up"


class NodeKind(StrEnum):
    """What happened to a SIP node."""

    UP = "up"  # the node's process started, or was found running
    DOWN = "down"  # it stopped, or its connection is gone for good
    HEARTBEAT = "heartbeat"  # it lives; also its clock
    LOST = "lost"  # no event for longer than its lease; published by the streams
    UNWATCHED = "unwatched"  # its producer was stopped; the state of the node itself is unknown
    GAP = "gap"  # events may have been lost; a snapshot follows
    INFRASTRUCTURE = "infrastructure"  # the state of its dependencies, in `reason`


class Status(StrEnum):
    """For people. Precedence: calls, then bindings; without a binding only answered calls."""

    OFFLINE = "offline"  # no live binding, and in no call
    ONLINE = "online"  # reachable and in no call
    RINGING = "ringing"  # a call rings or plays early media
    ON_THE_PHONE = "on-the-phone"  # RFC 4480 §3.2
    HELD = "held"  # every call is on hold


class Cause(StrEnum):
    """Why presence changed."""

    REGISTERED = "registered"  # a client registered, or moved
    UNREGISTERED = "unregistered"  # the client removed its binding
    EXPIRED = "expired"  # nobody renewed the binding in time
    REPLACED = "replaced"  # another binding took its place
    CONNECTION_CLOSED = "connection-closed"  # the binding's connection ended by FIN
    CONNECTION_RESET = "connection-reset"  # by RST
    CONNECTION_TIMED_OUT = "connection-timed-out"  # its peer stopped answering
    CONNECTION_SUSPECT = "connection-suspect"  # its peer stopped acknowledging; still reachable
    CONNECTION_RECOVERED = "connection-recovered"  # its peer acknowledges again
    PING_LOST = "ping-lost"  # the client no longer answers OPTIONS
    PING_RESTORED = "ping-restored"  # it answers again
    NODE_LOST = "node-lost"  # the node stopped, or sent no event for its lease
    NODE_RESTORED = "node-restored"  # the node sends events again, from the same process as before
    NODE_UNCERTAIN = "node-uncertain"  # its events may be missing, and it is not listed since
    NODE_CERTAIN = "node-certain"  # a listing was read
    NODE_RESTARTED = "node-restarted"  # the node started anew: its connections are gone
    FOUND_IN_SNAPSHOT = "found-in-snapshot"  # the registrar lists what no event reported
    MISSING_FROM_SNAPSHOT = "missing-from-snapshot"  # not listed, and no event reported its end
    ADMINISTRATIVE = "administrative"  # an operator flushed it
    CALL_RINGING = "call-ringing"  # a call to the user rings, or the user's own does
    CALL_ANSWERED = "call-answered"  # a call was answered
    CALL_HELD = "call-held"  # a call was put on hold
    CALL_RESUMED = "call-resumed"  # a call was taken off hold
    CALL_ENDED = "call-ended"  # a call ended
    MEDIA_LOST = "media-lost"  # no media of a call is received any more
    MEDIA_RESTORED = "media-restored"  # media of that call is received again
