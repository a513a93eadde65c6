"""Ports that are held from when they are chosen until a server listens on them."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest

from sightbench.errors import UsageError
from sightbench.servers import ports
from sightbench.servers.ports import held, held_free

HOST = "127.0.0.1"
SERVER = (
    "import http.server, sys; s = http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), None); print('up')"
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ports are held on Linux only")


def bound(port: int) -> bool:
    """Whether somebody who asks for just this port gets it."""
    with socket.socket() as other:
        try:
            other.bind((HOST, port))
        except OSError:
            return False
        return True


def served(port: int) -> str:
    """What a server of ours, another process, says once it listens there."""
    done = subprocess.run([sys.executable, "-c", SERVER, str(port)], capture_output=True, text=True)
    return done.stdout + done.stderr


def test_a_held_port_is_a_servers_and_nobody_elses() -> None:
    with held_free((1, 50)) as port:
        for each in (port, port + 1, port + 50):
            assert not bound(each)
            with held(HOST, [each]):
                assert served(each) == "up\n"
            assert not bound(each)
            assert served(each) == "up\n"
    assert bound(port)


def test_two_that_draw_do_not_get_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with held_free((1, 2)) as first:
        pass
    monkeypatch.setattr(ports, "_BELOW_EPHEMERAL", range(first, first + 3))
    with held_free() as one, held_free() as other, held_free() as last:
        assert {one, other, last} == {first, first + 1, first + 2}


def test_what_is_taken_is_told_and_the_others_are_let_go() -> None:
    with held_free() as free, socket.socket() as other:
        other.bind((HOST, 0))
        port = other.getsockname()[1]
        with (
            pytest.raises(UsageError, match=rf"port {port} is taken \(.*\): choose another with --port"),
            held(HOST, [free, port]),
        ):
            pass
    assert bound(free)


def test_a_port_of_something_that_speaks_no_http_is_taken_too() -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]

        def banner() -> None:
            with other.accept()[0] as asked:
                asked.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        saying = threading.Thread(target=banner)
        saying.start()
        with pytest.raises(UsageError, match=f"port {port} is taken"), held(HOST, [port]):
            pass
        saying.join()


def test_two_launches_do_not_hold_the_same_port() -> None:
    taken = "is taken by a server that is starting or stopping"
    with held_free() as port, held(HOST, [port]), pytest.raises(UsageError, match=taken):
        held(HOST, [port]).__enter__()
    with held(HOST, [port]):
        pass


@pytest.mark.parametrize("host", ["192.0.2.99", "no such host", "a" * 64 + ".example"])
def test_an_address_that_is_not_this_machines_is_no_taken_port(host: str) -> None:
    with pytest.raises(UsageError, match=f"cannot listen on port 8000 of {host}: "), held(host, [8000]):
        pass
