"""The peer's ground truth (reference/route-script.md §8), printed by the real server and refused by the real check."""
import pathlib
import re
import subprocess

import pytest

from conftest import SIPRAY, Server

SCRIPT = pathlib.Path(__file__).parent / "../Scripts/ground_truth.cfg"

PRINTED = """
same-level=false
2+3*4=20
10-2-3=5
1|2+4=7
7/2=3
5/0=0
wrap=-2147483648
case-equal=true
case-match=true
case-switch=true
mismatch-equal=else
mismatch-not=else
mismatch-differ=else
not-binds=false
string+int=<null>
int+string=<null>
int+digits=<null>
digits+int=<null>
int-of-digits=2
int-plus-equals-string=5
avp=3 2 1 [3, 2, 1]
avp-replaced=z <null>
null-differs=true
null-equals=false
return-minus=-3
minus-is=false
return-values=2 a 5
return-nothing=1
return-text=1
params=1 value
escapes=A A $
empty=false
true=1
comparison=1
never=<null> <null>
level=warning
log=error
block=ok
return-0=stops
""".split("\n")[1:-1]


def test_a_startup_route_prints_what_the_peer_prints(start):
    server = start(SCRIPT.read_text().replace("127.0.0.1:5060", "@ADDRESS@:@PORT@").replace(":8888", ":@MI_PORT@"))
    lines = server.log_path.read_text().splitlines()
    # the report of the check stands before the first line of the log
    lines = lines[[index for index, line in enumerate(lines) if " NOTICE:core: listening on " in line][0]:]
    own = [re.match(r"\w{3} [ \d]\d [\d:]{8} \[\d+\] (.*)$", line).group(1) for line in lines]
    assert [line for line in own if not re.match(r"[A-Z]+:core: ", line)] == PRINTED
    problems = [line for line in own if re.match(r"(WARNING|ERROR):core: ", line)]
    for what, count in (("invalid == operation", 2), ("invalid != operation", 1), ("invalid + operation", 5)):
        assert sum(what in line for line in problems) == count, problems
    assert sum("division by zero" in line for line in problems) == 1, problems
    for line in problems:
        assert "%s:" % server.cfg in line and re.search(r"\.cfg:\d+: ", line), line


HEAD = 'socket=udp:127.0.0.1:5060\nloadmodule "proto_udp.so"\nloadmodule "signaling.so"\nloadmodule "tm.so"\n'

REFUSED = {
    "listen": "listen=udp:127.0.0.1:5060\n" + HEAD + "route { exit; }\n",
    "children": "children=4\n" + HEAD + "route { exit; }\n",
    "slashes": HEAD + "// c\nroute { exit; }\n",
    "no semicolon": HEAD + "route { exit }\n",
    "break": HEAD + "route { break; }\n",
    "constant left": HEAD + 'route { if ("a" == $ru) exit; }\n',
    "empty route": HEAD + "route { }\n",
    "semicolon": "udp_workers=4;\n" + HEAD + "route { exit; }\n",
    "unknown function": HEAD + "route { nope(); }\n",
    "too few": HEAD + "route { send_reply(200); }\n",
    "read-only": HEAD + '$var(x);\nroute { $fu = "x"; }\n',
    "unknown modparam": HEAD + 'modparam("tm", "nope", 1)\nroute { exit; }\n',
    "wrong modparam": HEAD + 'modparam("tm", "fr_timeout", "1")\nroute { exit; }\n',
    "unknown module": HEAD + 'loadmodule "nope.so"\nroute { exit; }\n',
    "duplicate": HEAD + "route { exit; }\nroute { exit; }\n",
    "include": HEAD + 'include_file "nowhere.cfg"\nroute { exit; }\n',
    "missing route": HEAD + "route { route(nope); }\n",
    "unknown variable": HEAD + 'route { xlog("$nope\\n"); }\n',
    "braces": HEAD + "route { $var(x) = $var(a){uri.user}; }\n",
    "no transport": 'socket=udp:127.0.0.1:5060\nroute { exit; }\n',
    "quoted code": HEAD + 'route { send_reply("200", "OK"); }\n',
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_check_and_by_serve(tmp_path, name):
    path = tmp_path / "bad.cfg"
    path.write_text(REFUSED[name])
    for command in ("check", "serve"):
        done = subprocess.run([SIPRAY, command, str(path)], capture_output=True, text=True, timeout=10)
        said = done.stdout + done.stderr
        assert done.returncode != 0, said
        assert re.search(r"bad\.cfg:\d+:\d+: error: ", said), said
        assert "bad config file (" in said and "listening on" not in said
