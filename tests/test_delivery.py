"""From the outbox to receivers on loopback that take, refuse, hang and break at every stage; and what a kill leaves behind."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from receivers import REASON, Hook, SmtpDesk, smtp_server, webhook

from iprwatch.alerts.channels import CHANNELS, FILE, load_channels
from iprwatch.alerts.deliver import Courier, deliver_due
from iprwatch.alerts.outbox import DELAYS, GIVE_UP, build_row, next_try
from iprwatch.alerts.sinks import mail as mail_sink
from iprwatch.alerts.sinks import webhook as webhook_sink
from iprwatch.clock import FrozenClock
from iprwatch.context import Context
from iprwatch.errors import InputError
from iprwatch.ledger.outbox import claim, find_due_channels, put, retry
from iprwatch.ledger.tables import outbox
from iprwatch.logs import silence
from iprwatch.settings import load_settings

NOW = datetime(2026, 5, 20, 10, tzinfo=UTC)
ROUNDS = 3


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with Context(load_settings(home=tmp_path, space="live", model="hash"), FrozenClock(NOW)) as context:
        yield context


def declare(context: Context, **channels: dict[str, Any]) -> None:
    folder = context.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps(channels), "utf-8")  # JSON is YAML


def owe(context: Context, channel: str, count: int = 1, **reason: Any) -> None:
    rows = [
        build_row("alert", "fakes", channel, NOW, story=f"s{i:04}", article=f"s{i:04}", reason=REASON | reason)
        for i in range(count)
    ]
    with context.ledger.write() as connection:
        put(connection, rows)


def rows(context: Context, channel: str) -> list[Any]:
    with context.ledger.read() as connection:
        return list(connection.execute(sa.select(outbox).where(outbox.c.channel == channel).order_by(outbox.c.story)))


def state(context: Context, channel: str) -> tuple[str, int, str]:
    (row,) = rows(context, channel)
    return row.state, row.attempts, row.error or row.receipt


def later(context: Context, **by: float) -> None:
    clock = context.clock
    assert isinstance(clock, FrozenClock)
    clock.at += timedelta(**by)


def mail_to(port: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": "mail",
        "to": ["a@example.org", "b@example.org"],
        "from": "watch@example.org",
        "smtp": f"127.0.0.1:{port}",
        "tls": "none",
    } | more


def test_a_mail_arrives_whole_and_its_answer_is_the_receipt(context: Context) -> None:
    desk = SmtpDesk()
    with smtp_server(desk) as port:
        declare(context, mail=mail_to(port, unsubscribe="off@example.org"))
        owe(context, "mail")
        assert deliver_due(context) == {"sent": 1}
        assert deliver_due(context) == {}
    (mail,), (row,) = desk.mails, rows(context, "mail")
    assert (row.state, row.receipt, row.sent, row.claimed_by) == ("sent", "250 taken as 4711", NOW, "")
    assert desk.envelopes[0].rcpt_tos == ["a@example.org", "b@example.org"]
    assert mail["Message-ID"] == f"<{row.key}@example.org>"
    assert mail["List-Id"] == "<fakes.iprwatch.example.org>"
    assert mail["List-Unsubscribe"] == "<mailto:off@example.org?subject=unsubscribe%20fakes>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Fakes Bcc: x@example.org <script>alert(1)</script> · T03.4 E-commerce"
    assert mail.get_content_type() == "multipart/alternative"
    text, html = (part.get_content() for part in mail.iter_parts())
    for said in (
        "Customs seized counterfeit shoes.",
        "https://office.example/a",
        "“counterfeit”",
        "Shoes were seized.",
        "We will work.",
        "1.5 s",
    ):
        assert said in text, said
    assert "<mark" in html
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert "\u202e" not in html + text
    assert max(len(line) for line in text.splitlines()) <= 78


def test_a_login_is_named_not_written_and_never_shown(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = SmtpDesk()
    options = {"authenticator": desk.authenticate, "auth_require_tls": False}
    with smtp_server(desk, **options) as port:
        declare(context, mail=mail_to(port, smtp="env:MAIL_LOGIN"))
        owe(context, "mail")
        assert deliver_due(context) == {"put back": 1}
        assert state(context, "mail") == ("waiting", 1, "the environment variable MAIL_LOGIN is not set")
        for password, expected in (("wr%40ng-secret", "put back"), ("p%40ss%2Fword", "sent")):
            monkeypatch.setenv("MAIL_LOGIN", f"smtp://watch:{password}@127.0.0.1:{port}")
            later(context, hours=1)
            assert deliver_due(context) == {expected: 1}, state(context, "mail")
            assert "secret" not in state(context, "mail")[2]
    assert desk.logins[-1] == (b"watch", b"p@ss/word")


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "END"])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [("550 5.7.1 no", "failed"), ("451 4.7.1 come back", "waiting"), ("hang", "waiting"), ("drop", "waiting")],
)
def test_what_a_server_answers_at_each_stage_decides(
    context: Context, monkeypatch: pytest.MonkeyPatch, stage: str, answer: str, expected: str
) -> None:
    monkeypatch.setattr(mail_sink, "SECONDS", 0.5)
    desk = SmtpDesk({stage: answer})
    with smtp_server(desk) as port:
        declare(context, mail=mail_to(port))
        owe(context, "mail")
        deliver_due(context)
        said = state(context, "mail")
        assert said[:2] == (expected, 1)
        assert answer in said[2] or answer in ("hang", "drop")
        desk.answers.clear()
        later(context, minutes=2)
        assert deliver_due(context) == ({} if expected == "failed" else {"sent": 1})
    assert len(desk.mails) == (expected == "waiting")


def test_a_server_that_is_away_or_refuses_the_login_concerns_the_channel_not_the_message(context: Context) -> None:
    declare(context, mail=mail_to(1), odd=mail_to(1, smtp="127.0.0.1:port"))
    owe(context, "mail")
    owe(context, "odd")
    assert deliver_due(context) == {"put back": 1, "failed": 1}
    assert "127.0.0.1:1" in state(context, "mail")[2]
    assert "host:port" in state(context, "odd")[2]


def test_a_server_without_tls_is_not_trusted_with_a_mail_that_asks_for_it(context: Context) -> None:
    desk = SmtpDesk()
    with smtp_server(desk) as port:
        declare(context, mail=mail_to(port, tls="starttls"))
        owe(context, "mail")
        assert deliver_due(context) == {"put back": 1}
    assert desk.mails == []


def test_a_webhook_gets_signed_json_with_an_idempotency_key(context: Context, tmp_path: Path) -> None:
    hook = Hook(status=202)
    (context.settings.prepared().config_folder / "hook.secret").write_text("s3cret\n")
    with webhook(hook) as url:
        declare(context, hook={"kind": "webhook", "url": url, "secret": "file:hook.secret"})
        owe(context, "hook")
        assert deliver_due(context) == {"sent": 1}
    ((headers, body),), (row,) = hook.requests, rows(context, "hook")
    assert headers["Idempotency-Key"] == row.key == hook.taken[0]["key"]
    assert headers["X-Iprwatch-Signature"] == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert hook.taken[0]["data"]["article"]["url"] == "https://office.example/a"
    assert hook.taken[0]["data"]["space"] == "live"
    assert row.receipt == "HTTP 202"


def test_the_address_of_a_webhook_is_not_logged(context: Context, caplog: pytest.LogCaptureFixture) -> None:
    silence()
    caplog.set_level(logging.INFO)
    with webhook(Hook()) as url:
        declare(context, hook={"kind": "webhook", "url": f"{url}/token-4711"})
        owe(context, "hook")
        assert deliver_due(context) == {"sent": 1}
    assert "message_sent" in caplog.text
    assert "token-4711" not in caplog.text


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, "failed"), (404, "failed"), (410, "failed"), (301, "failed"), (408, "waiting"), (429, "waiting"), (500, "waiting"), (503, "waiting")],
)  # fmt: skip
def test_what_a_webhook_answers_decides(context: Context, status: int, expected: str) -> None:
    hook = Hook(status, headers={"Location": "http://127.0.0.1:1/"} if status == 301 else {})
    with webhook(hook) as url:
        declare(context, hook={"kind": "webhook", "url": url})
        owe(context, "hook")
        deliver_due(context)
    assert state(context, "hook")[:2] == (expected, 1)
    assert f"HTTP {status}" in state(context, "hook")[2]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise looks whether it is there
def test_a_chat_service_is_reached_through_apprise(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = Hook()
    with webhook(hook) as url:
        monkeypatch.setenv("CHAT", url.replace("http://", "json://"))
        monkeypatch.setenv("NONSENSE", "nosuchservice://token-4711/x")
        declare(context, chat={"kind": "notify", "url": "env:CHAT"}, odd={"kind": "notify", "url": "env:NONSENSE"})
        owe(context, "chat")
        owe(context, "odd")
        assert deliver_due(context) == {"sent": 1, "failed": 1}
        assert "T03.4" in hook.taken[0]["title"]
        assert "counterfeit shoes" in hook.taken[0]["message"]
        hook.status = 500
        owe(context, "chat", 2)
        assert deliver_due(context) == {"put back": 1}
    assert "4711" not in state(context, "odd")[2]
    assert "500" in rows(context, "chat")[1].error


def test_a_bad_channel_does_not_hold_up_another(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_sink, "SECONDS", 3.0)
    slow, fast = Hook(hang=True), Hook()
    with webhook(slow) as slow_url, webhook(fast) as fast_url:
        declare(context, bad={"kind": "webhook", "url": slow_url}, good={"kind": "webhook", "url": fast_url})
        owe(context, "bad", 5)
        courier = Courier(context)
        courier.ring()
        for i in range(3):
            owe(context, "good", i + 1)
            time.sleep(0.1)
            courier.ring()
        ends = time.monotonic() + 2.5
        while len(fast.taken) < 3 and time.monotonic() < ends:
            courier.ring()
            time.sleep(0.05)
        assert len(fast.taken) == 3
        courier.wait()
    assert len(slow.requests) == 1, "after one answer that did not come the channel rests"
    assert courier.counts == {"sent": 3, "put back": 1}
    assert [r.state for r in rows(context, "bad")] == ["waiting"] * 5


def test_one_bad_message_does_not_hold_up_the_others(context: Context) -> None:
    desk = SmtpDesk({"END": "451 I do not like this one"})
    with smtp_server(desk) as port:
        declare(context, mail=mail_to(port))
        owe(context, "mail", 3)
        assert deliver_due(context) == {"put back": 1}
        assert deliver_due(context) == {}, "the channel rests"
        desk.answers.clear()
        later(context, minutes=10)
        assert deliver_due(context) == {"sent": 3}
    assert sorted(r.attempts for r in rows(context, "mail")) == [1, 1, 2]
    (tried,) = [r.key for r in rows(context, "mail") if r.attempts == 2]
    assert desk.mails[-1]["Message-ID"] == f"<{tried}@example.org>", "what was tried least went first"


def test_tries_grow_rarer_and_end_after_a_day(context: Context) -> None:
    declare(context, hook={"kind": "webhook", "url": "http://127.0.0.1:1/"})
    owe(context, "hook")
    waits = []
    while state(context, "hook")[0] == "waiting":
        (row,) = rows(context, "hook")
        waits.append((row.due - context.clock.now()) / timedelta(minutes=1))
        later(context, minutes=waits[-1])
        deliver_due(context)
    assert waits[0] == 0
    for wait, delay in zip(waits[1:], [*DELAYS, *[DELAYS[-1]] * 20], strict=False):
        assert 0.8 <= wait / (delay / timedelta(minutes=1)) <= 1.2
    assert context.clock.now() - NOW <= GIVE_UP
    assert 10 <= len(waits) <= 14
    assert "Connect" in state(context, "hook")[2]
    with context.ledger.write() as connection:
        assert retry(connection, context.clock.now()) == 1
    assert state(context, "hook")[:2] == ("waiting", 0)


def test_the_last_try_comes_before_the_day_is_over() -> None:
    assert next_try(1, NOW, NOW, 0.5) == NOW + timedelta(minutes=1)
    assert next_try(99, NOW, NOW + GIVE_UP - timedelta(hours=2), 0.5) is None


def test_a_channel_that_is_not_declared_is_named(context: Context) -> None:
    owe(context, "mail")
    assert deliver_due(context) == {"put back": 1}
    assert "no channel is called mail" in state(context, "mail")[2]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("mail:\n  kind: mail\n  to: [a@b.example]\n  from: w@b.example\n  smtp: smtp://me:pw@b.example\n", "line 5: mail.mail.smtp: an address with a user or password is a secret"),
        ("hook:\n  kind: webhook\n  url: https://me:pw@b.example/\n", "line 3: hook.webhook.url: an address with a user"),
        ("hook:\n  kind: webhook\n  url: https://b.example/\n  secret: hunter2\n", "line 4: hook.webhook.secret: a secret is not written here"),
        ("chat:\n  kind: notify\n  url: slack://token/x\n", "line 3: chat.notify.url: a secret is not written here"),
        ("chat:\n  kind: notify\n  url: env:X\n  colour: red\n", "line 4: chat.notify.colour: Extra inputs"),
        ("chat:\n  kind: pigeon\n", "line 1: chat"),
        ("inbox:\n  kind: notify\n  url: env:X\n", "is built in"),
        ("Big Name:\n  kind: notify\n  url: env:X\n", "no name of a channel"),
        ("- a\n", "line 1"),
        ("a: [\n", "not readable YAML"),
    ],
)  # fmt: skip
def test_a_declaration_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path, declared: str, said: str) -> None:
    (tmp_path / FILE).write_text(declared)
    with pytest.raises(InputError) as refused:
        load_channels(tmp_path)
    assert said in str(refused.value)
    assert FILE in str(refused.value)
    assert "pw" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_no_file_is_no_channel(tmp_path: Path) -> None:
    assert load_channels(tmp_path) == {}
    assert CHANNELS.validate_python({}) == {}


def test_a_claim_is_one_holders_and_is_taken_over_when_it_ran_out(context: Context) -> None:
    owe(context, "mail", 2)
    until = NOW + timedelta(minutes=10)
    with context.ledger.write() as connection:
        first = claim(connection, "mail", "elsewhere:1:mail", NOW, until)
        second = claim(connection, "mail", "elsewhere:2:mail", NOW, until)
        assert first
        assert second
        assert first.key != second.key
        assert claim(connection, "mail", "elsewhere:3:mail", NOW, until) is None
        assert find_due_channels(connection, NOW) == []
        assert find_due_channels(connection, until + timedelta(seconds=1)) == ["mail"]
        assert claim(
            connection, "mail", "elsewhere:3:mail", until + timedelta(seconds=1), until + timedelta(minutes=20)
        )


DELIVER = """
import sys
from pathlib import Path
from iprwatch.alerts.deliver import deliver_due
from iprwatch.context import Context
from iprwatch.settings import load_settings
with Context(load_settings(home=Path(sys.argv[1]), space="live", model="hash")) as context:
    print("ready", flush=True)
    deliver_due(context)
