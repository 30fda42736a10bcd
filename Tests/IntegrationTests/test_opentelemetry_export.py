"""How spans are sent: headers, batches, statistics, the environment, bounds, waits that a collector asks for, the end."""
import pathlib
import re
import time

import pytest

import faulty_collector as c
from exporting import (  # noqa: F401 (fixtures)
    PROTOCOLS, Bounded, certificates, close, collector_of, lost, recovers, serve, settled, status, url_of)
from conftest import free_port, wait_for


def test_headers_batches_and_statistics(serve, close):
    collector = close(c.HTTPCollector())
    server, traffic = serve(collector.url, OTEL_EXPORTER_OTLP_HEADERS="authorization=Basic%20eA%3D%3D,x-tenant=a",
                            OTEL_BSP_MAX_EXPORT_BATCH_SIZE="10", OTEL_BSP_SCHEDULE_DELAY="2000")
    traffic.send(30)
    now = settled(server, traffic)
    assert lost(now) == {} and now["exported"] == len(collector.spans)
    assert all(h["authorization"] == "Basic eA==" and h["x-tenant"] == "a" for h in collector.headers)
    assert collector.headers[0][":line"] == "POST /v1/traces HTTP/1.1"
    sizes = [len(s.spans) for r in collector.requests for x in r.resource_spans for s in x.scope_spans]
    assert max(sizes) <= 10 and sizes.count(10) >= len(sizes) - 3
    assert collector.connections == 1
    assert now["endpoint"] == collector.url and now["last_error"] is None
    assert now["state"] == "idle" and now["attempt"] == 0 and now["retry_in_ms"] == 0 and now["losing"] is False


def test_own_cpu_time_is_said_by_thread(serve, close):
    """The two threads that make and send spans, by the names that `top -H` shows, as the kernel counts them."""
    collector = close(c.HTTPCollector())
    server, traffic = serve(collector.url)
    traffic.send(200)
    settled(server, traffic)
    threads = {t: s for t, s in kernel_cpu_ms(server).items() if t in ("opentelemetry", "otlp-exporter")}
    now = status(server)
    assert set(now["cpu_ms_by_thread"]) == set(threads) == {"opentelemetry", "otlp-exporter"}
    assert abs(now["cpu_ms"] - sum(now["cpu_ms_by_thread"].values())) <= 1
    for name, spent in threads.items():
        # The kernel shows ticks of 10 ms.
        assert spent - 1 <= now["cpu_ms_by_thread"][name] <= spent + 40, (name, spent, now["cpu_ms_by_thread"])
    assert now["cpu_ms"] > 0
    assert server.statistic("opentelemetry:span_maker_cpu_ms") >= now["cpu_ms_by_thread"]["opentelemetry"]
    assert server.statistic("opentelemetry:exporter_cpu_ms") >= now["cpu_ms_by_thread"]["otlp-exporter"]


def kernel_cpu_ms(server):
    out = {}
    for task in pathlib.Path("/proc/%d/task" % server.process.pid).iterdir():
        name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
        fields = rest.split()
        out[name] = (int(fields[11]) + int(fields[12])) * 10
    return out


def test_statistics_are_counters_and_gauges(serve, close):
    collector = close(c.HTTPCollector())
    server, traffic = serve(collector.url)
    traffic.send(20)
    now = settled(server, traffic)
    kinds = {k: v for k, v in server.mi("statistics:list", statistics=["opentelemetry:"]).items()}
    grows = {k.partition(":")[2] for k, v in kinds.items() if v == "incremental"}
    assert {"spans_submitted", "spans_exported", "spans_lost", "requests", "retries", "spans_made", "trees_kept", "records_lost",
            "answers_unreadable", "exporter_cpu_ms", "span_maker_cpu_ms"} <= grows
    assert {k.partition(":")[2] for k in kinds} - grows == {"queue_spans", "queue_bytes"}
    assert {"lost_" + cause for cause in now["lost"]} <= grows
    assert server.statistic("opentelemetry:spans_exported") == now["exported"]
    server.mi("statistics:reset", statistics=["opentelemetry:"])
    assert server.statistic("opentelemetry:spans_exported") == 0 == server.statistic("opentelemetry:requests")
    # What status tells is since the start, and the counters go on from their new zero.
    assert status(server)["exported"] == now["exported"]
    traffic.send(5)
    after = settled(server, traffic)
    assert server.statistic("opentelemetry:spans_exported") == after["exported"] - now["exported"] > 0


LARGE = {"OTEL_EXPORTER_OTLP_TIMEOUT": "20000", "OTEL_BSP_EXPORT_TIMEOUT": "20000", "OTEL_BSP_SCHEDULE_DELAY": "60000"}


