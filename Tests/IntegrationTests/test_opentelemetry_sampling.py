"""Which traces are sent, what the environment says, and what a script must not say."""
import re

import pytest

from collector import collector, module, sent  # noqa: F401 (fixture)
from conftest import wait_for
from peer import Peer
from test_calls import spine  # noqa: F401 (fixture)


def options(server, count, user="x"):
    peer = Peer(server)
    for number in range(count):
        peer.request("OPTIONS", user, branch=str(number), cseq=number + 1)
        peer.expect(200)
    peer.close()


def test_every_so_manieth_tree_is_kept_and_the_rest_is_counted(spine, collector):
    server = spine(EXTRA=module(collector, "enable=1", "keep_every=5"))
    options(server, 20)
    wait_for(lambda: server.mi("opentelemetry:status")["sampling"]["trees_not_kept"] == 16, "what was not kept")
    spans = sent(server, collector)
    assert sum(1 for s in spans if s.name == "OPTIONS request") == 4
    assert server.statistic("opentelemetry:trees_kept") == 4
    assert server.statistic("opentelemetry:trees_not_kept") == 16


def test_trees_are_kept_by_rules(spine, collector):
    server = spine(EXTRA=module(collector, "enable=1", "keep_every=0", 'keep_methods="register"', "keep_failed=1"))
    options(server, 5)
    peer = Peer(server)
    peer.register("user1", [(5060, 1)])
    peer.close()
    spans = sent(server, collector)
    assert {s.name for s in spans if s["sipray.session.id"]} == {"REGISTER request"}
    assert server.mi("opentelemetry:status")["sampling"]["trees_not_kept"] == 5


def test_failed_and_slow_trees_are_kept(start, collector):
    """A route that returns less than 0 is an error; 5 ms are slow."""
    rules = module(collector, "enable=1", "keep_every=0", "keep_failed=1", "slow_us=5000")
    server = start("waiting.cfg", EXTRA=rules, ROUTE="""
        route {
            if ($rU == "fails") route(bad);
            if ($rU == "lasts") route(long);
            send_reply(200, "OK");
        }
        route[bad] { return(-1); }
        route[long] {
            $var(i) = 0;
            while ($var(i) < 30) {
                $var(j) = 0;
                while ($var(j) < 9000) { $var(j) = $var(j) + 1; }
                $var(i) = $var(i) + 1;
            }
        }
        """)
    for user in ("fine", "fails", "lasts", "fine"):
        options(server, 1, user)
    seen = ("opentelemetry:trees_kept", "opentelemetry:trees_not_kept")
    wait_for(lambda: sum(server.statistic(name) for name in seen) == 4, "all trees to be judged")
    spans = sent(server, collector)
    roots = [s for s in spans if s["sipray.session.id"]]
    slow = {s["sip.request.uri"].partition("@")[0] for s in roots if s.end - s.start >= 5_000_000}
    # A machine that is held up may make any of them slow.
    assert {s["sip.request.uri"].partition("@")[0] for s in roots} == {"sip:fails"} | slow and "sip:lasts" in slow
    assert [s["error.type"] for s in spans if s.status == 2 and s.name == "bad"] == ["-1"]
    assert all(s.status != 2 for s in spans if s.name == "long")


def test_the_environment_samples_and_names(spine, collector, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from-environment")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test%20bed")
    server = spine(EXTRA=module(collector, "enable=1"))
    options(server, 3)
    wait_for(lambda: server.mi("opentelemetry:status")["sampling"]["trees_not_sampled"] == 3, "what was not sampled")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "nonsense")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "maybe")
    other = spine(EXTRA=module(collector, "enable=1"))
    options(other, 3)
    spans = sent(other, collector)
    assert spans[0].resource["service.name"] == "from-environment"
    assert spans[0].resource["deployment.environment.name"] == "test bed"
    log = other.log_path.read_text()
    assert "OTEL_TRACES_SAMPLER is 'nonsense'" in log and "OTEL_SDK_DISABLED is 'maybe'" in log


def test_without_batches_spans_leave_at_once(spine, collector, monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    batching, single = (spine(EXTRA=module(collector, "enable=1", "use_batch=%d" % value)) for value in (1, 0))
    options(batching, 1)
    wait_for(lambda: batching.mi("opentelemetry:status")["submitted"] > 0, "a span to wait")
    options(single, 1)
    wait_for(lambda: single.mi("opentelemetry:status")["exported"] > 0, "a span to leave")
    assert batching.mi("opentelemetry:status")["exported"] == 0


def test_a_disabled_sdk_cannot_be_switched_on(spine, collector, monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    server = spine(EXTRA=module(collector, "enable=1"))
    assert server.mi("opentelemetry:status")["enabled"] == 0
    assert "OTEL_SDK_DISABLED" in server.mi_call("opentelemetry:enable", {"enable": 1})["error"]["data"]
    assert server.mi("opentelemetry:enable", enable=0) == {"enabled": 0}


@pytest.mark.parametrize("line", ['redact="names"', "enable=2", "log_level=9", "keep_every=-1", "slow_us=-5"])
def test_a_bad_parameter_is_refused_with_its_place(start, collector, line):
    server = start("spine.cfg", UAS_PORT=1, BUSY_PORT=1, DEAD_PORT=1, EXTRA=module(collector, line), wait=False)
    assert server.process.wait(10) == 1
    server.log.flush()
    assert re.search(r"sipray\.cfg:\d+:\d+: .*%s" % line.partition("=")[0], server.log_path.read_text())
    server.process.returncode = 0
