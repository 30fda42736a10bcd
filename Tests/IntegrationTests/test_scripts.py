"""The scripts of Tests/Scripts, run as an operator has them but for ports and paths, with each message looked at."""
import re

import pytest

from conftest import free_port
from script_server import answer, dialog, line, run  # noqa: F401 (fixture)


# A residential service

def test_a_residential_call_between_registered_users(run):
    server = run("stock_residential.cfg")
    alice, bob = server.agent(), server.agent()
    aor = "sip:bob@" + server.here
    bob.request("REGISTER", "sip:" + server.here, caller=aor, callee=aor, headers=["Expires: 600"])
    registered = bob.expect(200)
    assert registered.get("contact") == "<sip:me@%s>;expires=600" % bob.name
    assert registered.tag("to")

    sent = alice.request("INVITE", aor, caller="sip:alice@" + server.here, body="hello",
                         headers=["Content-Type: text/plain"])
    trying = alice.expect(100)
    assert trying.tag("to") is None
    assert trying.get("via") == "SIP/2.0/UDP %s;branch=%s;received=127.0.0.1;rport=%d" % (
        alice.name, sent["branch"], alice.port)
    invite = bob.expect("INVITE")
    assert invite.uri == "sip:me@" + bob.name
    own, upstream = invite.all("via")
    assert own.startswith("SIP/2.0/UDP %s;branch=z9hG4bK" % server.here) and upstream == trying.get("via")
    assert invite.all("record-route") == ["<sip:%s;lr>" % server.here]
    assert invite.get("max-forwards") == "69" and invite.body == "hello"
    assert invite.get("contact") == "<sip:me@%s>" % alice.name

    bob.reply(invite, 180, "Ringing", tag="callee")
    ringing = alice.expect(180)
    assert ringing.all("via") == [trying.get("via")]
    answer(bob, invite)
    ok = alice.expect(200)
    assert ok.tag("to") == "callee" and ok.all("record-route") == invite.all("record-route")

    routes = ["Route: " + route for route in reversed(ok.all("record-route"))]
    alice.request("ACK", "sip:callee@" + bob.name, headers=routes, **dialog(sent))
    ack = bob.expect("ACK")
    assert ack.all("route") == [] and len(ack.all("via")) == 2 and ack.uri == "sip:callee@" + bob.name
    alice.request("BYE", "sip:callee@" + bob.name, cseq=2, headers=routes, **dialog(sent))
    bye = bob.expect("BYE")
    assert bye.all("route") == [] and bye.get("cseq") == "2 BYE"
    bob.reply(bye, 200, "OK")
    alice.expect(200)

    said = line(server, "method=BYE")
    assert re.search(r"\[\d+\] ACC: transaction answered: timestamp=\d+;method=BYE;from_tag=%s;to_tag=callee;"
                     r"call_id=%s;code=200;reason=OK$" % (sent["from_tag"], sent["call_id"]), said)
    assert re.search(r"^\w{3} [ \d]\d [\d:]{8} \[\d+\] ringing sip:me@", line(server, "ringing sip"))
    assert "180 for alice" in line(server, "180 for")


@pytest.mark.parametrize("method, uri, options, status, reason", [
    ("BYE", "sip:bob@192.0.2.1", dict(to_tag="gone"), 404, "No Way Known"),
    ("INVITE", "sip:nobody@@", {}, 404, "Not Found"),
    ("INVITE", "sip:x@example.org", dict(caller="sip:stranger@example.org"), 403, "Neither End Is Ours"),
    ("INVITE", "sip:bob@@", dict(max_forwards=0), 483, "Too Many Hops"),
    ("INVITE", "sip:@", {}, 484, "Address Incomplete"),
    ("SUBSCRIBE", "sip:bob@@", {}, 503, "Service Unavailable"),
    ("INVITE", "sip:bob@@", dict(headers=["Route: <sip:192.0.2.1;lr>"]), 403, "Own Route Refused"),
])
def test_what_a_residential_service_refuses(run, method, uri, options, status, reason):
    server = run("stock_residential.cfg")
    alice = server.agent()
    uri = uri.replace("@@", "@" + server.here) if "@@" in uri else uri.replace("sip:@", "sip:" + server.here)
    alice.request(method, uri, **dict(dict(caller="sip:alice@" + server.here), **options))
    reply = alice.expect(status)
    assert reply.first == "SIP/2.0 %d %s" % (status, reason)
    assert reply.tag("to") and reply.get("via").endswith(";received=127.0.0.1;rport=%d" % alice.port)


