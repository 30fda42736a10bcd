"""Spans through a real collector, by all three protocols, one and two of them in a row; and the configurations in the docs."""
import pathlib
import re

import pytest
import yaml

import faulty_collector as c
from clickhouse import ClickHouse
from exporting import HERE, PROTOCOLS, Rotel, close, lost, serve, settled, status  # noqa: F401 (fixtures)
from conftest import free_port, sessions, wait_for

DOCS = pathlib.Path(__file__).parent / "../../docs"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_real_collector(serve, close, tmp_path, protocol, compression):
    behind = close(c.HTTPCollector())
    rotel = close(Rotel(tmp_path, behind.port))
    arrive(serve, rotel, behind, protocol, compression)


def test_two_collectors_in_a_row(serve, close, tmp_path):
    """As on a site: one on the machine, a central one behind it; gRPC between them."""
    behind = close(c.HTTPCollector())
    central = close(Rotel(tmp_path, behind.port))
    near = close(Rotel(tmp_path, central.grpc, "grpc"))
    arrive(serve, near, behind, "http/protobuf", "gzip")


def arrive(serve, rotel, behind, protocol, compression):
    """What was sent to a collector comes out behind it, each span once and unchanged in what names it."""
    server, traffic = serve(None, OTEL_EXPORTER_OTLP_PROTOCOL=protocol, OTEL_EXPORTER_OTLP_COMPRESSION=compression,
                            OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:%d" % (rotel.grpc if protocol == "grpc" else rotel.http),
                            OTEL_SERVICE_NAME="edge", OTEL_EXPORTER_OTLP_TIMEOUT="5000", OTEL_BSP_EXPORT_TIMEOUT="20000")
    traffic.call(5)
    now = settled(server, traffic)
    assert lost(now) == {} and now["protocol"] == protocol and now["compression"] == compression
    wait_for(lambda: len(behind.spans) >= now["exported"], "rotel to pass the spans on")
    assert len(behind.spans) == now["exported"]
    spans = {s.span_id: s for s in behind.spans}
    assert len(spans) == now["exported"]
    # Whole trees, with the attributes that name them.
    assert all(not s.parent_span_id or s.parent_span_id in spans for s in spans.values())
    calls = {a.value.string_value for s in spans.values() for a in s.attributes if a.key == "sip.call_id"}
    assert calls == {"%d-%d@test" % (traffic.port, n) for n in range(1, 6)}
    resources = {a.key: a.value.string_value for r in behind.requests for x in r.resource_spans for a in x.resource.attributes}
    assert resources["service.name"] == "edge"


def sql():
    """The statements in the docs: the table, then the queries."""
    return [s.strip().rstrip(";") for s in re.findall(r"```sql\n(.*?)```", (DOCS / "opentelemetry.md").read_text(), re.S)]


def test_clickhouse_behind_a_collector(start, sipp, events, close, tmp_path, monkeypatch):
    """The table and the queries of the docs, on calls: what they say is what the events of the same traffic say."""
    house = close(ClickHouse(tmp_path / "house"))
    table, slowest, answers, errors, call = sql()
    house.query("CREATE DATABASE otel")
    house.query(table)
    rotel = close(Rotel(tmp_path, 0, exporter=[
        "--exporter", "clickhouse", "--clickhouse-exporter-endpoint", "http://127.0.0.1:%d" % house.port,
        "--clickhouse-exporter-compression", "none", "--clickhouse-exporter-async-insert", "false"]))
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    script = (HERE / "cfg" / "spine.cfg").read_text().replace("\troute(nested);\n", "\troute(nested);\n\troute(fails);\n", 1)
    port = free_port()
    server = start(script + "route[fails] { return(-7); }\n", UAS_PORT=port, BUSY_PORT=1, DEAD_PORT=1, EXTRA=(
        'loadmodule "opentelemetry.so"\nmodparam("opentelemetry", "enable", 1)\n'
        'modparam("opentelemetry", "exporter_endpoint", "http://127.0.0.1:%d/v1/traces")\n' % rotel.http))
    server.subscribe(events, "E_PROFILING_SCRIPT")
    callee = sipp("uas_call", port=port, calls=5)
    sipp("uac_call", "%s:%d" % (server.address, server.port), calls=5, rate=50, arguments=["-s", "callee"]).finish()
    callee.finish()

    def there():
        now, rows = status(server), house.query("SELECT count() AS n FROM otel.otel_traces")
        return now["submitted"] == now["exported"] == rows[0]["n"] > 50
    events.whole(least=30)
    wait_for(there, "the spans to be in the table: %s %s" % (status(server), house.errors))
    assert not house.errors
    groups = sessions(events.all())
    starts = [g[0] for g in groups.values()]
    rows = house.query(slowest)
    assert len(rows) == 20 and [r["ms"] for r in rows] == sorted((r["ms"] for r in rows), reverse=True)
    assert {r["SpanName"] for r in rows} <= {"INVITE request", "INVITE branch", "INVITE onreply", "ACK request", "BYE request", "BYE onreply"}
    assert all(r["call"] for r in rows)
    replies = {(r["method"], r["status"]): r["answers"] for r in house.query(answers)}
    assert replies[("INVITE", "180")] == replies[("INVITE", "200")] == 5
    assert sum(replies.values()) == sum(s["type"] == 4 for s in starts)
    times = sum(r["verb"] == "enter" and r["name"] == "fails" for g in groups.values() for r in g)
    line = next(r["line"] for g in groups.values() for r in g if r["verb"] == "enter" and r["name"] == "fails")
    assert house.query(errors) == [{"SpanName": "fails", "line": str(line), "error": "-7", "times": times}] and times >= 15
    one = next(r["call"] for r in rows if r["SpanName"] == "INVITE request")
    spans = house.query(call.replace("1-32046@127.0.0.1", one))
    ids = {s["SpanId"] for s in spans}
    assert [s["SpanName"] for s in spans if s["ParentSpanId"] not in ids] == ["INVITE request"]
    assert {"t_relay", "per_branch", "INVITE onreply", "fails"} <= {s["SpanName"] for s in spans}


def test_the_configurations_in_the_docs_can_be_read():
    """YAML that parses, whose pipelines name what is configured, and whose keys are those that were looked up in the collectors' documentation."""
    text = (DOCS / "opentelemetry.md").read_text()
    documents = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.S)]
    assert documents
    known = {"otlp": {"endpoint", "tls"}, "clickhouse": {"endpoint", "database", "ttl", "create_schema"},
             "memory_limiter": {"check_interval", "limit_mib"}, "batch": {"send_batch_size", "timeout"}}
    exporters = set()
    for document in documents:
        for kind in ("receivers", "processors", "exporters"):
            for name, body in document[kind].items():
                if kind == "receivers":
                    assert set(body) == {"protocols"} and set(body["protocols"]) <= {"http", "grpc"}
                else:
                    assert set(body) <= known[name.partition("/")[0]], name
        for pipeline in document["service"]["pipelines"].values():
            for kind in ("receivers", "processors", "exporters"):
                assert set(pipeline[kind]) <= set(document[kind])
        exporters |= set(document["exporters"])
    assert {e.partition("/")[2] or e for e in exporters} == {"jaeger", "tempo", "clickhouse"}
