"""Which SE variants of ResNet-50 keep an extra 4 % of parameters: counted, not measured."""

import sebench

if __name__ == "__main__":
    found = sebench.tune("resnet50", max_overhead={"params": 1.04}, axes={"r": (16,)}, dry_run=True).found
    for each in found.candidates:
        ratio = each.cost.ratio("params", found.plain)
        verdict = "out" if each.fate == "over" else "in"
        print(f"{each.variant:14} {each.cost.sites:3} sites, params x {ratio:.4f}: {verdict}")