def test_a_missed_call_is_accounted_and_goes_to_voice_mail(run):
    mail = free_port()
    server = run("stock_residential.cfg", {"127.0.0.1:5099": "127.0.0.1:%d" % mail})
    alice, bob, box = server.agent(), server.agent(), server.agent(port=mail)
    aor = "sip:bob@" + server.here
    bob.request("REGISTER", "sip:" + server.here, caller=aor, callee=aor)
    bob.expect(200)
    sent = alice.request("INVITE", aor, caller="sip:alice@" + server.here)
    bob.reply(bob.expect("INVITE"), 486, "Busy Here", tag="callee")
    ack = bob.expect("ACK")
    assert ack.tag("to") == "callee" and len(ack.all("via")) == 1 and ack.get("cseq") == "1 ACK"
    stored = box.expect("INVITE")
    assert stored.uri == "sip:box-me@127.0.0.1:%d" % mail
    answer(box, stored, "box")
    assert alice.expect(200).tag("to") == "box"
    bob.nothing()
    assert sent["call_id"] in line(server, "ACC: transaction answered")


# Trunks and load balancing

def test_trunks_are_tried_in_turn(run):
    first, second = free_port(), free_port()
    server = run("stock_trunking.cfg", {"127.0.0.1:5081": "127.0.0.1:%d" % first,
                                        "127.0.0.1:5082": "127.0.0.1:%d" % second})
    customer, one, two = server.agent(), server.agent(port=first), server.agent(port=second)
    sent = customer.request("INVITE", "sip:+4930123456@" + server.here,
                            headers=["P-Asserted-Identity: <sip:me@x>"])
    invite = one.expect("INVITE")
    assert invite.uri == "sip:4930123456@" + one.name and invite.get("max-forwards") == "20"
    assert invite.get("p-asserted-identity") is None and invite.get("x-attempt") is None
    one.reply(invite, 503, "Down", tag="one")
    one.expect("ACK")
    again = two.expect("INVITE")
    assert again.uri == "sip:4930123456@" + two.name and again.get("x-attempt") == "1"
    assert again.get("via") != invite.get("via") and again.all("via")[1] == invite.all("via")[1]
    answer(two, again, "two")
    ok = customer.expect(200)
    route = "Route: " + ok.get("record-route")
    assert ";ftag=%s" % sent["from_tag"] in route
    customer.request("ACK", "sip:callee@" + two.name, headers=[route], **dialog(sent, "two"))
    two.expect("ACK")
    # the gateway hangs up: who called stays who called in the record
    two.request("BYE", "sip:me@" + customer.name, headers=[route], caller=sent["callee"], callee=sent["caller"],
                call_id=sent["call_id"], from_tag="two", to_tag=sent["from_tag"])
    customer.reply(customer.expect("BYE"), 200, "OK")
    two.expect(200)
    assert "from_tag=%s;to_tag=two;" % sent["from_tag"] in line(server, "method=BYE")
    assert "trunking:ACC: " in line(server, "method=INVITE")
    assert line(server, "method=INVITE").endswith("code=200;reason=OK;gw=%s;dst=4930123456" % two.name)


def test_a_cancelled_call_leaves_the_trunk_with_its_reason(run):
    first = free_port()
    server = run("stock_trunking.cfg", {"127.0.0.1:5081": "127.0.0.1:%d" % first})
    customer, one = server.agent(), server.agent(port=first)
    sent = customer.request("INVITE", "sip:030123@" + server.here)
    invite = one.expect("INVITE")
    assert invite.uri.startswith("sip:4930123@")
    one.reply(invite, 180, "Ringing", tag="one")
    customer.expect(180)
    customer.request("CANCEL", sent["uri"], caller=sent["caller"], call_id=sent["call_id"], from_tag=sent["from_tag"],
                     via=sent["branch"], contact=False, headers=["Reason: SIP;cause=200"])
    assert customer.expect(200).get("cseq") == "1 CANCEL"
    cancel = one.expect("CANCEL")
    assert cancel.get("reason") == "SIP;cause=200" and cancel.all("via") == invite.all("via")[:1]
    one.reply(cancel, 200, "OK")
    one.reply(invite, 487, "Request Terminated", tag="one")
    one.expect("ACK")
    customer.ack(sent, customer.expect(487))
    customer.nothing(0.05)


def test_servers_are_taken_in_turn_and_replaced_when_they_fail(run):
    first, second = free_port(), free_port()
    server = run("stock_loadbalancer.cfg", {"127.0.0.1:5071": "127.0.0.1:%d" % first,
                                            "127.0.0.1:5072": "127.0.0.1:%d" % second})
    caller, one, two = server.agent(), server.agent(port=first), server.agent(port=second)
    for expected in (one, two, one):
        sent = caller.request("INVITE", "sip:conference@balanced.example")
        invite = expected.expect("INVITE")
        assert invite.uri == "sip:conference@balanced.example"
        answer(expected, invite)
        route = "Route: " + caller.expect(200).get("record-route")
        caller.request("ACK", "sip:callee@" + expected.name, headers=[route], **dialog(sent))
        expected.expect("ACK")
    sent = caller.request("INVITE", "sip:conference@balanced.example")
    two.reply(two.expect("INVITE"), 500, "Full", tag="two")
    two.expect("ACK")
    one.reply(one.expect("INVITE"), 500, "Full too", tag="one")
    one.expect("ACK")
    refused = caller.expect(503)
    assert refused.first.endswith("All Servers Failed")
    caller.ack(sent, refused)
    assert "balancing over 2 servers" in line(server, "balancing over")


