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