def messages(server, traffic, count, body):
    """Requests with a body, two spans each; no more of them at a time than a process's notes have room for."""
    for number in range(1, count + 1):
        traffic.calls += 1
        traffic.request("OPTIONS", traffic.calls, 1, body=body)
        traffic.answer()
        if number % 2 == 0:
            wait_for(lambda: status(server)["submitted"] == 2 * number, "the spans")


def raws(collector):
    return [a.value.string_value for s in collector.spans for a in s.attributes if a.key == "sip.raw"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_batch_of_mebibytes_is_one_request(serve, close, protocol):
    """Larger than what collectors take by gRPC unless they are told to (4 MiB), far from what a request may be."""
    collector = close(collector_of(protocol)())
    server, traffic = serve(collector.url, parameters=[("sip_raw", 1)], OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
                            OTEL_BSP_MAX_EXPORT_BATCH_SIZE="240", **LARGE)
    body = "x" * 50_000
    messages(server, traffic, 120, body)
    now = wait_for(lambda: status(server) if status(server)["exported"] else None, "the batch", 30)
    assert now["requests"] == 1 and lost(now) == {} and now["exported"] == 240 == len(collector.spans)
    assert 5 << 20 < sum(map(len, raws(collector))) < 8 << 20
    assert all(raw.endswith("\r\n\r\n" + body) for raw in raws(collector))


def test_a_batch_larger_than_a_request_is_sent_in_parts(serve, close):
    """JSON writes six bytes for a control character, so that what the queue may hold can be more than a request may be, 64 MiB."""
    sizes = []

    async def behave(collector, reader, writer, headers, body):
        sizes.append(len(body))
        await c.well(collector, reader, writer, headers, body)
    collector = close(c.HTTPCollector(behave))
    server, traffic = serve(collector.url, parameters=[("sip_raw", 1)], OTEL_EXPORTER_OTLP_PROTOCOL="http/json",
                            OTEL_BSP_MAX_EXPORT_BATCH_SIZE="420", **LARGE)
    body = "\x01" * 60_000
    messages(server, traffic, 210, body)
    now = wait_for(lambda: status(server) if status(server)["exported"] == 420 else None, "the batch", 60)
    assert lost(now) == {} and len(collector.spans) == 420 == len({s.span_id for s in collector.spans})
    assert len(sizes) == now["requests"] == 2 and max(sizes) <= 64 << 20 < sum(sizes), sizes
    assert [r for r in raws(collector) if r.endswith("\r\n\r\n" + body)] == raws(collector) and len(raws(collector)) == 210


BAD = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "ftp://c",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "carrier-pigeon", "OTEL_EXPORTER_OTLP_HEADERS": "novalue", "OTEL_EXPORTER_OTLP_TIMEOUT": "10s",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "brotli", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere.pem",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/nowhere.key", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/nowhere-either.pem",
    "OTEL_EXPORTER_OTLP_INSECURE": "yes", "OTEL_RESOURCE_ATTRIBUTES": "novalue", "OTEL_SDK_DISABLED": "maybe",
    "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "half", "OTEL_BSP_SCHEDULE_DELAY": "soon",
    "OTEL_BSP_EXPORT_TIMEOUT": "1.5", "OTEL_BSP_MAX_QUEUE_SIZE": "-4", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "many",
}


def test_a_bad_environment_is_told_and_the_defaults_used(serve, close):
    """Every variable at once; the values of each are in OpenTelemetryTests/EnvironmentTests."""
    collector = close(c.HTTPCollector())
    server, traffic = serve(collector.url, parameters=[("use_batch", "0")], **BAD)
    traffic.send(3)
    now = settled(server, traffic)
    assert lost(now) == {} and now["exported"] == len(collector.spans) and now["enabled"] == 1
    assert (now["protocol"], now["compression"], now["queue"]["spans_max"]) == ("http/protobuf", "none", 16384)
    log = server.log_path.read_text()
    # The sampler itself is a good one, so that its argument is looked at.
    assert [name for name in BAD if not re.search(r"\b%s\b" % name, log)] == ["OTEL_TRACES_SAMPLER"]


def test_a_certificate_that_is_none_is_told_and_calls_go_on(serve, close, tmp_path):
    """A file that is there and holds no certificate: known when the exporter makes its connections."""
    rubbish = tmp_path / "ca.pem"
    rubbish.write_text("this is no certificate\n")
    collector = close(c.HTTPCollector())
    server, traffic = serve("https://localhost:%d/v1/traces" % collector.port, OTEL_EXPORTER_OTLP_CERTIFICATE=str(rubbish))
    traffic.call(2)
    now = settled(server, traffic)
    assert lost(now) == {"tls": now["submitted"]}
    assert "no connection can be set up" in server.log_path.read_text()


