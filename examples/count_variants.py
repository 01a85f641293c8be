"""The library without the command line: what each SE variant adds to ResNet-50, exactly."""

from sebench import counters, models
from sebench.schema import ModelSpec

for variant in ("plain", "se", "se(r=8)", "se(stages=2-4)", "se(position=pre)"):
    built = models.build(ModelSpec(model="resnet50", variant=variant), device="meta")
    cost = counters.count(built.module, built.input_shape, sites=built.sites, stages=built.stages)
    macs = sum(op.macs for op in cost.ops)
    print(f"{variant:18} {len(cost.sites):3} sites {cost.params:11,} params {macs:14,} MACs")
