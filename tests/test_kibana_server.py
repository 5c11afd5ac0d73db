"""Kibana's HTTP API played at the edge, and every query of every object on a real node, wrapped as Kibana wraps it.

Kibana itself does not run here: what is held is what we send, what we make of its answers, and what Elasticsearch makes of its queries.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from test_kibana import read_link

from iprwatch.cli.stores import print_findings
from iprwatch.context import Context
from iprwatch.doctor import Finding, examine
from iprwatch.errors import InputError, NotFound
from iprwatch.flow import index_queued, understand
from iprwatch.kibana import check, elastic, install, link_item, link_question, wanted_objects
from iprwatch.seeds import land_rows
from iprwatch.settings import Settings
from search.client import connect
from search.cluster import probe_cluster, read_analysers, read_disks, read_licence
from search.index import SearchError, ServerRefused, ServerUnavailable
from search.kibana.api import Kibana

NOW = datetime(2026, 11, 25, tzinfo=UTC)


class Played(BaseHTTPRequestHandler):
    """Status, spaces, import, export and dashboards, as far as we use them."""

    server: Stage

    def answer(self, status: int, body: Any = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def play(self) -> None:
        stage, content = self.server, self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        stage.asked.append((self.command, self.path))
        if stage.failing:
            return self.answer(stage.failing, {"message": "as told"})
        if stage.key and self.headers.get("Authorization") != f"ApiKey {stage.key}":
            return self.answer(401, {"message": "no such key"})
        if self.command != "GET" and self.headers.get("kbn-xsrf") is None:
            return self.answer(400, {"message": "Request must contain a kbn-xsrf header."})
        if path == "/api/status":
            return self.answer(200, {"version": {"number": stage.version}})
        if path.startswith("/api/spaces/space"):
            if self.command == "POST":
                stage.spaces.add(json.loads(content)["id"])
            known = self.command == "POST" or path.rpartition("/")[2] in stage.spaces
            return self.answer(200 if known else 404, {})
        space, rest = re.fullmatch(r"(?:/s/([^/]+))?(/.*)", path).groups()  # type: ignore[union-attr]
        if space and space not in stage.spaces:
            return self.answer(404, {"message": "Not Found"})
        objects = stage.objects.setdefault(space or "", {})
        if rest == "/api/saved_objects/_import":
            return self.bring_in(objects, content)
        if rest == "/api/saved_objects/_export":
            return self.answer(200, "\n".join(map(json.dumps, objects.values())).encode())
        if rest.startswith("/api/dashboards/"):
            if stage.refuses_dashboards:
                return self.answer(400, {"message": "[panels.0]: unknown"})
            id = rest.rpartition("/")[2]
            objects["dashboard", id] = {"type": "dashboard", "id": id, "attributes": json.loads(content), "api": True}
            return self.answer(200, {"id": id})
        return self.answer(404, {"message": "Not Found"})

    def bring_in(self, objects: dict[tuple[str, str], Any], content: bytes) -> None:
        assert "overwrite=true" in self.path
        lines = [json.loads(line) for line in content.decode().splitlines() if line.startswith("{")]
        lost = [line for line in lines for r in line["references"] if (r["type"], r["id"]) not in
                objects.keys() | {(each["type"], each["id"]) for each in lines}]  # fmt: skip
        objects.update({(line["type"], line["id"]): line for line in lines if line not in lost})
        errors = [{"type": e["type"], "id": e["id"], "error": {"type": "missing_references"}} for e in lost]
        self.answer(200, {"success": not errors, "errors": errors})

    do_GET = do_POST = do_PUT = play  # noqa: N815  the library's names

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Stage(ThreadingHTTPServer):
    """The played Kibana's state."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Played)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.version, self.key, self.failing, self.refuses_dashboards = "9.5.3", "", 0, False
        self.spaces: set[str] = set()
        self.objects: dict[str, dict[tuple[str, str], Any]] = {}
        self.asked: list[tuple[str, str]] = []


