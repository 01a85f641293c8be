"""``python -m sebench`` is the same as ``sebench``."""

from sebench.cli import main

if __name__ == "__main__":
    main()
