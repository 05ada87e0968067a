"""What became of a message."""

from tlswitness.delivery.outcome import CLEAR_TEXT, Delivered, Relay, TlsFacts


def test_a_relay_reads_as_in_a_log():
    assert str(Relay("mx.example", "2001:db8::1", 25)) == "mx.example[2001:db8::1]:25"


def test_clear_text_is_the_absence_of_a_protocol():
    delivered = Delivered("a@example", "2.0.0", "250 ok", Relay("mx.example", "192.0.2.1", 25))
    assert delivered.tls == CLEAR_TEXT == TlsFacts("")
