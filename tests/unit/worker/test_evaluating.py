import functools

import pytest
import torch
from timm.models import resnet as timm_resnet

from sebench import models
from sebench.errors import UsageError
from sebench.models import resnet
from sebench.schema import ModelSpec
from sebench.worker.evaluating import require_own_weights, true_ranks

DEPTHS = (1, 1, 1, 1)


def test_ranks_by_hand():
    scores = torch.tensor([[3.0, 1, 2], [1, 2, 3], [1, 1, 1], [1, 1, 1], [float("inf"), 0, 0]])
    # Ties go to the lower class: of three alike the last comes third.
    assert true_ranks(scores, torch.tensor([0, 0, 0, 2, 1])).tolist() == [0, 2, 0, 2, 1]


@pytest.mark.parametrize(
    ("attention", "variant", "refused"),
    [
        ("se", "se", None),
        (None, "plain", None),
        (None, "se", "stage2.0.attention.excite.fc1.bias.* missing"),
        ("se", "plain", "stage2.0.attention.excite.fc1.bias.* unknown"),
        ("se", "se(stages=3)", "stage2.0.attention.excite.fc1.bias.* unknown"),
    ],
)
def test_weights_of_other_libraries_are_all_of_the_variant_or_refused(
    monkeypatch, tmp_path, attention, variant, refused
):
    """timm calls the gates ``se``, with 1x1 convolutions for linear layers."""
    monkeypatch.setattr(resnet, "resnet50", functools.partial(resnet._resnet, DEPTHS))
    theirs = timm_resnet.ResNet(
        timm_resnet.Bottleneck,
        DEPTHS,
        num_classes=4,
        block_args={"attn_layer": attention} if attention else {},
    )
    torch.save(theirs.state_dict(), tmp_path / "net.pt")
    spec = models.resolve(
        ModelSpec(model="resnet50", variant=variant, num_classes=4, weights=str(tmp_path / "net.pt"))
    )
    if refused is None:
        require_own_weights(spec)
        return
    with pytest.raises(UsageError, match=refused):
        require_own_weights(spec)