# Registrations

def test_registrations_behind_nat_and_path(run):
    server = run("registrar_edge.cfg")
    phone, edge, caller = server.agent(), server.agent(), server.agent()
    home = "sip:registrar.example"

    def register(user, contact, headers=(), status=200):
        aor = "sip:%s@registrar.example" % user
        phone.request("REGISTER", home, caller=aor, callee=aor, contact=contact, headers=headers)
        return phone.expect(status)

    short = register("Bob", "<sip:bob@%s>;expires=10;q=0.7" % phone.name)
    assert short.get("contact") == "<sip:bob@%s>;expires=60;q=0.7" % phone.name
    assert re.match(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$", short.get("date"))
    assert register("bob", None).get("contact").startswith("<sip:bob@")  # listed, without regard to case
    nat = register("nat", "<sip:phone@192.0.2.9:5070>", ["Expires: 9999", "User-Agent: test"])
    assert nat.get("contact") == '<sip:phone@192.0.2.9:5070>;expires=600;q=0.5;rcv="sip:%s"' % phone.name
    many = register("bob", "<sip:b2@%s>, <sip:b3@%s>" % (phone.name, phone.name), status=503)
    assert many.get("retry-after") == "30"
    assert register("path", "<sip:p@192.0.2.9>", ["Path: <sip:%s;lr>" % edge.name], 420).get("unsupported") == "path"
    stored = register("path", "<sip:p@192.0.2.9>", ["Path: <sip:%s;lr>" % edge.name, "Supported: path"])
    assert stored.get("path") == "<sip:%s;lr>" % edge.name
    register("bob", "*", ["Expires: 5"], 400)

    caller.request("OPTIONS", "sip:nat@registrar.example")
    assert caller.expect(200).get("x-location") == "registered contact ip"
    sent = caller.request("INVITE", "sip:nat@registrar.example")
    invite = phone.expect("INVITE")  # sent to where the registration came from
    assert invite.uri == "sip:phone@192.0.2.9:5070" and invite.get("x-nat") == "yes"
    assert invite.get("x-attr") == "ua=test"
    phone.reply(invite, 486, "Busy", tag="n")
    phone.expect("ACK")
    caller.ack(sent, caller.expect(486))
    sent = caller.request("INVITE", "sip:path@registrar.example")
    invite = edge.expect("INVITE")
    assert invite.uri == "sip:p@192.0.2.9" and invite.all("route") == ["<sip:%s;lr>" % edge.name]
    edge.reply(invite, 404, "Gone", tag="e")
    assert edge.expect("ACK").all("route") == ["<sip:%s;lr>" % edge.name]  # RFC 3261 §17.1.1.3
    caller.ack(sent, caller.expect(404))
    caller.request("MESSAGE", "sip:admin@registrar.example", body="sip:nat@registrar.example")
    caller.expect(202)
    caller.request("OPTIONS", "sip:nat@registrar.example")
    assert caller.expect(200).get("x-location") == ""


# Two networks

def test_double_record_route_between_two_networks(run):
    port = free_port("127.0.0.2")
    server = run("multihomed.cfg", {"127.0.0.2:5060": "127.0.0.2:%d" % port, "127.0.0.3:5060": "127.0.0.3:%d" % port})
    inner = server.agent("127.0.0.2", to=("127.0.0.2", port))
    outer = server.agent()
    sent = inner.request("INVITE", "sip:b@" + outer.name)
    invite = outer.expect("INVITE")
    assert invite.source == (server.address, server.port)
    assert invite.get("via").startswith("SIP/2.0/UDP 127.0.0.3:%d;" % port)  # as advertised
    assert invite.all("record-route") == ["<sip:127.0.0.3:%d;r2=on;lr;side=inside>" % port,
                                          "<sip:127.0.0.2:%d;r2=on;lr;side=inside>" % port]
    answer(outer, invite)
    ok = inner.expect(200)
    assert ok.source == ("127.0.0.2", port)
    routes = ok.all("record-route")
    inner.request("BYE", "sip:callee@" + outer.name, cseq=2, headers=["Route: " + ", ".join(reversed(routes))],
                  **dialog(sent))
    bye = outer.expect("BYE")
    assert bye.all("route") == [] and bye.source == (server.address, server.port)
    assert bye.get("x-params") == ";r2=on;lr;side=inside"
    outer.reply(bye, 200, "OK")
    inner.expect(200)
    outer.request("INFO", "sip:me@" + inner.name, headers=["Route: " + route for route in routes],
                  caller=sent["callee"], callee=sent["caller"], call_id=sent["call_id"], from_tag="callee",
                  to_tag=sent["from_tag"])
    info = inner.expect("INFO")
    assert info.source == ("127.0.0.2", port) and info.all("route") == []
    assert info.get("via").startswith("SIP/2.0/UDP 127.0.0.2:%d;" % port)
