"""Fetches Apache Kafka's jars from Maven Central, once; every later start reads the cache."""

from pathlib import Path

ENDPOINT = "org.apache.kafka:kafka_2.13:4.3.1+org.slf4j:slf4j-simple:1.7.36"


class KafkaJarsUnavailable(Exception):
    """Kafka's jars are not cached and could not be fetched: check the network, then try again."""


def classpath() -> str:
    """Java's class path for Kafka 4.3.1. Takes seconds the first time, when it downloads 46 jars.

    Cached by jgo under the user's cache folder. Raises KafkaJarsUnavailable.
    """
    import jgo

    try:
        jars: list[Path] = jgo.build(ENDPOINT).all_jars
    except Exception as error:  # jgo lets through whatever its resolver and HTTP client raise
        raise KafkaJarsUnavailable(
            f"cannot fetch Apache Kafka ({ENDPOINT}) from Maven Central: "
            f"{type(error).__name__}: {error}. Check the network (HTTPS_PROXY, if you need one), "
            "or point KAFKA_BOOTSTRAP_SERVERS at a cluster you have."
        ) from error
    if not jars:
        raise KafkaJarsUnavailable("jgo's Kafka environment is empty: delete ~/.cache/jgo")
    return ":".join(str(jar) for jar in jars)
