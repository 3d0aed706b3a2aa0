"""Receiver reports of each party, in every form that rtpengine's releases and modes write."""

from collections import Counter
from typing import Any

import pytest
import structlog

from producers.rtpengine.answers import read_figures
from schemas.media import MediaStream
from tests.unit.rtpengine_capture import SHAPES, Play, ScriptedNg, answers, queried, shaped


def figures(answer: dict[str, Any], tag: str) -> dict[str, Any]:
    return next(s for s in read_figures(answer).streams if s["tag"] == tag)


def media(answer: dict[str, Any], tag: str) -> dict[str, Any]:
    found: dict[str, Any] = answer["tags"][tag]["medias"][0]
    return found


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("capture", ["good", "loss", "stop_both", "offeronly"])
def test_every_release_and_mode_gives_the_same_figures(shape: str, capture: str) -> None:
    found = [answer for _, answer in answers(capture) if "tags" in answer]
    assert found
    for answer in found:
        recorded, read = read_figures(answer), read_figures(shaped(answer, shape))
        assert read == recorded
        assert not read.unread


def test_without_reports_heard_fields_are_absent_and_nothing_is_unread() -> None:
    read = read_figures(shaped(queried("loss", "delete"), "none"))
    assert not any(name.startswith("heard") for stream in read.streams for name in stream)
    assert all(stream["ssrc"] and stream["packets"] for stream in read.streams)
    assert not read.unread


def test_ssrc_without_rtcp_is_no_report() -> None:
    answer = shaped(queried("loss", "delete"), "full")
    counted = {"SSRC": 7, "bytes": 1, "packets": 1, "last RTP timestamp": 1, "last RTP seq": 1}
    answer["SSRC"] = {name: {} for name in answer["SSRC"]} | {"7": counted}
    for tag in ("ft-loss", "tt-loss"):
        media(answer, tag)["ingress SSRCs"] = [{"SSRC": 7} | counted]
    assert not read_figures(answer).unread


@pytest.mark.parametrize("shape", ["full", "inline"])
def test_inline_reports_are_separate_though_both_parties_send_from_one_ssrc(
    shape: str,
) -> None:
    """sipp: in the lists of mr13.4 and later each party's reports are its own."""
    answer = shaped(queried("loss", "delete"), shape)
    for party in answer["tags"].values():
        for medium in party["medias"]:
            medium["streams"][0]["SSRC"] = 5
            medium["ingress SSRCs"][0]["SSRC"] = 5
    answer.pop("SSRC", None)
    assert [figures(answer, tag)["heard_lost"] for tag in ("ft-loss", "tt-loss")] == [2, 28]
    assert not read_figures(answer).unread


@pytest.mark.parametrize("shape", ["mr10-mr12.3", "mr12.4-mr13.3", "global"])
def test_mixed_reports_of_two_parties_are_counted(shape: str) -> None:
    answer = queried("loss", "delete")
    reports = answer["SSRC"].pop("577090037")
    del answer["SSRC"]["2496029389"]
    answer["SSRC"]["5"] = reports
    for party in answer["tags"].values():
        party["medias"][0]["streams"][0]["SSRC"] = 5
    read = read_figures(shaped(answer, shape))
    assert [stream.get("heard_mos") for stream in read.streams] == [None, None]
    assert read.unread == Counter({"ssrc-of-several-parties": 2})


@pytest.mark.parametrize("shape", ["mr12.4-mr13.3", "full", "global", "inline"])
def test_newest_ssrc_with_reports_counts_after_a_change_during_the_call(shape: str) -> None:
    answer = shaped(queried("loss", "delete"), shape)
    medium = media(answer, "tt-loss")
    stream = medium["streams"][0]
    place = stream if shape == "mr12.4-mr13.3" else medium
    place["ingress SSRCs"].insert(0, {"SSRC": 9})
    if "SSRC" in stream:
        stream["SSRC"] = 9
    bob = figures(answer, "tt-loss")
    assert (bob["ssrc"], bob["heard_lost"]) == (9, 28)
    # As soon as there are reports of the new one, those of the old are not the stream's any more.
    reports = {**queried("loss", "delete")["SSRC"]["2496029389"], "cumulative loss": 1}
    if shape == "inline":
        place["ingress SSRCs"][0].update(reports)
    else:
        answer["SSRC"]["9"] = reports
        if shape == "full":
            place["ingress SSRCs"][0].update(reports)
    read = read_figures(answer)
    assert read.streams[1]["heard_lost"] == 1
    assert read.unread == Counter({"report-of-no-stream": 1})


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda a: media(a, "tt-loss")["streams"][0].pop("SSRC"), "stream-without-ssrc"),
        (lambda a: media(a, "tt-loss")["streams"][0].pop("stats"), "stream-without-counters"),
        (lambda a: media(a, "tt-loss")["streams"][0].pop("last packet"), "stream-without-counters"),
        (lambda a: a["SSRC"]["2496029389"].pop("average MOS"), "report-incomplete"),
        (lambda a: a["SSRC"]["2496029389"]["average MOS"].pop("jitter"), "report-incomplete"),
        (lambda a: a["SSRC"].update({"1": {"a new field": 7}}), "report-of-no-stream"),
        (lambda a: a["SSRC"].update({"1": "another form"}), "report-of-no-stream"),
    ],
)
def test_unread_figures_are_counted(change: Any, cause: str) -> None:
    answer = queried("loss", "delete")
    change(answer)
    assert read_figures(answer).unread[cause] == 1


def test_fax_has_no_ssrc() -> None:
    answer = queried("loss", "delete")
    medium = media(answer, "tt-loss")
    medium["protocol"] = "udptl"
    del medium["streams"][0]["SSRC"], answer["SSRC"]["2496029389"]
    assert not read_figures(answer).unread


def test_unread_cause_is_counted_each_time_and_logged_once() -> None:
    ng = ScriptedNg()
    ng.calls = {name: queried("loss", "query t=15.0") for name in ("a@h", "b@h")}
    for answer in ng.calls.values():
        del answer["tags"]["tt-loss"]["medias"][0]["streams"][0]["SSRC"]
    play = Play(ng)
    with structlog.testing.capture_logs() as logged:
        events = play.rounds(3)
    assert play.watcher.status()["unread"] == {"stream-without-ssrc": 6, "report-of-no-stream": 6}
    warned = [one["cause"] for one in logged if one["log_level"] == "warning"]
    assert sorted(warned) == ["report-of-no-stream", "stream-without-ssrc"]
    streams: list[MediaStream] = events[
        -1
    ].streams  # the others' figures are published all the same
    assert [stream.heard_mos for stream in streams] == [4.4, None]
    assert not play.dead_letters
