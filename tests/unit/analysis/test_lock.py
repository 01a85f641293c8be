"""From counts to entries, and from two locks to their differences."""

from msgspec.structs import replace

from sebench.analysis.lock import CountedEntry, count_entry, lock_changes, make_lock, merge_locks
from sebench.schema import Lock
from tests.locks import COSTS, ENTRY, NETWORK, TORCH, counting, entry


def told(old, new):
    return [
        (change.change, change.torch, change.metric, change.op, change.before, change.after)
        for change in lock_changes(make_lock(old), make_lock(new))
    ]


def test_an_entry_holds_the_sums():
    assert count_entry(NETWORK, counting(), TORCH) == CountedEntry(ENTRY, None)


def test_a_network_that_cannot_train_has_unknown_saved_bytes_and_the_reason():
    counted = count_entry(NETWORK, counting(saved_bytes=None), TORCH)
    assert counted.untrainable == "batch norm needs two values"
    assert counted.entry == entry({TORCH: replace(COSTS, saved_bytes=None)})


def test_entries_are_sorted_by_model_with_plain_first():
    unsorted = [
        entry(variant="se"),
        entry(variant="eca"),
        entry(variant="plain", num_classes=10),
        entry(variant="plain", input_shape=(1, 3, 96, 96)),
        entry(variant="plain"),
        entry(model="alexnet"),
    ]
    lock = make_lock(unsorted)
    assert [(e.model, e.variant, e.num_classes, e.input_shape[-1]) for e in lock.entries] == [
        ("alexnet", "se", None, 224),
        ("resnet50", "plain", None, 96),
        ("resnet50", "plain", None, 224),
        ("resnet50", "plain", 10, 224),
        ("resnet50", "eca", None, 224),
        ("resnet50", "se", None, 224),
    ]
    assert make_lock(reversed(unsorted)) == lock


def test_equal_locks_do_not_differ():
    assert told([ENTRY], [ENTRY]) == []
    assert lock_changes(Lock(), Lock()) == ()


def test_networks_that_come_and_go():
    assert told([], [ENTRY]) == [("network-added", None, None, None, None, None)]
    assert told([ENTRY], []) == [("network-removed", None, None, None, None, None)]


def test_figures_that_change_are_told_with_both_values():
    costs = replace(COSTS, flops=2020, saved_bytes=None)
    assert told([ENTRY], [entry({TORCH: costs}, params=101)]) == [
        ("changed", None, "params", None, 100, 101),
        ("changed", TORCH, "flops", None, 2016, 2020),
        ("changed", TORCH, "saved_bytes", None, 64, None),
    ]


def test_op_counts_are_told_by_op_even_where_their_sum_stays():
    costs = replace(COSTS, ops={"aten.convolution": 3, "aten.erf": 4, "aten.mul": 3})
    assert told([ENTRY], [entry({TORCH: costs})]) == [
        ("changed", TORCH, "ops", "aten.add", 4, 0),
        ("changed", TORCH, "ops", "aten.erf", 3, 4),
        ("changed", TORCH, "ops", "aten.mul", 0, 3),
    ]


def test_torch_versions_that_come_and_go_in_their_numeric_order():
    assert told([ENTRY], [entry({"2.9": COSTS, "2.10": COSTS, TORCH: COSTS})]) == [
        ("torch-added", "2.9", None, None, None, None),
        ("torch-added", "2.10", None, None, None, None),
    ]
    assert told([entry({"2.14": COSTS, TORCH: COSTS})], [ENTRY]) == [
        ("torch-removed", "2.14", None, None, None, None)
    ]


# --- merging --------------------------------------------------------------------------------------------


def test_figures_of_other_torch_versions_stay_while_the_network_is_the_same():
    old = entry({"2.14": replace(COSTS, flops=1), TORCH: replace(COSTS, flops=2)})
    merged = merge_locks(make_lock([old]), make_lock([ENTRY]))
    assert merged.entries == (entry({"2.14": replace(COSTS, flops=1), TORCH: COSTS}),)


def test_they_go_when_the_network_is_another_one():
    old = entry({"2.14": COSTS, TORCH: COSTS}, macs=999)
    assert merge_locks(make_lock([old]), make_lock([ENTRY])).entries == (ENTRY,)


def test_only_the_networks_of_the_new_lock_remain():
    old = make_lock([entry(model="alexnet"), ENTRY])
    new = make_lock([ENTRY, entry(model="vgg16_bn")])
    assert merge_locks(old, new) == new
