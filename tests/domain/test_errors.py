"""The tree of errors, as its docstring draws it."""

import re
import subprocess
import sys

from app.domain import errors

# Run in another process: the tests of app.domain do not load FastAPI.
EVERY_ERROR = """
import app.main
from app.domain.errors import MoggyError

def print_subclasses(error):
    for subclass in error.__subclasses__():
        print(subclass.__name__, subclass.status)
        print_subclasses(subclass)

print_subclasses(MoggyError)
"""


def test_the_docstring_draws_every_error_with_its_status() -> None:
    run = subprocess.run(
        [sys.executable, "-c", EVERY_ERROR], capture_output=True, text=True, check=True
    )
    drawn = re.findall(r"── (\w+ \d+)", errors.__doc__ or "")
    assert sorted(drawn) == sorted(run.stdout.splitlines())
