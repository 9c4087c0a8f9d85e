#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole networks against PyTorch, in one alternating run.

Usage: PYTHON bench/compare_pytorch.py --program build/bench/bench_networks [--threads 2] [--runs 7] [--json FILE]

PYTHON is a Python that has torch. For each row the two programs take turns, one pass each, `runs` times; the figure is
the median. PyTorch runs channels-last, float32, at the better of eager and (for inference) traced and frozen. The ratio
is PyTorch's time over ours: above 1 we are ahead. Memory is what one pass adds to the resident set of a fresh process
whose weights and gradients are in place.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
import warnings

warnings.filterwarnings("ignore")


def build(name):
    """The torch module of a network, by the same architecture as include/mmdl/models."""
    import torch
    from torch import nn

    def conv_norm(inputs, outputs, size, stride=1):
        return [nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs)]

    class Block(nn.Module):
        def __init__(self, inputs, width, stride, deep):
            super().__init__()
            outputs = 4 * width if deep else width
            if deep:
                layers = (conv_norm(inputs, width, 1) + [nn.ReLU(True)] + conv_norm(width, width, 3, stride)
                          + [nn.ReLU(True)] + conv_norm(width, outputs, 1))
            else:
                layers = conv_norm(inputs, width, 3, stride) + [nn.ReLU(True)] + conv_norm(width, width, 3)
            self.body = nn.Sequential(*layers)
            plain = stride == 1 and inputs == outputs
            self.shortcut = nn.Identity() if plain else nn.Sequential(*conv_norm(inputs, outputs, 1, stride))

        def forward(self, x):
            return torch.relu_(self.body(x) + self.shortcut(x))

    class Network(nn.Module):
        def __init__(self, counts, deep, fused):
            super().__init__()
            self.stem = nn.Sequential(*conv_norm(3, 64, 7, 2), nn.ReLU(True))
            self.pool = nn.MaxPool2d(3, 2, 1)
            self.scales = nn.ModuleList()
            channels = [64]
            inputs = 64
            for i, (width, count) in enumerate(zip((64, 128, 256, 512), counts)):
                blocks = []
                for b in range(count):
                    blocks.append(Block(inputs, width, 2 if b == 0 and i > 0 else 1, deep))
                    inputs = 4 * width if deep else width
                self.scales.append(nn.Sequential(*blocks))
                channels.append(inputs)
            self.fusions = nn.ModuleList(
                nn.Sequential(*conv_norm(a, a, 3, 2), nn.ReLU(True), *conv_norm(a, b, 1), nn.ReLU(True))
                for a, b in zip(channels, channels[1:])) if fused else None
            self.head = nn.Linear(channels[-1], 81)

        def forward(self, x):
            taps = [self.stem(x)]
            for i, scale in enumerate(self.scales):
                taps.append(scale(self.pool(taps[-1]) if i == 0 else taps[-1]))
            y = taps[-1]
            if self.fusions is not None:
                y = taps[0]
                for fusion, tap in zip(self.fusions, taps[1:]):
                    y = tap + fusion(y)
            return self.head(y.mean((2, 3)))

    def classifier(features, channels):
        return nn.Sequential(*features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 81))

    def mobilenet(alpha):
        layers, inputs = [], int(32 * alpha)

        def add(inputs, outputs, size, stride=1, groups=1):
            # PyTorch's own padding: TensorFlow's costs the same work.
            layers.extend((nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
                           nn.BatchNorm2d(outputs, eps=1e-3), nn.ReLU6(True)))
        add(3, inputs, 3, 2)
        for filters, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1),
                                (512, 1), (512, 1), (1024, 2), (1024, 1)):
            outputs = int(filters * alpha)
            add(inputs, inputs, 3, stride, inputs)
            add(inputs, outputs, 1)
            inputs = outputs
        return classifier(layers, inputs)

    def vgg16():
        layers, inputs = [], 3
        for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(count):
                layers.extend((nn.Conv2d(inputs, width, 3, 1, 1), nn.ReLU(True)))
                inputs = width
            layers.append(nn.MaxPool2d(2))
        return classifier(layers, 512)

    class Inception(nn.Module):
        def __init__(self, inputs, one, three_reduced, three, five_reduced, five, pooled):
            super().__init__()

            def conv(inputs, outputs, size):
                return nn.Sequential(*conv_norm(inputs, outputs, size), nn.ReLU(True))
            self.branches = nn.ModuleList((
                conv(inputs, one, 1), nn.Sequential(conv(inputs, three_reduced, 1), conv(three_reduced, three, 3)),
                nn.Sequential(conv(inputs, five_reduced, 1), conv(five_reduced, five, 3)),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(inputs, pooled, 1))))

        def forward(self, x):
            return torch.cat([branch(x) for branch in self.branches], 1)

    def googlenet():
        def halve(size):
            return nn.MaxPool2d(size, 2, ceil_mode=True)
        return classifier(
            [*conv_norm(3, 64, 7, 2), nn.ReLU(True), halve(3), *conv_norm(64, 64, 1), nn.ReLU(True),
             *conv_norm(64, 192, 3), nn.ReLU(True), halve(3), Inception(192, 64, 96, 128, 16, 32, 32),
             Inception(256, 128, 128, 192, 32, 96, 64), halve(3), Inception(480, 192, 96, 208, 16, 48, 64),
             Inception(512, 160, 112, 224, 24, 64, 64), Inception(512, 128, 128, 256, 24, 64, 64),
             Inception(512, 112, 144, 288, 32, 64, 64), Inception(528, 256, 160, 320, 32, 128, 128), halve(2),
             Inception(832, 256, 160, 320, 32, 128, 128), Inception(832, 384, 192, 384, 48, 128, 128)], 1024)

    others = {"mobilenet75": lambda: mobilenet(0.75), "vgg16": vgg16, "googlenet": googlenet}
    if name in others:
        return others[name]().to(memory_format=torch.channels_last)
    counts = (2, 2, 2, 2) if name == "resnet18" else (3, 4, 23, 3)
    net = Network(counts, name != "resnet18", name.startswith("ms-cnn"))
    return net.to(memory_format=torch.channels_last)