@pytest.fixture
def stage() -> Iterator[Stage]:
    server = Stage()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def world(elasticsearch_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """Twelve articles of this week in indices of their own."""
    prefix = f"k{os.urandom(6).hex()}"
    home = tmp_path_factory.mktemp("kibana")
    settings = Settings(home=home, space="live", model="hash", index="elasticsearch", elasticsearch_url=elasticsearch_url)  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for module in ("engines", "kibana"):
            patch.setattr(f"iprwatch.{module}.index_prefix", lambda _: prefix)
        watches = home / "live" / "watches"
        watches.mkdir(parents=True)
        (watches / "designs.yaml").write_text("title: Designs\nquery: design protection\n")
        (watches / "words.yaml").write_text("title: Words\nquery: fees\nmode: keyword\n")
        with Context(settings.prepared()) as context:
            land_rows(context, rows(12), 100)
            understand(context)
            index_queued(context)
            yield context
    with connect(elasticsearch_url) as client:
        client.indices.delete(index=f"{prefix}-*")


def rows(count: int) -> list[dict[str, str]]:
    day = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    return [
        {
            "url": f"https://office.example/{n}",
            "title": f"Notice {n} on access to vaccines and patents",
            "text": f"The office tells applicants word{n} about patents, medicines and fees {n * 7919}. " * 6,
            "published": day,
            "language": "en",
        }
        for n in range(count)
    ]


def staged(world: Context, stage: Stage, **given: Any) -> Context:
    """The same world with the played Kibana."""
    settings = world.settings.model_copy(update={"kibana_url": stage.url, **given})
    context = Context(settings)
    context.__dict__.update({k: v for k, v in world.__dict__.items() if k not in ("settings",)})
    return context


def wrapped(pill: Any) -> dict[str, Any]:
    """As Kibana sends a pill together with its time range."""
    window = {"range": {"published": {"gte": "now-90d", "lte": "now", "format": "strict_date_optional_time"}}}
    return {"bool": {"must": [], "filter": [pill, window], "should": [], "must_not": []}}


def test_installed_twice_is_the_same_and_checks_clean(world: Context, stage: Stage) -> None:
    context = staged(world, stage, kibana_space="ip")
    before = check(context)
    assert before[0].startswith("vector theme-"), "nothing is there yet"
    assert before[-1].startswith("space ip is missing")
    done = install(context)
    first = json.dumps(sorted(stage.objects["ip"].items()))
    assert install(context) == done
    assert json.dumps(sorted(stage.objects["ip"].items())) == first
    assert done.objects == len(stage.objects["ip"])
    assert done.notes == ()
    assert check(context) == []
    assert all(o.get("api") for (kind, _), o in stage.objects["ip"].items() if kind == "dashboard")
    assert set(stage.objects) == {"ip"}, "one space only"
    del stage.objects["ip"]["search", f"{prefix_of(world)}-theme-t02"]
    assert check(context) == [f"search {prefix_of(world)}-theme-t02 is missing"]


def prefix_of(world: Context) -> str:
    return world.index.prefix  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize(("version", "refuses"), [("9.4.2", False), ("9.5.0-SNAPSHOT", True)])
def test_where_there_is_no_dashboards_api_they_are_imported(
    world: Context, stage: Stage, version: str, refuses: bool
) -> None:
    stage.version, stage.refuses_dashboards = version, refuses
    context = staged(world, stage)
    done = install(context)
    assert len(done.notes) == (3 if refuses else 0)
    assert check(context) == []
    assert not any(o.get("api") for o in stage.objects[""].values())


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"key": "right"}, ServerRefused, "IPRWATCH_KIBANA_API_KEY"),
        ({"version": "8.19.4"}, ServerRefused, "Kibana is 8.19.4; 9.4 or newer"),
        ({"version": "?"}, ServerRefused, "is no Kibana"),
        ({"failing": 403}, ServerRefused, "privileges"),
        ({"failing": 404}, ServerRefused, "IPRWATCH_KIBANA_SPACE"),
        ({"failing": 409}, ServerUnavailable, "install again"),
        ({"failing": 503}, ServerUnavailable, "not ready"),
        ({"failing": 500}, ServerRefused, "refused a request"),
    ],
)
def test_a_kibana_that_will_not_do_is_named(
    stage: Stage, change: dict[str, Any], error: type[SearchError], said: str
) -> None:
    for name, value in change.items():
        setattr(stage, name, value)
    with Kibana(stage.url, api_key="wrong") as kibana, pytest.raises(error, match=said):
        kibana.install([])
    assert stage.objects == {}, "nothing was put in place"


