"""Errors that a person at the command line can act on: each is printed as one line."""

from confluent_kafka import KafkaError, KafkaException

from calls.errors import AssignmentLost
from local.kafka import KafkaFolderInUse, KafkaStartFailed
from local.kafka.jars import KafkaJarsUnavailable
from local.stack import StackRunning
from local.stack_folder import NoRoom
from local.stage_process import StageFailed
from operate.forget.topics import NotForgotten
from operate.presence_log import UnknownUser
from operate.queries.catalogue import UnknownQuery
from producers.sockets.errors import KernelRefuses
from producers.spool import SpoolInUse, SpoolUnwritable
from runtime.kafka import KafkaMisconfigured, KafkaUnavailable
from runtime.log_reader import TopicReplaced
from runtime.settings import BadArgument, BadSettings
from schemas.sip_uri import MalformedUri
from sinks.clickhouse.errors import StatementRefused, StoreMisconfigured, StoreUnavailable


class ReplayTimeout(Exception):
    """A replay did not end in time; the message names what is not processed yet."""


def text_of(error: BaseException) -> str | None:
    """The error in words; None for those of librdkafka that are not about its settings."""
    if not isinstance(error, KafkaException):
        return str(error)
    cause: KafkaError = error.args[0]
    return f"[kafka]: {cause.str()}" if cause.code() == KafkaError._INVALID_ARG else None


ACTIONABLE = (
    AssignmentLost,
    BadArgument,
    BadSettings,
    KafkaException,
    KafkaFolderInUse,
    KafkaJarsUnavailable,
    KafkaMisconfigured,
    KafkaStartFailed,
    KafkaUnavailable,
    KernelRefuses,
    MalformedUri,
    NoRoom,
    NotForgotten,
    ReplayTimeout,
    SpoolInUse,
    SpoolUnwritable,
    StackRunning,
    StageFailed,
    StatementRefused,
    StoreMisconfigured,
    StoreUnavailable,
    TopicReplaced,
    UnknownQuery,
    UnknownUser,
)
