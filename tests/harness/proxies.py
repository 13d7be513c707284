"""Caddy and HAProxy before two nodes, set up by the examples in deploy/ as `Nginx` is; they speak http to the test.

Only addresses, ports and paths are put in the place of those of the examples.
"""

import os
import shutil
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.harness import processes
from tests.harness.certificates import self_signed
from tests.harness.nginx import HOST
from tests.harness.ports import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"


class Proxy(ABC):
    """A running proxy; `url` is where it takes http, and what it logs stands in `log`."""

    program = ""
    example = Path()

    def __init__(self, folder: Path, nodes: Sequence[int]) -> None:
        """Prepare it before two nodes, named by their ports on loopback."""
        folder.mkdir(parents=True)
        self.folder, self.port = folder, free_port()
        self.url, self.log = f"http://{HOST}:{self.port}", folder / "proxy.log"
        self.file = folder / self.example.name
        text = self.example.read_text()
        both = {"10.0.0.11:8000": f"{HOST}:{nodes[0]}", "10.0.0.12:8000": f"{HOST}:{nodes[1]}"}
        for theirs, ours in (both | self.places()).items():
            assert theirs in text, f"{self.example} says nothing of {theirs}"
            text = text.replace(theirs, ours)
        self.file.write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def places(self) -> dict[str, str]:
        """Return what stands in the place of what."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the arguments that it is started with."""

    def __enter__(self) -> Self:
        program = shutil.which(self.program, path=f"{os.environ['PATH']}:/usr/sbin")
        assert program is not None, f"{self.program} is not installed: see tools/system-packages"
        environment = {**os.environ, "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [program, *self.command()], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
        processes.wait_until(self._listens, what=self.program)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=processes.LONGEST)

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        try:
            socket.create_connection((HOST, self.port), timeout=1).close()
        except OSError:
            return False
        return True


class Caddy(Proxy):
    """Caddy, without the certificates that it would fetch."""

    program = "caddy"
    example = DEPLOY / "caddy" / "Caddyfile"

    def places(self) -> dict[str, str]:
        return {"login.example.com {": f"{self.url} {{", "\n{\n": "\n{\n\tadmin off\n\tauto_https off\n"}

    def command(self) -> list[str]:
        return ["run", "--adapter", "caddyfile", "--config", str(self.file)]


class HAProxy(Proxy):
    """HAProxy; at `url` it takes for https what comes to it by http."""

    program = "haproxy"
    example = DEPLOY / "haproxy" / "haproxy.cfg"

    def places(self) -> dict[str, str]:
        certificate = self.folder / "tls.pem"
        certificate.write_bytes(b"".join(self_signed(HOST)))
        self.plain_port = free_port()
        return {
            "bind :80\n": f"bind {HOST}:{self.plain_port}\n    bind {HOST}:{self.port}\n",
            "bind :443": f"bind {HOST}:{free_port()}",
            "/etc/haproxy/tls/login.example.com.pem": str(certificate),
            "unless { ssl_fc }": f"unless {{ ssl_fc }} || {{ dst_port {self.port} }}",
        }

    def command(self) -> list[str]:
        return ["-db", "-f", str(self.file)]
