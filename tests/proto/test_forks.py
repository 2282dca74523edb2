"""What a forked child lets go of."""

import os
import subprocess
import sys


def test_a_child_lets_go_of_what_there_is() -> None:
    """Each thing once, in the child only, whatever another raises; a dropped one is not."""
    code = """
import os
from podlog.proto import forks

class Thing:
    def __init__(self, name):
        self.name = name
        forks.in_child(self, Thing.leave)
    def leave(self):
        if self.name == "bad":
            raise OSError("gone")
        print("left", self.name, flush=True)

things = [Thing("bad"), Thing("a"), Thing("b")]
Thing("dropped")
if os.fork() == 0:
    os._exit(0)
os.wait()
print("parent", flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True
    )
    assert done.stdout.split(os.linesep)[:-1] == ["left a", "left b", "parent"]
    assert done.stderr == ""
