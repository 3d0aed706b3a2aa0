"""The doctor's checks of Kafka, ClickHouse, the user center, and the folders of data."""

import os
import shutil
from pathlib import Path
from typing import Any

import httpx

from operate.doctor.check import SECONDS, CheckFailed
from runtime.kafka import (
    KafkaMisconfigured,
    KafkaSettings,
    KafkaUnavailable,
    topic_problems,
)
from runtime.kafka_reach import require_kafka
from runtime.settings import load
from sinks.clickhouse.settings import ClickHouseSettings

# Less free space than this is a fault: Kafka dies of a full disk.
_FREE_MIN_BYTES = 500 * 2**20


def kafka(settings: KafkaSettings) -> str:
    """Whether the cluster answers."""
    try:
        require_kafka(settings)
        topic_problems(settings, SECONDS)
    except KafkaUnavailable as error:
        raise CheckFailed(
            str(error), "start one with `rollcall up`, or set the address of yours"
        ) from error
    except KafkaMisconfigured as error:
        raise CheckFailed(
            str(error), "check the [kafka] settings: protocol, user, password"
        ) from error
    return f"answers at {settings.bootstrap_servers}"


def topics(settings: KafkaSettings) -> str:
    """Whether all topics exist, with as many partitions as set."""
    try:
        require_kafka(settings)
        problems = topic_problems(settings, SECONDS)
    except (KafkaUnavailable, KafkaMisconfigured) as error:
        raise CheckFailed("not checked, Kafka does not answer", "see above") from error
    if problems:
        raise CheckFailed(
            "; ".join(problems), "create missing ones with `rollcall topics --create`"
        )
    return f"all exist, {settings.partitions} partitions each"


def clickhouse() -> str:
    """Whether the server answers, or where chDB's data are."""
    settings = load(ClickHouseSettings)
    if settings.url is None:
        return f"in process (chDB), data in {settings.folder}"
    try:
        answer = httpx.get(f"{settings.url.rstrip('/')}/ping", timeout=SECONDS)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise CheckFailed(
            f"{settings.url}: {error}", "check clickhouse.url, and that the server runs"
        ) from error
    return f"answers at {settings.url}"


def user_center(url: str | None) -> str:
    """Whether the user center answers; None: the stack's own, which does not run."""
    if not url:
        return "the reference user center, when the stack runs"
    try:
        # Any answer is good: only a signed POST would succeed.
        httpx.get(url, timeout=SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        raise CheckFailed(f"{url}: {error}", "check user_center.url, and that it runs") from error
    return f"answers at {url}"


def stack(running: dict[str, Any] | None) -> str:
    """Whether each stage of the running stack is ready."""
    if running is None:
        return "none runs here (`rollcall up` starts one)"
    for label, stage in running["stages"].items():
        try:
            httpx.get(
                f"{stage['http']}/readyz", timeout=SECONDS, trust_env=False
            ).raise_for_status()
        except httpx.HTTPError as error:
            raise CheckFailed(f"{label} is not ready: {error}", f"see {stage['log']}") from error
    return f"{len(running['stages'])} stages ready"


def folders(named: dict[str, Path]) -> str:
    """Whether each folder of data can be written, and its disk has room; by setting."""
    for setting, folder in named.items():
        place = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
        remedy = f"set {setting} to a folder of a disk with room"
        if not place.is_dir():
            raise CheckFailed(f"{place} is no folder", remedy)
        if not os.access(place, os.W_OK | os.X_OK):
            raise CheckFailed(f"{place} cannot be written", remedy)
        if (free := shutil.disk_usage(place).free) < _FREE_MIN_BYTES:
            raise CheckFailed(f"{place}: only {free // 2**20} MB are free", remedy)
    return ", ".join(sorted({str(folder) for folder in named.values()}))
