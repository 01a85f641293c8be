"""What gates do on a few images, by hand."""

import numpy as np

from sebench.analysis.excitation import ExcitationFound
from sebench.schema import Excitation, ExcitedGate, Folded, ModelSpec, Preprocessing, Workload
from sebench.statistics.moments import RunningMoments

SPEC = ModelSpec(model="resnet50", variant="se", weights="se.pt")
CROP = Preprocessing(
    resize=256, crop=(224, 224), interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3, source="here"
)
GATE = ExcitedGate(
    path="stage2.0.attention",
    stage="stride 4",
    kind="channel",
    gate="sigmoid",
    channels=3,
    maker="stage2.0.conv3.bn",
    norms=(1.0, 2.0, 3.0),
    fold_into="stage2.0.conv3.bn",
)


def excitation(**fields):
    values = {
        "spec": SPEC,
        "workload": Workload(batch_size=2, input_shape=(2, 3, 224, 224), threads=2),
        "preprocessing": CROP,
        "folder": "val",
        "classes": ("cat", "dog", "none"),
        "images": 3,
        "seen": 3,
        "gates": (GATE,),
        "seed": 1,
    }
    return Excitation(**{**values, **fields})


def moments(rows=((0.0, 0.5, 1.0), (0.02, 0.5, 0.98), (0.04, 0.5, 0.99)), labels=(0, 0, 1), classes=3):
    running = RunningMoments(classes, 3)
    running.add(np.array(rows), labels)
    return running.moments


def found(**fields):
    fields = {"excitation": excitation(), "moments": (moments(),), **fields}
    return ExcitationFound(**fields)


FOLDED = Folded(
    file="folded.pt",
    spec=ModelSpec(model="resnet50", variant="se(without=stage2.0.attention)", weights="folded.pt"),
    gates=("stage2.0.attention",),
    images=3,
    largest=0.0125,
    rms=0.001,
    top1_changed=1,
)


def replaced(original, **fields):
    return ExcitedGate(**{**{name: getattr(original, name) for name in original.__struct_fields__}, **fields})
