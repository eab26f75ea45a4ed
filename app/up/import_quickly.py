"""Runs a module without garbage collection: `python -m app.up.import_quickly MODULE ARGUMENT…`.

Nearly all objects that imports make stay until the end, and a fifth of their time was spent on
collections that find nothing. A program that goes on for long turns the collection on again when it
has been imported.
"""

import gc
import runpy
import sys


def main() -> None:
    gc.disable()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
