"""nginx with the site of ``deploy/``, as far as a test needs it changed: ports, paths and a certificate of its own."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from pathlib import Path

from tests.e2e.programs import ROOT, Program, environment
from tests.ports import free_port
from tests.waiting import until

_SITE = ROOT / "deploy" / "nginx.conf"
_MAIN = """\
{user}
daemon off;
pid {directory}/pid;
error_log stderr warn;
events {{}}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    scgi_temp_path {directory}/scgi;
    uwsgi_temp_path {directory}/uwsgi;
    include {directory}/site;
}}
"""


class Nginx(Program):
    """A running nginx.

    Args:
        directory: where its files are.
        upstream: where the service listens, as nginx names it.
    """

    def __init__(self, directory: Path, upstream: str) -> None:
        directory.mkdir(parents=True)
        self.https, self.http, self.metrics = (free_port() for _ in range(3))
        self.certificate = _certificate(directory)
        self.url = f"https://127.0.0.1:{self.https}"
        (directory / "site").write_text(self._site(directory, upstream), "utf-8")
        user = "user root;" if os.geteuid() == 0 else ""
        main = directory / "nginx.conf"
        main.write_text(_MAIN.format(user=user, directory=directory), "utf-8")
        command = ("nginx", "-p", str(directory), "-e", "stderr", "-c", str(main))
        self.checked = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=60)
        assert self.checked.returncode == 0, self.checked.stderr
        super().__init__(command, directory / "output", environment())
        until(self._listens)

    def _site(self, directory: Path, upstream: str) -> str:
        """Return the site with what is in the way of a test replaced, each of which it must have."""
        text = _SITE.read_text("utf-8")
        for before, after in {
            "unix:/run/dealcache/http.sock": upstream,
            "/var/lib/nginx/dealcache": f"{directory}/cache",
            "/etc/dealcache/tls": str(directory),
            # Not every machine that tests has IPv6.
            "    listen [::]:80;\n": "",
            "    listen [::]:443 ssl http2;\n": "",
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "listen 443 ": f"listen 127.0.0.1:{self.https} ",
            "127.0.0.1:9180": f"127.0.0.1:{self.metrics}",
        }.items():
            assert before in text
            text = text.replace(before, after)
        return text

    def tls(self, *protocols: str) -> ssl.SSLContext:
        """Return what a client needs to trust it, and to offer protocols."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.set_alpn_protocols(protocols)
        return context

    def connect(self, *protocols: str) -> ssl.SSLSocket:
        """Connect to it, and offer protocols."""
        plain = socket.create_connection(("127.0.0.1", self.https), timeout=60)
        return self.tls(*protocols).wrap_socket(plain, server_hostname="deals.example.com")

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.err
        try:
            self.connect().close()
        except OSError:
            return False
        return True


def _certificate(directory: Path) -> Path:
    """Make a certificate that signs itself, and its key; returns its path."""
    certificate = directory / "fullchain.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=deals.example.com"]
    command += ["-addext", "subjectAltName=DNS:deals.example.com,IP:127.0.0.1"]
    command += ["-keyout", str(directory / "privkey.pem"), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return certificate
