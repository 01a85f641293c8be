"""What ``sebench excite`` says when it is stopped early; nothing is run."""

import numpy as np
from typer.testing import CliRunner

from sebench.analysis.excitation import ExcitationFound
from sebench.cli import app
from sebench.images.preprocessing import paper_preprocessing
from sebench.runner import exciting
from sebench.schema import Excitation, ExcitedGate, Finding, ModelSpec, Workload
from sebench.statistics.moments import RunningMoments


def test_after_ctrl_c_nothing_is_folded_and_that_is_said(monkeypatch, tmp_path):
    gate = ExcitedGate(path="attention", stage="stride 4", kind="channel", gate="sigmoid", channels=2)
    running = RunningMoments(2, 2)
    running.add(np.array([[0.1, 0.2], [0.3, 0.4]]), (0, 1))
    found = ExcitationFound(
        excitation=Excitation(
            spec=ModelSpec(model="resnet50", variant="se", weights="se.pt"),
            workload=Workload(batch_size=2, input_shape=(2, 3, 8, 8), threads=1),
            preprocessing=paper_preprocessing(8),
            folder="val",
            classes=("cat", "dog"),
            images=9,
            seen=2,
            interrupted=True,
            gates=(gate,),
            seed=1,
        ),
        moments=(running.moments,),
        not_folded="not all images were seen",
        findings=(Finding(code="checkpoint", severity="warning", message="assumed", hint="if not: say so"),),
    )
    monkeypatch.setattr(exciting, "watch_gates", lambda *_, **__: found)
    monkeypatch.chdir(tmp_path)
    arguments = "excite -m resnet50 --images val --fold f.pt --device cpu --threads 1"
    done = CliRunner().invoke(app, arguments.split())
    assert done.exit_code == 130
    assert "Nothing was folded: not all images were seen" in done.stdout
    assert done.stderr.splitlines() == [
        "warning: assumed (if not: say so)",
        "sebench: error: interrupted; shown is what was seen until then: 2 of 9 images; nothing was folded,"
        " f.pt is not written",
    ]
