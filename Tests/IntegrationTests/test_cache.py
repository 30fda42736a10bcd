"""`cache_store()` and its like on the store `local`, from scripts and from outside."""
import pytest

from conftest import wait_for
from sip import Agent
from test_check import HEAD, check, write

LOCAL = 'loadmodule "cachedb_local.so"\n'
ROUTE = """
route {
	$var(ok) = cache_store("local", "who:$fU", $hdr(X-Value), 600);
	cache_fetch("local", "who:$fU", $var(back));
	cache_add("local", "calls", 2, 600, $var(calls));
	if ($hdr(X-Less) != NULL) cache_sub("local", "calls", 1, 0, $var(calls));
	$var(found) = cache_counter_fetch("local", "calls", $avp(calls));
	$var(absent) = cache_fetch("local", "nobody", $var(none));
	cache_store("local", "gone", "x");
	cache_remove("local", "gone");
	$var(gone) = cache_fetch("local", "gone", $var(none));
	if ($hdr(X-Clear) != NULL) cache_remove_chunk("who:*");
	$var(left) = cache_fetch("local", "who:$fU", $var(none));
	append_to_reply("X-Seen: $var(ok) $var(back) $var(calls) $var(found) $avp(calls) $var(absent) $var(gone) $var(left)\\r\\n");
	sl_send_reply(200, "OK");
}
"""


def ask(server, agent, **headers):
    agent.request("MESSAGE", "sip:x@127.0.0.1", headers=["X-%s: %s" % (name, value) for name, value in headers.items()])
    return agent.expect(200).get("x-seen")


def test_values_and_numbers_are_shared_by_all_processes(start):
    server = start("waiting.cfg", ROUTE=ROUTE, EXTRA=LOCAL)
    with Agent((server.address, server.port)) as agent:
        assert ask(server, agent, Value="one") == "1 one 2 1 2 -1 -1 1"
        # Other Call-IDs meet other processes.
        seen = [ask(server, agent, Value="v%d" % n) for n in range(8)]
        assert seen == ["1 v%d %d 1 %d -1 -1 1" % (n, 4 + 2 * n, 4 + 2 * n) for n in range(8)]
        assert ask(server, agent, Value="x", Less=1) == "1 x 19 1 19 -1 -1 1"
        assert ask(server, agent, Value="x", Clear=1).endswith("-1 -1 -1")


def test_management_reads_and_writes_it(start):
    server = start("waiting.cfg", ROUTE=ROUTE, EXTRA=LOCAL)
    assert server.mi("cache:store", system="local", attr="calls", value="40") == "OK"
    with Agent((server.address, server.port)) as agent:
        assert ask(server, agent, Value="one") == "1 one 42 1 42 -1 -1 1"
    assert server.mi("cache_fetch", system="local", attr="calls") == {"calls": "42"}
    assert server.mi("cache:fetch", system="local", attr="none") == "Value not found"
    assert server.mi("cache:store", system="local", attr="short", value="x", expire=1) == "OK"
    wait_for(lambda: server.mi("cache:fetch", system="local", attr="short") == "Value not found", "its end")
    assert server.mi("cache:remove", system="local", attr="calls") == "OK"
    assert server.mi("cache:fetch", system="local", attr="calls") == "Value not found"
    assert server.mi("cache_remove_chunk", glob="who:*") == "OK"
    assert server.mi("cache:fetch", system="local", attr="who:caller") == "Value not found"
    assert server.mi_call("cache:fetch", dict(system="redis", attr="x"))["error"]["code"] == 404
    assert server.mi_call("cache:store", dict(system="local", attr="k" * 2000, value="x"))["error"]["code"] == 500


@pytest.mark.parametrize("head, line, said", [
    ('loadmodule "cachedb_local.so"', 'cache_fetch("local", "a", $var(x));', None),
    ("", 'cache_fetch("local", "a", $var(x));', ["needs the module `cachedb_local`"]),
    ('loadmodule "cachedb_local.so"', 'cache_fetch("redis:one", "a", $var(x));', ["`redis:one`", "the store `local`"]),
    ('loadmodule "cachedb_redis.so"', "exit;", ["cachedb_local"]),
    ('loadmodule "cachedb_local.so"\nmodparam("cachedb_local", "cache_clean_period", 0)', "exit;", ["cache_clean_period"]),
])
def test_check_says_what_there_is(tmp_path, head, line, said):
    done = check(write(tmp_path, head, head=HEAD.replace("\texit;\n", "\t%s\n" % line)))
    text = done.stdout + done.stderr
    assert (done.returncode == 0) == (said is None), text
    for word in said or []:
        assert word in text
