"""The event socket of one node that calls: commands to it, and its channels' events to the calls.

All of it runs as greenlets of one thread, like the FreeSWITCH producer's client.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from gevent.queue import Queue

from dialling.actions import Counts
from dialling.channel_events import (
    FILTERS,
    SUBSCRIPTION,
    ChannelEvent,
    Happened,
    channel_event,
)
from dialling.errors import NodeAway
from dialling.settings import DiallingSettings, NodeSettings
from producers.backoff import Backoff
from producers.freeswitch.client import EventSocket
from producers.freeswitch.errors import CommandRefused, EventSocketError, SwitchUnreachable
from producers.freeswitch.event import parse
from producers.freeswitch.framing import Frame, Skipped
from runtime import logs, metrics
from schemas.codec import InvalidRecord

log = logs.get(__name__)

_FRAME_MAX_BYTES = 1024 * 1024
_SOUND_SECONDS = 10.0
Mailbox = Queue  # of ChannelEvents, in the order of the switch


class Node:
    """Keeps one connection up while `run` runs; `calls` get their events by channel UUID."""

    def __init__(self, name: str, settings: NodeSettings, common: DiallingSettings) -> None:
        self.name = name
        self._settings, self._common = settings, common
        self._socket: EventSocket | None = None
        self._mailboxes: dict[str, Any] = {}
        self.boot = ""
        self.connected = Event()

    def run(self) -> None:
        """Connect, and connect again, until the greenlet is killed."""
        common = self._common
        backoff = Backoff(0.25, common.retry_max_seconds)
        try:
            while True:
                began = time.monotonic()
                try:
                    self._serve()
                except EventSocketError as error:
                    refused = isinstance(error, SwitchUnreachable) and error.is_refused
                    log.warning("node away", node=self.name, reason=error.reason, error=str(error))
                    if time.monotonic() - began > _SOUND_SECONDS:
                        backoff.reset()
                    gevent.sleep(backoff.after(error.reason, is_refused=refused))
        finally:
            self._disconnect()

    def _serve(self) -> None:
        settings, common = self._settings, self._common
        socket = EventSocket(
            settings.host,
            settings.port,
            settings.password.get_secret_value(),
            received=self._received,
            frame_max_bytes=_FRAME_MAX_BYTES,
            connect_timeout=common.connect_timeout_seconds,
            command_timeout=common.command_timeout_seconds,
        )
        try:
            socket.connect()
            for command in (*FILTERS, SUBSCRIPTION):
                socket.subscribe(command)
            self.boot = socket.api("global_getvar core_uuid").strip()
            self._socket = socket
            self.connected.set()
            metrics.SOURCE_CONNECTED.set(1, self._labels())
            log.info("node connected", node=self.name, boot=self.boot)
            for uuid, mailbox in self._mailboxes.items():
                mailbox.put(ChannelEvent(uuid, Happened.RECONNECTED))
            socket.ended.wait()
            raise socket.failure or SwitchUnreachable("ended")
        finally:
            self._disconnect()
            socket.stop()

    def _disconnect(self) -> None:
        self._socket = None
        if self.connected.is_set():
            self.connected.clear()
            metrics.SOURCE_CONNECTED.set(0, self._labels())

    def _labels(self) -> dict[str, str]:
        return {"source": "dialling", "node": self.name}

    def _received(self, frame: Frame | Skipped) -> None:
        if isinstance(frame, Skipped):
            log.error("event of the switch too large", node=self.name, size=frame.size)
            return
        try:
            event = channel_event(parse(frame.body))
        except InvalidRecord as error:
            # The event itself may hold digits.
            log.error("event of the switch not usable", node=self.name, field=error.field)
            return
        if event is not None and (mailbox := self._mailboxes.get(event.uuid)) is not None:
            mailbox.put(event)

    # -- calls -------------------------------------------------------------------------------------
    def open(self, *uuids: str) -> Any:
        """The mailbox of a call's channels."""
        mailbox = Mailbox()
        for uuid in uuids:
            self._mailboxes[uuid] = mailbox
        return mailbox

    def close(self, *uuids: str) -> None:
        """No more events of these channels."""
        for uuid in uuids:
            self._mailboxes.pop(uuid, None)

    # -- commands: each raises NodeAway, CommandRefused --------------------------------------------
    def api(self, command: str) -> str:
        """The answer's text."""
        answer: str = self._asked(lambda socket: socket.api(command))
        return answer

    def originate(self, command: str, uuid: str) -> None:
        """Begin an originate; a failure comes as NOT_CALLED to the mailbox of `uuid`."""
        self._asked(lambda socket: socket.send(f"bgapi {command}\nJob-UUID: {uuid}"))

    def execute(self, uuid: str, application: str, arguments: str, identity: str) -> None:
        """Run an application on a parked channel; its end comes with the `identity`."""
        self._asked(
            lambda socket: socket.send(
                f"sendmsg {uuid}\ncall-command: execute\nexecute-app-name: {application}\n"
                f"execute-app-arg: {arguments}\nEvent-UUID: {identity}"
            )
        )

    def exists(self, uuid: str) -> bool:
        """Whether the channel lives."""
        return self.api(f"uuid_exists {uuid}").strip() == "true"

    def has_variable(self, name: str) -> bool:
        """Whether a global variable is set."""
        try:
            return bool(self.api(f"global_getvar {name}").strip())
        except CommandRefused:
            return False  # of an unset one there is no text: `-ERR no reply`

    def hang_up(self, uuid: str) -> None:
        """End a channel, if it lives."""
        try:
            self.api(f"uuid_kill {uuid}")
        except CommandRefused:
            return  # it is gone already

    def counts(self, uuid: str) -> Counts | None:
        """Packet counters; None where the channel has no media yet, or is gone."""
        asked = json.dumps({"command": "mediaStats", "data": {"uuid": uuid}})
        try:
            audio = json.loads(self.api(f"json {asked}"))["response"]["audio"]
            return Counts(
                int(audio["in_media_packet_count"]),
                int(audio["out_media_packet_count"]),
                int(audio["out_dtmf_packet_count"]),
            )
        except (ValueError, KeyError, TypeError, CommandRefused):
            return None

    def _asked(self, ask: Callable[[EventSocket], Any]) -> Any:
        socket = self._socket
        if socket is None:
            raise NodeAway(self.name)
        try:
            return ask(socket)
        except CommandRefused:
            raise
        except EventSocketError as error:
            raise NodeAway(f"{self.name}: {error}") from error
