import pytest

from tlswitness.config import NOWHERE, Endpoint
from tlswitness.config.web import MAX_HEADER, MAX_HEADERS, MAX_URL, Headers, ListenAt, Url


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/", "https://x.example", "https://[::1]:1/a?b=c"])
def test_urls(url):
    assert Url().read(url) == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://x/", "scheme"),
        ("x.example/points", "scheme"),
        ("https:///x", "no host"),
        ("https://x:0/", "port 0"),
        ("https://x:99999/", "host or port"),
        ("https://[::1/", "host or port"),
        ("https://x/#y", "fragment"),
        ("https://x/ y", ""),
        ("https://x/\r\nHost: y", ""),
        ("https://bücher.example/", ""),
        ("https://x/" + "y" * MAX_URL, ""),
        (3, ""),
    ],
)
def test_what_is_no_url(url, reason):
    [bad] = Url().read(url)
    assert reason in bad.reason


def test_a_password_in_a_url_is_not_shown():
    [bad] = Url().read("https://user:secret@x/")
    assert "secret" not in str(bad)
    assert "headers" in bad.reason


def test_headers():
    read = Headers().read({"Authorization": "Bearer x", "X-A": "b c"})
    assert read == (("Authorization", "Bearer x"), ("X-A", "b c"))
    assert Headers().show(read) == {"Authorization": "Bearer x", "X-A": "b c"}


@pytest.mark.parametrize(
    "headers",
    [
        {"A B": "secret"},
        {"": "secret"},
        {"A": "secret\r\nB: c"},
        {"A": "secret\n"},
        {"A": " secret"},
        {"A": ""},
        {"A": "sécret"},
        {"A": "secret" * MAX_HEADER},
        {"A": 3},
        {"Host": "secret"},
        {"content-length": "secret"},
        {"A": "secret", "a": "secret"},
        {f"A{number}": "secret" for number in range(MAX_HEADERS + 1)},
        "Authorization: secret",
        ["secret"],
    ],
)
def test_what_are_no_headers(headers):
    bad = Headers().read(headers)
    assert isinstance(bad, list)
    if isinstance(headers, dict) and len(headers) <= MAX_HEADERS:
        assert all("secret" not in str(each) for each in bad)
        assert all(each.reason for each in bad)


def test_places_to_listen_at():
    kind = ListenAt()
    assert kind.read("127.0.0.1:9815") == Endpoint("127.0.0.1", 9815)
    assert kind.read("") == NOWHERE
    assert kind.show(NOWHERE) == ""
    assert kind.show(Endpoint("::1", 1)) == "[::1]:1"


@pytest.mark.parametrize("value", ["127.0.0.1", "::1", "localhost:1", "1.2.3.4:0", ":9815", "9815", 9815, None])
def test_what_is_no_place(value):
    assert isinstance(ListenAt().read(value), list)
