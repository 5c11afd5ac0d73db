"""Plan → Scrapy settings. Each number has its reason; what is not set here keeps Scrapy's default."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from spiders.plan import Plan

AT_ONCE = 32  # requests in flight over all hosts; one core parses about as fast as 32 hosts answer


def build_settings(plan: Plan) -> dict[str, Any]:
    """The settings of one crawl."""
    delays: dict[str, float] = {}
    for job in plan.jobs:
        host = urlsplit(job.source.url).hostname or ""
        delays[host] = max(job.delay, delays.get(host, 0.0))
    handler = "spiders.download.GuardedHandler"
    return {
        "HOST_MAP": dict(plan.host_map),
        "DOWNLOAD_HANDLERS": {"http": handler, "https": handler, "ftp": None, "file": None, "data": None, "s3": None},
        "DNS_RESOLVER": "spiders.download.PublicResolver",
        "DOWNLOADER_MIDDLEWARES": {
            "scrapy.downloadermiddlewares.redirect.RedirectMiddleware": None,
            "spiders.download.HostRedirect": 600,  # in its place
        },
        "EXTENSIONS": {"spiders.robots.CrawlDelay": 0},
        "USER_AGENT": plan.user_agent,
        "ROBOTSTXT_OBEY": True,
        "ROBOTSTXT_USER_AGENT": plan.user_agent.partition("/")[0],  # robots.txt names products, without version
        "CONCURRENT_REQUESTS": AT_ONCE,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,  # one request at a time per host
        "DOWNLOAD_SLOTS": {h: {"concurrency": 1, "delay": d, "jitter": 0.0} for h, d in delays.items()},
        "DOWNLOAD_DELAY": max(delays.values(), default=0.0),  # hosts only a redirect or an item leads to
        "CRAWL_DELAY_SCALE": plan.robots_scale,
        "DOWNLOAD_DELAY_JITTER": 0.0,  # a promised delay is a minimum
        "AUTOTHROTTLE_ENABLED": False,  # it undoes crawl-delay
        "DOWNLOAD_TIMEOUT": plan.timeout,
        "DOWNLOAD_MAXSIZE": plan.max_bytes,  # also after decompression
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "REDIRECT_MAX_TIMES": plan.max_redirects,
        "METAREFRESH_ENABLED": False,  # bot walls use it, offices hardly
        "RETRY_TIMES": 1,  # the next visit is a retry too
        "RETRY_HTTP_CODES": [500, 502, 504, 408],  # 429 and 503 are answered by Retry-After
        "COOKIES_ENABLED": False,
        "HTTPPROXY_ENABLED": False,  # behind a proxy the connected address could not be checked
        "REMOTE_CONTROL_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "MEMUSAGE_ENABLED": False,
        "LOG_ENABLED": False,  # the crawl sets up its own log file
        "LOG_LEVEL": "INFO",
        "REFERER_ENABLED": False,
    }
