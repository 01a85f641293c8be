"""``python -m sebench`` is the same as ``sebench``."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # the current folder, where a queue.py would stand in for Python's own
    from sebench.cli import main

    main()
