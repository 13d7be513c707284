"""The conversation with a mail server, played to nobody: what a letter costs its sender, for a decoy as well.

Whoever watches how quickly others are answered would else see by the processor which letters go out. The other end is a
thread of this process that accepts everything and keeps nothing; encryption is not played.
"""

import contextlib
import smtplib
import socket
import threading
from email.message import EmailMessage

SECONDS = 10.0  # for each answer; the other end is at hand
LONGEST_LINE = 1 << 16  # bytes

_ANSWERS = {b"EHLO": b"250 nobody", b"DATA": b"354 go on", b"QUIT": b"221 bye"}


def hand_over(message: EmailMessage) -> None:
    """Hand a letter over as to a mail server; nobody gets it."""
    ours, theirs = socket.socketpair()
    ours.settimeout(SECONDS)
    theirs.settimeout(SECONDS)
    taking = threading.Thread(target=_take, args=(theirs,), daemon=True)
    taking.start()
    client = smtplib.SMTP(local_hostname="localhost")  # without a host it connects to nothing
    client.sock = ours
    try:
        with contextlib.suppress(smtplib.SMTPException, OSError):  # then it was shorter, and nobody misses it
            client.getreply()
            client.send_message(message)
            client.quit()
    finally:
        client.close()
        ours.close()
        taking.join(SECONDS)


def _take(connection: socket.socket) -> None:
    """Answer as a mail server does that takes everything (RFC 5321), until the other end has gone."""
    with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
        connection.sendall(b"220 nobody\r\n")
        while line := lines.readline(LONGEST_LINE):
            verb = line[:4].upper()
            connection.sendall(_ANSWERS.get(verb, b"250 ok") + b"\r\n")
            if verb == b"DATA":
                while lines.readline(LONGEST_LINE) not in (b".\r\n", b""):
                    pass
                connection.sendall(b"250 ok\r\n")