def test_an_object_that_is_refused_is_named(world: Context, stage: Stage) -> None:
    searches = [each for each in wanted_objects(staged(world, stage)) if each.type == "search"]
    with Kibana(stage.url) as kibana, pytest.raises(ServerRefused, match="missing_references"):
        kibana.install(searches)


@pytest.mark.parametrize("url", ["localhost:5601", "", "http://127.0.0.1:9"])
def test_no_kibana_is_said_with_its_setting(url: str) -> None:
    with pytest.raises(SearchError, match="IPRWATCH_KIBANA_URL"), Kibana(url) as kibana:
        kibana.version()


def find_pills(context: Context) -> Iterator[Any]:
    """Every query of every saved search."""
    for each in wanted_objects(context):
        if each.type == "search":
            source = json.loads(each.attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
            yield from (pill["query"] for pill in source["filter"])


def search(world: Context, index: str, **body: Any) -> Any:
    return world.index.client.search(index=f"{prefix_of(world)}-{index}", **body)  # type: ignore[attr-defined]


def test_every_saved_search_finds_on_the_node(world: Context, stage: Stage) -> None:
    install(staged(world, stage))
    pills = list(find_pills(world))
    assert len(pills) == 33
    for query in pills:
        answer = search(world, "passages", query=wrapped(query), size=500, aggs={"days": {"date_histogram": {"field": "published", "calendar_interval": "day"}}})  # fmt: skip
        assert len({hit["_source"]["article"] for hit in answer["hits"]["hits"]}) == 12
        charted = search(world, "passages", query=wrapped(query), size=0, track_total_hits=True)
        assert charted["hits"]["total"]["value"] == answer["hits"]["total"]["value"], "a chart's request has size 0"


def aggregation(column: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    """A column of Lens as the aggregation Kibana makes of it."""
    kind, field, params = column["operationType"], column.get("sourceField"), column["params"]
    if kind == "date_histogram":
        return {"date_histogram": {"field": field, "fixed_interval": "1d", "min_doc_count": 0}, "aggs": inner}
    if kind == "terms":
        return {"terms": {"field": field, "size": params["size"]}, "aggs": inner}
    if kind == "filters":
        terms = {f["label"]: f["input"]["query"].partition(": ") for f in params["filters"]}
        return {"filters": {"filters": {label: {"term": {name: value.strip('"')}} for label, (name, _, value) in terms.items()}}, "aggs": inner}  # fmt: skip
    if kind == "count":
        return {"value_count": {"field": "article"}}
    return {{"unique_count": "cardinality", "max": "max"}[kind]: {"field": field}}


def test_every_chart_counts_on_the_node(world: Context) -> None:
    charts = 0
    for each in wanted_objects(world):
        for panel in json.loads(each.attributes.get("panelsJSON", "[]")):
            (layer,) = panel["embeddableConfig"]["attributes"]["state"]["datasourceStates"]["formBased"][
                "layers"
            ].values()
            columns = layer["columns"]
            assert set(layer["columnOrder"]) == set(columns)
            aggs: dict[str, Any] = {id: aggregation(c, {}) for id, c in columns.items() if not c["isBucketed"]}
            for id in [id for id in ("by", "x") if id in columns]:
                aggs = {id: aggregation(columns[id], aggs)}
            answer = search(world, "articles", size=0, aggs=aggs)["aggregations"]["x"]["buckets"]
            assert answer, panel["title"]
            assert re.search(r'"value": [1-9]', json.dumps(answer)), f"{panel['title']} counts nothing"
            charts += 1
    assert charts == 6


def test_an_asked_question_is_there_at_once_and_opens_what_it_asks(world: Context, stage: Stage) -> None:
    context = staged(world, stage, kibana_space="ip")
    link = link_question(context, "  access to   vaccines ", days=30)
    assert link == link_question(context, "access to vaccines", days=30)
    assert link.startswith(f"{stage.url}/s/ip/app/discover#/")
    (pill,) = read_link(link)["_a"]["filters"]
    assert pill["meta"]["alias"] == "Near in meaning: access to vaccines"
    assert search(world, "passages", query=wrapped(pill["query"]))["hits"]["total"]["value"] >= 12
    with pytest.raises(InputError, match="no question"):
        link_question(context, "  ")


def test_more_like_an_item_leaves_the_item_out(world: Context, stage: Stage) -> None:
    context = staged(world, stage)
    article = next(world.index.scan())[0]
    (pill,) = read_link(link_item(elastic(context), context.settings, article))["_a"]["filters"]
    found = search(world, "passages", query=wrapped(pill["query"]), size=500)["hits"]["hits"]
    assert {hit["_source"]["article"] for hit in found} == {id for id, _ in world.index.scan()} - {article}
    with pytest.raises(NotFound, match="no-such"):
        link_item(elastic(context), context.settings, "no-such")


def test_another_engine_is_said(tmp_path: Path) -> None:
    with Context(Settings(home=tmp_path, model="hash")) as context, pytest.raises(InputError, match="IPRWATCH_INDEX"):
        install(context)


# What a cluster has and lacks


def test_a_bare_node_is_examined_without_a_crash(world: Context) -> None:
    probes = {p.part: p for p in probe_cluster(world.index.client, "x")}  # type: ignore[attr-defined]
    assert probes["version"].good
    assert {"licence", "analysers", "privileges", "disk"} <= probes.keys()
    if not probes["licence"].good:
        assert "cannot be asked" in probes["licence"].fact
    assert all(p.remedy or p.good for p in probes.values())


def test_the_doctor_names_a_cluster_that_is_away(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, model="hash", index="elasticsearch", elasticsearch_url="http://127.0.0.1:9")
    (found,) = [f for f in examine(settings) if f.part.startswith("Elasticsearch")]
    assert not found.good
    assert "cannot be reached" in found.fact


def test_a_servers_words_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_findings([Finding("privileges", False, False, "no handler for [/_security/user]", "None")])
    assert "[/_security/user]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("licence", "good", "said"),
    [
        ({"type": "basic", "status": "active"}, True, "basic, active"),
        ({"type": "trial", "status": "active", "days": 25}, True, "25 days left"),
        ({"type": "trial", "status": "active", "days": 3}, False, "3 days left"),
        ({"type": "gold", "status": "expired", "days": -4}, False, "expired"),
    ],
)
def test_a_licence_is_judged(licence: dict[str, Any], good: bool, said: str) -> None:
    days = licence.pop("days", None)
    if days is not None:
        licence["expiry_date_in_millis"] = int((NOW + timedelta(days=days, hours=1)).timestamp() * 1000)
    probe = read_licence(licence, NOW)
    assert probe.good is good
    assert said in probe.fact
    assert good or "start_basic" in probe.remedy


def test_disks_and_analysers_are_judged() -> None:
    full = read_disks(
        [{"node": "a", "disk.percent": "40"}, {"node": "b", "disk.percent": "91"}, {"node": "UNASSIGNED"}]
    )
    assert (full.good, full.fact) == (False, "b is 91 % full")
    assert not read_disks([]).good
    lacking = read_analysers(["english"])
    assert not lacking.good
    assert "german" in lacking.fact
    assert not lacking.needed
