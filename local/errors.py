"""Errors a person at the command line can act on: shown as one line."""

from local.kafka import KafkaFolderInUse, KafkaStartFailed
from local.kafka_jars import KafkaJarsUnavailable
from producers.sockets.errors import KernelRefuses
from runtime.kafka import KafkaMisconfigured, KafkaUnavailable
from runtime.settings import BadSettings
from schemas.sip_uri import MalformedUri


class StackRunning(Exception):
    """A stack runs in this folder already: use it, or stop it first."""


class StageFailed(Exception):
    """A stage did not become ready; the message holds its last log lines."""


class NotDrained(Exception):
    """Something was still on its way when the deadline passed; the message names it."""


class BadArgument(Exception):
    """The command line cannot be carried out as given; the message says why."""


class Unknown(Exception):
    """The user asked for has never registered."""


ACTIONABLE = (
    BadArgument,
    BadSettings,
    KafkaFolderInUse,
    KafkaJarsUnavailable,
    KafkaMisconfigured,
    KafkaStartFailed,
    KafkaUnavailable,
    KernelRefuses,
    MalformedUri,
    NotDrained,
    StackRunning,
    StageFailed,
    Unknown,
)
