"""Answers what the gates of a network do on images, and folds those that do nothing into its weights."""

from __future__ import annotations

from sebench.profilers.runtime import runtime_facts
from sebench.worker.channel import WorkerChannel, guarded
from sebench.worker.folding import fold
from sebench.worker.protocol import Excited, ExciteRequest
from sebench.worker.watching import open_images, watch_images


def excite(request: ExciteRequest, channel: WorkerChannel) -> None:
    """Answer an `ExciteRequest`.

    Args:
        request: the network and the images.
        channel: takes `Seen` after each batch, and `Excited` at the end.

    Raises:
        Fatal: no images, a network that cannot be built or has no gates, or gates that are not finite.
    """
    device = channel.device(request.workload)
    channel.about(request.spec.label)
    watching = guarded(lambda: open_images(request, channel))
    found = guarded(lambda: watch_images(request, watching, channel))
    folded, why = None, ""
    if request.fold is not None:
        folded, why = guarded(lambda: fold(request, found, channel))
    channel.send(
        Excited(
            excitation=found.excitation,
            folded=folded,
            not_folded=why,
            runtime=runtime_facts(device.name),
        )
    )
