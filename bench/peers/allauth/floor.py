"""What this peer's own password check costs without a server around it: two at a time for so many seconds."""

import sys
import threading
import time

import django
from django.contrib.auth.hashers import check_password, make_password

django.setup()

seconds, password = float(sys.argv[1]), sys.argv[2]
stored = make_password(password)
done = [0, 0]
cpu, until = time.process_time(), time.perf_counter() + seconds


def verify(own: int) -> None:
    while time.perf_counter() < until:
        if not check_password(password, stored):
            raise RuntimeError("the right password was refused")
        done[own] += 1


threads = [threading.Thread(target=verify, args=(own,)) for own in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print((time.process_time() - cpu) / sum(done) * 1000)
