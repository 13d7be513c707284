"""A mail server in a process of its own, so that what watches a server does not talk to it as well.

It prints its port and takes every letter until its standard input ends.
"""

import os
import sys

from tests.harness.smtp import SmtpServer

if __name__ == "__main__":
    os.nice(19)  # it stands for another machine
    with SmtpServer() as server:
        print(server.port, flush=True)
        sys.stdin.buffer.read()
