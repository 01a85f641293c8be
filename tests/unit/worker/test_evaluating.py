import torch

from sebench.worker.evaluating import true_ranks


def test_ranks_by_hand():
    scores = torch.tensor([[3.0, 1, 2], [1, 2, 3], [1, 1, 1], [1, 1, 1], [float("inf"), 0, 0]])
    # Ties go to the lower class: of three alike the last comes third.
    assert true_ranks(scores, torch.tensor([0, 0, 0, 2, 1])).tolist() == [0, 2, 0, 2, 1]