def batch_of(size):
    import torch
    torch.manual_seed(1)
    images = torch.randn(size, 3, 224, 224).to(memory_format=torch.channels_last)
    labels = torch.zeros(size, 81)
    for i in range(size):
        labels[i, i % 81] = 1.0
    return images, labels


def training_step(net, optimizer, images, labels):
    import torch
    optimizer.zero_grad(set_to_none=False)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(net(images), labels, reduction="sum") / len(images)
    loss.backward()
    optimizer.step()


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def resident(field):
    with open("/proc/self/status") as status:
        return int(re.search(field + r":\s+(\d+) kB", status.read()).group(1)) * 1024


def torch_memory(name, mode, size):
    """Asked in a fresh process: what one pass adds."""
    import torch
    net = build(name)
    images, labels = batch_of(size)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    before = resident("VmRSS")
    if mode == "training":
        training_step(net, optimizer, images, labels)
    else:
        with torch.no_grad():
            net.eval()(images)
    return resident("VmHWM") - before


def compare(program, row, runs):
    import torch
    name, mode, size = row
    net = build(name)
    images, labels = batch_of(size)
    modes = {}
    if mode == "training":
        optimizer = torch.optim.SGD(net.train().parameters(), lr=1e-4, momentum=0.9)
        modes["eager"] = lambda: training_step(net, optimizer, images, labels)
    else:
        net.eval()
        with torch.no_grad():
            frozen = torch.jit.freeze(torch.jit.trace(net, images))

        def infer(model):
            with torch.no_grad():
                model(images)
        modes["eager"] = lambda: infer(net)
        modes["frozen"] = lambda: infer(frozen)

    def ours():
        program.stdin.write(f"{name} {mode} {size}\n")
        program.stdin.flush()
        return float(program.stdout.readline())

    times = {"mmdl": [], **{key: [] for key in modes}}
    for i in range(runs + 2):  # the first two passes of each warm up and are not counted
        mine = ours()
        theirs = {key: timed(run) for key, run in modes.items()}
        if i >= 2:
            times["mmdl"].append(mine)
            for key, value in theirs.items():
                times[key].append(value)
    medians = {key: statistics.median(values) for key, values in times.items()}
    best = min(modes, key=lambda key: medians[key])
    return {"name": f"{name} {mode} batch {size}", "seconds": medians["mmdl"], "peer_seconds": medians[best],
            "peer_mode": best, "ratio": medians[best] / medians["mmdl"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="the built bench_networks")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--networks", default="resnet18,resnet101,ms-cnn-resnet101")
    parser.add_argument("--batches", default="8")
    parser.add_argument("--json")
    parser.add_argument("--torch-memory", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    import torch
    torch.set_num_threads(options.threads)
    if options.torch_memory:
        print(torch_memory(options.torch_memory[0], options.torch_memory[1], int(options.torch_memory[2])))
        return
    if not options.program:
        parser.error("--program is needed: the built bench_networks")
    environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads))
    print(f"PyTorch {torch.__version__}, {options.threads} threads, medians of {options.runs} alternating runs")
    print(f"{'row':38} {'mmdl s':>9} {'PyTorch s':>10} {'mode':>7} {'ratio':>6} {'mmdl MB':>8} {'PyTorch MB':>11}")
    rows = []
    for name in options.networks.split(","):
        for mode in ("inference", "training"):
            for size in map(int, options.batches.split(",")):
                with subprocess.Popen([options.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      env=environment) as program:
                    row = compare(program, (name, mode, size), options.runs)
                    program.stdin.close()
                    program.wait()
                request = f"{name} memory-{mode} {size}\n"
                row["bytes"] = float(subprocess.run([options.program], input=request, text=True, capture_output=True,
                                                    env=environment, check=True).stdout)
                row["peer_bytes"] = float(subprocess.run(
                    [sys.executable, __file__, "--threads", str(options.threads), "--torch-memory", name, mode,
                     str(size)], text=True, capture_output=True, check=True).stdout)
                rows.append(row)
                print(f"{row['name']:38} {row['seconds']:9.3f} {row['peer_seconds']:10.3f} {row['peer_mode']:>7} "
                      f"{row['ratio']:6.2f} {row['bytes'] / 1e6:8.0f} {row['peer_bytes'] / 1e6:11.0f}", flush=True)
    if options.json:
        with open(options.json + ".tmp", "w") as file:
            json.dump({"torch": torch.__version__, "threads": options.threads, "rows": rows}, file, indent=1)
        os.replace(options.json + ".tmp", options.json)


if __name__ == "__main__":
    main()
