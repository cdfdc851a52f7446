"""PyTorch's side of `training.py`: eager, channels last, the threads and the network that the command line names.

It runs under an interpreter of its own (`training.py --torch PYTHON`), because PyTorch is no dependency of the kit. The
networks are torchvision's with ten classes, which have the same layers up to their heads; MobileNet, which torchvision
lacks, is written out here. Same batch, image size and optimizer: RMSprop with momentum 0.9, in PyTorch's `foreach` form.
"""

from __future__ import annotations

import resource
import sys
import time

import torch
from torch import nn

BATCH, CLASSES, DROPOUT = 64, 10, 1e-3


def mobilenet() -> nn.Module:
    """A. Howard et al. (2017), arXiv:1704.04861, table 1, at width 1."""

    def block(inputs: int, outputs: int, size: int, stride: int, groups: int = 1) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True)]

    layers, channels = block(3, 32, 3, 2), 32
    widths = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    for width, stride in zip(widths, (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1), strict=True):
        layers += [*block(channels, channels, 3, stride, channels), *block(channels, width, 1, 1)]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(DROPOUT), nn.Linear(channels, CLASSES))


def network(name: str) -> nn.Module:
    """An untrained network for ten classes. Raises AttributeError for one that torchvision does not have."""
    if name == "mobilenet":
        return mobilenet()
    import torchvision

    made: nn.Module = getattr(torchvision.models, name)(num_classes=CLASSES)
    return made


def main() -> None:
    name, steps, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = network(name).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9, eps=1e-7, momentum=0.9, foreach=True)
    loss_of = nn.CrossEntropyLoss()
    images = torch.randint(0, 256, (steps * BATCH, 3, 32, 32), dtype=torch.uint8).to(memory_format=torch.channels_last)
    labels = torch.randint(0, CLASSES, (len(images),))

    def run(count: int) -> None:
        order = torch.randperm(count * BATCH)
        for index in range(count):
            batch = order[index * BATCH : (index + 1) * BATCH]
            scaled = images[batch].to(torch.float32, memory_format=torch.channels_last) / 127.5 - 1
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(model(scaled), labels[batch])
            loss.backward()
            optimizer.step()
            float(loss.detach())

    run(2)
    print("ready", flush=True)
    for _ in sys.stdin:
        clock, processor = time.perf_counter(), time.process_time()
        run(steps)
        taken = time.perf_counter() - clock, time.process_time() - processor
        print(*taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)


if __name__ == "__main__":
    main()
