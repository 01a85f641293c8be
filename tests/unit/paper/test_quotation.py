import pytest

from sebench.paper import quotation as paper
from sebench.schema import Workload


@pytest.mark.parametrize(
    ("key", "text", "value", "source"),
    [
        (("resnet50", "plain", "paper_macs"), "3.86", 3.86e9, "Table 2"),
        (("resnet101", "se", "paper_macs"), "7.60", 7.6e9, "Table 2"),  # digits as printed
        (("vgg16_bn", "se", "paper_macs"), "15.48", 15.48e9, "Table 2"),
        (("mobilenet_v1", "se", "paper_macs"), "572", 572e6, "Table 3"),
        (("shufflenet_v1_g3", "plain", "params"), "1.8", 1.8e6, "Table 3"),
        (("resnet50", "plain", "params"), "25.6", 25.6e6, "Table 7"),  # before Section 4's "25"
        (("resnet50", "se(r=4)", "params"), "35.7", 35.7e6, "Table 7"),
        (("resnet50", "plain", "cpu_inference_latency"), "164", 0.164, "Section 4"),
        (("resnet50", "se", "gpu_training_latency"), "209", 0.209, "Section 4"),
        (("resnet50", "se", "paper_macs_increase"), "0.26", 0.0026, "Section 4"),
        (("resnet50", "se(stages=2-4)", "params_increase"), "4", 0.04, "Section 4"),
    ],
)
def test_figures(key, text, value, source):
    figure = paper.paper_figures(*key)
    assert (figure.text, figure.value, figure.source) == (text, value, source)


def test_what_the_paper_does_not_print_is_none():
    assert paper.paper_figures("resnet50", "se(r=8)", "paper_macs") is None
    assert paper.paper_figures("alexnet", "plain", "params") is None
    assert paper.paper_figures("torchvision:resnet50", "plain", "params") is None


def test_the_file_holds_every_cost_figure_once():
    # Table 2: 8 networks x 2; Table 3: 2 x 2 x (MFLOPs, params); Table 7: 4 ratios + plain; Section 4: 11
    sources = [figure.source for figure in paper.all_paper_figures()]
    assert [sources.count(name) for name in ("Table 2", "Table 3", "Table 7", "Section 4")] == [16, 8, 5, 11]
    keys = [(f.model, f.variant, f.metric, f.source) for f in paper.all_paper_figures()]
    assert len(set(keys)) == len(keys)


def workload(**changes):
    return Workload(**{"input_shape": (1, 3, 224, 224), **changes})


@pytest.mark.parametrize(
    ("changes", "metric"),
    [
        ({}, "cpu_inference_latency"),
        ({"threads": 8}, "cpu_inference_latency"),  # the paper does not state its threads
        ({"input_shape": (1, 3, 299, 299)}, None),
        ({"input_shape": (8, 3, 224, 224), "batch_size": 8}, None),
        ({"phase": "training"}, None),
        ({"dtype": "bfloat16"}, None),
        ({"device": "cuda"}, None),
        (
            {"device": "cuda:1", "phase": "training", "batch_size": 256, "input_shape": (256, 3, 224, 224)},
            "gpu_training_latency",
        ),
        ({"phase": "training", "batch_size": 256, "input_shape": (256, 3, 224, 224)}, None),
    ],
)
def test_timings_go_with_the_papers_workloads_only(changes, metric):
    assert paper.latency_metric(workload(**changes)) == metric
