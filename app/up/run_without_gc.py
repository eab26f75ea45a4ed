"""Runs a module with garbage collection disabled: `python -m app.up.run_without_gc MODULE …`.

Imports make objects that nearly all stay, and collections that found nothing took a sixth of their
time. A program that runs for long must call `gc.enable()` once it is imported.
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
