"""How many records a publisher has accepted and delivered, and what is new for metrics and log."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class DeliveryNews:
    """What happened since it was last taken."""

    published: Counter[str] = field(default_factory=Counter)  # by topic
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)  # by topic and reason
    causes: set[str] = field(default_factory=set)  # of trouble, as text for the log


@dataclass(slots=True)
class DeliveryCounts:
    """Counts of records in this run; `inherited`: what an earlier run left in the spool."""

    inherited: int
    accepted: int = 0
    acknowledged: int = 0
    refused: int = 0
    given_up: int = 0  # dead letters that Kafka refused in their turn
    news: DeliveryNews = field(default_factory=DeliveryNews)

    @property
    def undelivered(self) -> int:
        """Records accepted, in this run or an earlier one, that Kafka has not acknowledged."""
        return self.inherited + self.accepted - self.acknowledged - self.given_up

    def acknowledge(self, topic: str) -> None:
        self.acknowledged += 1
        self.news.published[topic] += 1

    def refuse(self, topic: str, reason: str) -> None:
        self.refused += 1
        self.news.refusals[topic, reason] += 1

    def take_news(self) -> DeliveryNews:
        news, self.news = self.news, DeliveryNews()
        return news
