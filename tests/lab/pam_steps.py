# SPDX-License-Identifier: MIT
"""A login service that stops after each step, to be looked at from outside:
who has gone into a container cannot see itself.

pam_steps.py USER MODULE STEP... - says what each step gave, and stops.
"""

import os
import signal
import sys
import threading

from pam_witness import LIBC, LOG_AUTHPRIV, LOG_NDELAY, PAM, Session, load_often

PAM_USER = 2


def in_a_child(step):
    """What the step gives in a child, which then is gone."""
    pid = os.fork()
    if pid == 0:
        os._exit(step())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Steps:
    def __init__(self, user, module):
        self.session = Session(user)
        self.module = module

    def open(self):
        return self.session.open()

    def close(self):
        return self.session.close()

    def end(self):
        return self.session.end()

    def open_in_child(self):
        return in_a_child(self.session.open)

    def close_in_child(self):
        return in_a_child(self.session.close)

    def thread(self):
        """Whether one cannot be started."""
        try:
            threading.Thread(target=threading.Event().wait,
                             daemon=True).start()
        except RuntimeError:
            return 1
        return 0

    def load(self):
        """Whether a thousand times cost more memory than ten."""
        return int(load_often(self.module) >= 4096)

    def become_root(self):
        """The handle is for somebody else from now on."""
        return PAM.pam_set_item(self.session.handle, PAM_USER, b"root")

    def become_nobody(self):
        return PAM.pam_set_item(self.session.handle, PAM_USER, b"nobody")


def stop():
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGSTOP)


def main(user, module, *steps):
    # libc keeps the socket of the first line that is sent.
    LIBC.openlog(b"steps", LOG_NDELAY, LOG_AUTHPRIV)
    made = Steps(user, module)
    # What is loaded when it is first used is loaded.
    in_a_child(lambda: 0)
    stop()
    for step in steps:
        print(getattr(made, step)())
        stop()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
