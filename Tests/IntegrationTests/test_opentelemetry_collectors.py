"""Spans through a real collector, by all three protocols, one and two of them in a row; and the configurations in the docs."""
import pathlib
import re

import pytest
import yaml

import faulty_collector as c
from exporting import PROTOCOLS, Rotel, close, lost, serve, settled  # noqa: F401 (fixtures)
from conftest import wait_for

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
