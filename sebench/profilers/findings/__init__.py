"""What a reader of a timing should know about the machine; advice only, the machine is never changed.

Each check looks at one fact and stays silent where that fact is unknown; docs/findings.md explains the codes.
"""

from sebench.profilers.findings import cores, surroundings
from sebench.profilers.findings.finding import CODES
from sebench.schema import Environment, Finding

__all__ = ["CODES", "findings_for"]


def findings_for(
    environment: Environment, *, threads: int | None = None, ranks: int = 1
) -> tuple[Finding, ...]:
    """Judges `environment`; pure, in the order of the checks.

    Args:
        environment: What was captured; its own findings are ignored.
        threads: Threads of the workload; None leaves out what depends on them.
        ranks: Processes with so many threads each.
    """
    found = [finding for check in (*cores.CHECKS, *surroundings.CHECKS) for finding in check(environment)]
    found += [
        finding for judge in cores.THREAD_CHECKS if threads for finding in judge(environment, threads, ranks)
    ]
    return tuple(found)
