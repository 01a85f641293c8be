"""``sebench`` whose cases on a Ray cluster are those of tests/workers/ray_case.py."""

from sebench.cli import main
from sebench.runner.sweeping.ray import RayExecutor
from tests.workers import ray_case

RayExecutor.__init__.__kwdefaults__["command"] = ("-P", ray_case.__file__)

if __name__ == "__main__":
    main()
