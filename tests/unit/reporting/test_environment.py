from sebench.reporting import environment_document
from sebench.reporting.document import Paragraph
from sebench.reporting.environment import environment_lines
from sebench.schema import Environment


def facts(document):
    return {(row[0].text, row[1].text): row[2] for row in document.tables[-1].rows}


def test_facts_read_well_and_keep_their_values(make):
    found = facts(environment_document(make.environment()))
    assert {key: found[key].text for key in found if key[0] in ("cpu", "memory")} == {
        ("cpu", "model"): "Example CPU 9000",
        ("cpu", "usable_cores"): "2",
        ("cpu", "physical_cores"): "4",
        ("cpu", "isa"): "avx2, fma",
        ("cpu", "quota_cores"): "unknown",
        ("cpu", "frequency_hz.min"): "0.80 GHz",
        ("cpu", "frequency_hz.current"): "unknown",
        ("cpu", "caches"): "level 1, size_bytes 32.0 KiB",
        ("memory", "total_bytes"): "16.0 GiB",
    }
    assert found["cpu", "quota_cores"].value is None
    assert found["cpu", "isa"].value == '["avx2", "fma"]'
    assert found["memory", "total_bytes"].value == 17_179_869_184
    assert found["git", "dirty"].text == "no"
    assert found["load", "steal_ratio"].text == "0.001"


def test_findings_worst_first_with_advice(make):
    table = environment_document(make.environment()).tables[0]
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["warning", "steal-high", "the host took 2.4 % of the CPU", "measure when the neighbours are quiet"],
        ["info", "virtual-machine", "this is a virtual machine (kvm)", ""],
    ]


def test_no_findings_is_said(make):
    part = environment_document(make.environment(findings=())).body[0]
    assert part == Paragraph("No source of noise was found.")


def test_two_lines(make):
    assert environment_lines(make.environment(), "2026-10-01T12:00:00Z") == (
        "machine: Example CPU 9000, 2 usable of 4 cores, 2 torch threads, kvm",
        "software: torch 2.15.0, python 3.11.7, sebench 0.1.0, Linux 6.1.0, 2026-10-01T12:00:00Z",
    )


def test_a_machine_of_which_nothing_is_known():
    blank = Environment(cpu={}, memory={}, platform={}, load={}, versions={}, variables={})
    assert environment_lines(blank) == ("machine: unknown CPU", "software: date unknown")
    assert environment_document(blank).tables[-1].rows == ()
    partly = Environment(
        cpu={"usable_cores": 2, "flags": [], "extra": {}, "odd": {1}},
        memory={},
        platform={},
        load={},
        versions={},
        variables={},
    )
    assert environment_lines(partly)[0] == "machine: unknown CPU, 2 usable of unknown cores"
    found = facts(environment_document(partly))
    assert [found["cpu", key].text for key in ("flags", "extra", "odd")] == ["none", "none", "{1}"]
