"""nginx before two nodes, set up by the example in deploy/: only addresses, ports and paths are put in its place."""

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.harness import processes
from tests.harness.certificates import self_signed
from tests.harness.ports import free_port

EXAMPLE = Path(__file__).parents[2] / "deploy" / "nginx" / "twofold.conf"
HOST = "127.0.0.1"

# What Debian's own nginx.conf says around the example, with every file of its own in one folder.
AROUND = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/other.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/twofold.conf;
}}
"""


class Nginx:
    """A running nginx; `url` is where it takes https, with a certificate (`certificate`) that vouches for itself."""

    def __init__(
        self, folder: Path, nodes: Sequence[int], *, port: int | None = None, to_strangers: bool = False
    ) -> None:
        """Prepare it before two nodes, named by their ports on loopback; it may take whoever comes for anonymous."""
        folder.mkdir(parents=True)
        self.port, self.plain_port = port or free_port(), free_port()
        self.url = f"https://{HOST}:{self.port}"
        self.certificate, self.access_log, self.error_log = (folder / n for n in ("tls.crt", "access.log", "error.log"))
        (certificate, private), key = self_signed(HOST), folder / "tls.key"
        self.certificate.write_bytes(certificate)
        key.write_bytes(private)
        places = {
            "10.0.0.11:8000": f"{HOST}:{nodes[0]}",
            "10.0.0.12:8000": f"{HOST}:{nodes[1]}",
            "listen 80;": f"listen {HOST}:{self.plain_port};",
            "listen 443 ssl;": f"listen {HOST}:{self.port} ssl;",
            "/etc/nginx/tls/login.example.com.crt": str(self.certificate),
            "/etc/nginx/tls/login.example.com.key": str(key),
            "/var/log/nginx/twofold.log": str(self.access_log),
            "https://login.example.com$request_uri": f"{self.url}$request_uri",
        }
        example = EXAMPLE.read_text()
        if to_strangers:
            places |= {"127.0.0.0/8  1;": "", "::1/128      1;": ""}
        for theirs, ours in places.items():
            assert theirs in example, f"{EXAMPLE} says nothing of {theirs}"
            example = example.replace(theirs, ours)
        (folder / "twofold.conf").write_text(example)
        around = AROUND.format(folder=folder, user="user root;" if os.geteuid() == 0 else "")
        (folder / "nginx.conf").write_text(around)
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program is not None, "nginx is not installed: see tools/system-packages"
        self._command = [program, "-p", str(folder), "-c", "nginx.conf", "-e", str(self.error_log)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def tls(self) -> ssl.SSLContext:
        """What a client needs to trust its certificate."""
        return ssl.create_default_context(cafile=self.certificate)

    def __enter__(self) -> Self:
        checked = subprocess.run([*self._command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        assert "[warn]" not in checked.stderr, checked.stderr
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
        processes.wait_until(self._listens, what="nginx")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=processes.LONGEST)

    def _listens(self) -> bool:
        try:
            socket.create_connection((HOST, self.port), timeout=1).close()
        except OSError:
            return False
        return True