"""


def deliver_in_a_process(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", DELIVER, str(home)], stdout=subprocess.PIPE, text=True)


def assert_kills_lose_nothing(home: Path, rounds: int) -> None:
    """Kill senders at random points. Whatever the record calls sent is never sent again; whatever is owed arrives.

    A kill between a receiver's answer and the record's commit is the one case where a message comes twice, with the same key: at most
    one per channel and kill, and none that the record knew to be sent.
    """
    desk, hook, chance = SmtpDesk(), Hook(delay=0.002), random.Random(7)
    with (
        Context(load_settings(home=home, space="live", model="hash")) as context,
        smtp_server(desk) as port,
        webhook(hook) as url,
    ):
        declare(context, mail=mail_to(port), hook={"kind": "webhook", "url": url})
        owed = 0
        for n in range(rounds):
            owed = (n + 1) * 25
            owe(context, "mail", owed)
            owe(context, "hook", owed)
            with deliver_in_a_process(home) as sender:
                assert sender.stdout
                sender.stdout.readline()
                time.sleep(chance.uniform(0.0, 0.6))
                sender.send_signal(signal.SIGKILL)
            known = {c: {r.key for r in rows(context, c) if r.state == "sent"} for c in ("mail", "hook")}
            before = came(desk, hook)
            with deliver_in_a_process(home) as sender:
                assert sender.wait(120) == 0
            after = came(desk, hook)
            for channel, keys in known.items():
                assert all(after[channel][k] == before[channel][k] for k in keys), (
                    "what is known to be sent is not sent again"
                )
        for channel, counts in came(desk, hook).items():
            assert {r.state for r in rows(context, channel)} == {"sent"}
            assert set(counts) == {r.key for r in rows(context, channel)}
            assert len(counts) == owed
            assert sum(counts.values()) - owed <= rounds, "at most one repeat for each kill"


def came(desk: SmtpDesk, hook: Hook) -> dict[str, Counter[str]]:
    """How often each key arrived, by channel."""
    mails = Counter(str(mail["Message-ID"])[1:].partition("@")[0] for mail in desk.mails)
    return {"mail": mails, "hook": Counter(said["key"] for said in hook.taken)}


def test_senders_killed_at_random_points_lose_nothing_and_repeat_nothing_known(tmp_path: Path) -> None:
    assert_kills_lose_nothing(tmp_path, ROUNDS)


@pytest.mark.soak
def test_many_killed_senders_lose_nothing_and_repeat_nothing_known(tmp_path: Path) -> None:
    assert_kills_lose_nothing(tmp_path, int(os.environ.get("IPRWATCH_SOAK_ROUNDS", "100")))
