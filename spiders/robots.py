"""Crawl-delay of robots.txt → delay of its host's slot, where it is the larger. Does not judge what is allowed.

Scrapy's own middleware obeys allow and disallow but only parses the delay.
"""

from __future__ import annotations

from typing import Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.robotstxt import RobotParser

LONGEST = 60.0  # seconds: an office that asks for more would hold up the visit, and one request a minute harms nobody


class CrawlDelay:
    """Extension: applies the crawl-delay once a robots.txt is read."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.agent = crawler.settings["ROBOTSTXT_USER_AGENT"]
        self.scale = crawler.settings.getfloat("CRAWL_DELAY_SCALE", 1.0)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the signal that tells of each robots.txt."""
        extension = cls(crawler)
        crawler.signals.connect(extension.apply, signal=signals.robots_parsed)
        return extension

    def apply(self, robotparser: RobotParser, request: Request) -> None:
        """Slow the host of `request` down to what its robots.txt asks for."""
        asked = robotparser.crawl_delay(self.agent)
        assert self.crawler.engine
        _, slot = self.crawler.engine.downloader._get_slot(request)  # no public way to a slot
        slot.delay = max(slot.delay, min(float(asked or 0), LONGEST) * self.scale)
