"""The routes of ``/v1``: pictures in, results out."""

from serving import Server


def test_a_picture_sent_as_it_is(server: Server) -> None:
    assert server.classify() == "tiger cat"
