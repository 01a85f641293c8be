"""Two networks of your own against each other: what does a wider stem cost, and is that below 50 %?"""

from torch import nn

import sebench


def old() -> nn.Module:
    return network(width=16)


def new() -> nn.Module:
    return network(width=20)


def network(width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, width, 3, stride=2), nn.ReLU(), nn.Conv2d(width, 32, 3), nn.Flatten())


if __name__ == "__main__":  # worker processes import this file to build the networks
    result = sebench.compare(baseline=old, candidate=new, image_size=64, threads=1, effort="quick")
    print(result.overhead("macs"))
    latency = result.overhead("latency")
    print(latency)
    print(latency.verdict("<", 1.5), latency < 1.5)
