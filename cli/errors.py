"""Errors that a person at the command line can act on: each is printed as one line."""

from local.kafka import KafkaFolderInUse, KafkaStartFailed
from local.kafka.jars import KafkaJarsUnavailable
from local.stack import StackRunning
from local.stage_process import StageFailed
from operate.presence_log import UnknownUser
from operate.queries.catalogue import UnknownQuery
from operate.topic_reader import NotReadToEnd
from producers.sockets.errors import KernelRefuses
from runtime.kafka import KafkaMisconfigured, KafkaUnavailable
from runtime.settings import BadArgument, BadSettings
from schemas.sip_uri import MalformedUri
from sinks.clickhouse.errors import StatementRefused, StoreMisconfigured, StoreUnavailable


class ReplayTimeout(Exception):
    """A replay did not end in time; the message names what is not processed yet."""


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
    ReplayTimeout,
    NotReadToEnd,
    StackRunning,
    StageFailed,
    StatementRefused,
    StoreMisconfigured,
    StoreUnavailable,
    UnknownQuery,
    UnknownUser,
)
