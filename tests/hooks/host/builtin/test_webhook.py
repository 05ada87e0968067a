import json

import pytest

from tlswitness.hooks.contract import Retry
from tlswitness.hooks.host.builtin import webhook
from tlswitness.hooks.host.builtin.post import NoResponse, Response
from tlswitness.hooks.host.builtin.webhook import MAX_RETRY_AFTER, Refused, Webhook, agent_headers, retry_after


class Server:
    """Answers as a test says, and remembers what it was sent."""

    server = "https://x.example"

    def __init__(self):
        self.answers = []
        self.sent = []
        self.closed = False

    def post(self, body, headers):
        self.sent.append((body, headers))
        return self.answers.pop(0) if self.answers else Response(200)

    def close(self):
        self.closed = True

    @property
    def keys(self):
        return [headers["Idempotency-Key"] for _, headers in self.sent]


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def hook(server, clock):
    return Webhook(server, batch=5, clock=clock)


def test_a_batch_is_one_object(server, hook, seed_points):
    hook.call_batch(seed_points)
    [(body, headers)] = server.sent
    assert json.loads(body) == {"points": [json.loads(finding.compact(epoch)) for epoch, finding in seed_points]}
    assert headers["Content-Type"] == "application/json"
    assert hook.batch == 5
    hook.close()
    assert server.closed


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success(server, hook, seed_points, status):
    server.answers = [Response(status)]
    hook.call_batch(seed_points)


@pytest.mark.parametrize(
    "answer", [Response(500), Response(503), Response(408), Response(429), NoResponse("it hung up")]
)
def test_a_batch_that_is_sent_again_has_its_key(server, hook, seed_points, answer):
    server.answers = [answer, answer]
    for _ in range(2):
        with pytest.raises(Retry, match=r"x\.example"):
            hook.call_batch(seed_points)
    hook.call_batch(seed_points)
    hook.call_batch(seed_points)  # another batch that happens to be equal
    assert len(set(server.keys[:3])) == 1
    assert server.keys[3] != server.keys[0]
    assert len({body for body, _ in server.sent}) == 1


@pytest.mark.parametrize(("status", "words"), [(400, "400"), (404, "404"), (301, "redirects are not"), (199, "199")])
def test_what_is_not_wanted_is_counted_aloud(server, hook, seed_points, status, words):
    server.answers = [Response(status)]
    with pytest.raises(Refused, match=f"{words}.*2 points are lost"):
        hook.call_batch(seed_points)
    hook.call_batch(seed_points)
    assert server.keys[0] != server.keys[1]


def test_large_batches_go_in_pieces_and_no_piece_twice(server, hook, seed_points, monkeypatch):
    monkeypatch.setattr(webhook, "MAX_BODY", 10)
    server.answers = [Response(200), Response(503), Response(400), Response(200), Response(200)]
    points = [*seed_points, *seed_points[:1]]
    for after in (0, None, 0):
        with pytest.raises(Retry) as caught:
            hook.call_batch(points)
        assert caught.value.after == after
    with pytest.raises(Refused, match=": 1 points are lost"):
        hook.call_batch(points)
    epochs = [json.loads(body)["points"][0]["epoch"] for body, _ in server.sent]
    assert epochs == [1746712864, 1746719856, 1746719856, 1746712864]
    assert server.keys[1] == server.keys[2]
    assert len(set(server.keys)) == 3
    hook.call_batch(points[:1])
    assert len(server.sent) == 5


@pytest.mark.rfc(9110, "10.2.3")
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("0", 0),
        ("99999999999999999999", MAX_RETRY_AFTER),
        ("7200", MAX_RETRY_AFTER),
        ("Thu, 01 Jan 1970 00:17:10 GMT", 30),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("\N{SUPERSCRIPT TWO}", None),
        ("", None),
        (None, None),
    ],
)
def test_when_a_server_wants_to_be_asked_again(text, seconds):
    assert retry_after(text, 1000) == seconds


def test_retry_after_reaches_the_loop(server, hook, seed_points):
    server.answers = [Response(503, "17")]
    with pytest.raises(Retry) as caught:
        hook.call_batch(seed_points)
    assert caught.value.after == 17


def test_who_we_are():
    assert agent_headers([("A", "b")]) == (("User-Agent", "tlswitness"), ("A", "b"))
    assert agent_headers([("user-agent", "b")]) == (("user-agent", "b"),)
