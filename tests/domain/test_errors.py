"""The tree of errors, as its docstring draws it."""

import re
import subprocess
import sys

from app.domain import errors

# In a process of its own: app.domain's tests load no FastAPI.
EVERY_ERROR = """
import app.main
from app.domain.errors import MoggyError

def below(error):
    for one in error.__subclasses__():
        print(one.__name__, one.status)
        below(one)

below(MoggyError)
"""


def test_the_docstring_draws_every_error_with_its_status() -> None:
    run = subprocess.run(
        [sys.executable, "-c", EVERY_ERROR], capture_output=True, text=True, check=True
    )
    drawn = re.findall(r"── (\w+ \d+)", errors.__doc__ or "")
    assert sorted(drawn) == sorted(run.stdout.splitlines())