@pytest.mark.parametrize("header, least", [("Retry-After: 3", 2.9), (None, 1.5)], ids=["seconds", "date"])
def test_retry_after_is_kept(serve, close, header, least):
    asked = []

    async def behave(collector, reader, writer, headers, body):
        asked.append(time.monotonic())
        date = time.strftime("Retry-After: %a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3))
        writer.write(c.response("503 Service Unavailable", b"no", header or date))
    collector = close(c.HTTPCollector(behave))
    server, traffic = serve(collector.url, OTEL_BSP_EXPORT_TIMEOUT="60000")
    traffic.send(1)
    wait_for(lambda: collector.asked == 1, "the first request")
    collector.behave = c.well
    now = settled(server, traffic)
    assert lost(now) == {} and now["retries"] >= 1
    assert collector.times[0] - asked[-1] > least


def test_a_wait_without_end_is_a_minute(serve, close):
    """Where batches may take their usual 30 s; that spans flow again after such a wait is in the table of faults."""
    collector = close(c.HTTPCollector(c.says("503 Service Unavailable", "Retry-After: 99999999999999")))
    server, traffic = serve(collector.url, OTEL_BSP_EXPORT_TIMEOUT="30000")
    traffic.send(1)
    now = wait_for(lambda: status(server) if status(server)["state"] == "waiting to retry" else None, "the wait")
    assert 50_000 < now["retry_in_ms"] <= 60_000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_client_certificate(serve, close, certificates, protocol):
    collector = close(c.GRPCCollector(credentials=certificates.credentials("good", client=True)) if protocol == "grpc" else
                      c.HTTPCollector(context=certificates.context("good", client=True)))
    server, traffic = serve(collector.url, OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
                            OTEL_EXPORTER_OTLP_CERTIFICATE=certificates.authority,
                            OTEL_EXPORTER_OTLP_CLIENT_KEY=str(certificates.directory / "other.key"),
                            OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(certificates.directory / "other.pem"))
    traffic.send(5)
    assert lost(settled(server, traffic)) == {} and collector.spans


def test_a_full_queue_is_counted_and_memory_is_bounded(serve, close):
    collector = close(c.HTTPCollector(c.never))
    server, traffic = serve(collector.url, OTEL_BSP_MAX_QUEUE_SIZE="50", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="10",
                            OTEL_EXPORTER_OTLP_TIMEOUT="60000", OTEL_BSP_EXPORT_TIMEOUT="60000")
    memory = Bounded(server)
    traffic.send(100)
    traffic.send(1500)
    now = status(server)
    assert now["queue"]["spans"] <= 50 and now["lost"]["queue_full"] > 500 and set(lost(now)) == {"queue_full"}
    memory.check()
    assert server.tail().count("spans are being lost (queue_full)") == 1


@pytest.mark.parametrize("behave", [c.well, c.never], ids=["well", "silent"])
def test_the_end_sends_what_is_queued_in_bounded_time(serve, close, behave):
    collector = close(c.HTTPCollector(behave))
    server, traffic = serve(collector.url, OTEL_BSP_SCHEDULE_DELAY="60000", OTEL_EXPORTER_OTLP_TIMEOUT="60000")
    traffic.send(20)
    now = wait_for(lambda: status(server) if status(server)["submitted"] >= 20 else None, "spans to be handed over")
    begin = time.monotonic()
    server.stop()
    assert time.monotonic() - begin < 5
    if behave is c.well:
        assert len(collector.spans) >= now["submitted"]
    else:
        assert "spans were not delivered before the end" in server.tail()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_loss_has_a_line_when_it_begins_and_one_when_it_ends(serve, close, protocol):
    """Down at the start, up, down in mid-run, up: no restart, and two lines for each time."""
    port = free_port()
    server, traffic = serve(url_of(protocol, port), OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
    memory = Bounded(server)
    traffic.call()
    traffic.call(6)
    assert lost(settled(server, traffic)) == {"unreachable": status(server)["submitted"]}
    first = collector_of(protocol)(port=port)
    recovers(server, traffic, first)
    settled(server, traffic)
    first.close()
    before = status(server)["lost"]["unreachable"]
    traffic.call(6)
    now = settled(server, traffic)
    assert now["lost"]["unreachable"] > before and set(lost(now)) == {"unreachable"}
    again = close(collector_of(protocol)(port=port))
    recovers(server, traffic, again)
    memory.check()

    def over():
        traffic.call()
        return not status(server)["losing"] and server.log_path.read_text().rpartition("spans are ")[2].startswith("lost")
    wait_for(over, "the loss to be over")
    log = server.log_path.read_text()
    assert log.count("spans are being lost (unreachable)") == log.count("no more spans are lost") in (1, 2)
    assert sum(map(int, re.findall(r"no more spans are lost; \d+ were, in \d+ s: unreachable (\d+)\n", log))) == \
        status(server)["lost"]["unreachable"]
