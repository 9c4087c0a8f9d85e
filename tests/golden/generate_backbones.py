# SPDX-License-Identifier: Apache-2.0
"""Writes backbones.safetensors: VGG-16 and GoogLeNet of torchvision, and MobileNet v1 written out in PyTorch, as
generate_networks.py does it for the other networks (weights by its formula, the same measures), and the five scales of
each: a norm, a signed sum over all of it, and a few numbers.
Usage: python generate_backbones.py"""
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from safetensors.numpy import save_file
from torch import nn
from torch.func import functional_call

import generate_networks as base

NORM = {"weight": "weight", "bias": "bias", "running_mean": "running_mean", "running_var": "running_variance"}


class Vgg(nn.Module):
    def __init__(self, normalised):
        super().__init__()
        make = torchvision.models.vgg16_bn if normalised else torchvision.models.vgg16
        self.features = make(weights=None).features

    def forward(self, x):
        taps = []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                taps.append(x)
        return taps

    def parts(self):
        """Each convolution and batch norm with its name in mmdl."""
        scale, number = 1, {"conv": 0, "batch_norm": 0}
        for index, layer in enumerate(self.features):
            if isinstance(layer, nn.MaxPool2d):
                scale, number = scale + 1, {"conv": 0, "batch_norm": 0}
            kind = {nn.Conv2d: "conv", nn.BatchNorm2d: "batch_norm"}.get(type(layer))
            if kind:
                number[kind] += 1
                yield f"features.{index}", f"scale{scale}.{kind}{number[kind]}"


class GoogLeNet(nn.Module):
    SCALES = (("conv1",), ("maxpool1", "conv2", "conv3"), ("maxpool2", "inception3a", "inception3b"),
              ("maxpool3", "inception4a", "inception4b", "inception4c", "inception4d", "inception4e"),
              ("maxpool4", "inception5a", "inception5b"))

    def __init__(self):
        super().__init__()
        self.net = torchvision.models.googlenet(weights=None, aux_logits=False, init_weights=False)

    def forward(self, x):
        taps = []
        for layers in self.SCALES:
            for layer in layers:
                x = getattr(self.net, layer)(x)
            taps.append(x)
        return taps

    def parts(self):
        for scale, layers in enumerate(self.SCALES, 1):
            number = 0
            for layer in layers:
                if layer.startswith("conv"):
                    number += 1
                    yield f"net.{layer}.conv", f"scale{scale}.conv{number}"
                    yield f"net.{layer}.bn", f"scale{scale}.batch_norm{number}"
                if layer.startswith("inception"):
                    for theirs, ours in (("branch1", "branch1"), ("branch2.0", "branch2"), ("branch2.1", "branch2"),
                                         ("branch3.0", "branch3"), ("branch3.1", "branch3"), ("branch4.1", "branch4")):
                        k = 2 if theirs in ("branch2.1", "branch3.1") else 1
                        yield f"net.{layer}.{theirs}.conv", f"scale{scale}.{layer}.{ours}.conv{k}"
                        yield f"net.{layer}.{theirs}.bn", f"scale{scale}.{layer}.{ours}.batch_norm{k}"


def same(x, step):
    """TensorFlow's padding of a window of 3: the odd one of the zeros goes to the bottom and right."""
    def total(size):
        return max((-(-size // step) - 1) * step + 3 - size, 0)
    high, wide = total(x.shape[2]), total(x.shape[3])
    return F.pad(x, (wide // 2, wide - wide // 2, high // 2, high - high // 2))


class MobileNet(nn.Module):
    """Howard et al. 2017, table 1; after blocks 1, 3, 5, 11 and 13 a scale ends."""
    BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1),
              (512, 1), (1024, 2), (1024, 1))
    LAST = (1, 3, 5, 11, 13)

    def __init__(self, alpha):
        super().__init__()
        inputs = int(32 * alpha)
        self.convolutions = nn.ModuleList([nn.Conv2d(3, inputs, 3, 2, bias=False)])
        for filters, step in self.BLOCKS:
            outputs = int(filters * alpha)
            self.convolutions.append(nn.Conv2d(inputs, inputs, 3, step, groups=inputs, bias=False))
            self.convolutions.append(nn.Conv2d(inputs, outputs, 1, bias=False))
            inputs = outputs
        self.norms = nn.ModuleList(nn.BatchNorm2d(c.out_channels, eps=1e-3) for c in self.convolutions)

    def forward(self, x):
        taps = []
        for index, (convolution, norm) in enumerate(zip(self.convolutions, self.norms)):
            if convolution.kernel_size[0] == 3:
                x = same(x, convolution.stride[0])
            x = F.relu6(norm(convolution(x)))
            if index % 2 == 0 and index // 2 in self.LAST:
                taps.append(x)
        return taps

    def parts(self):
        scale, number = 1, 0
        for index in range(len(self.convolutions)):
            number += 1
            yield f"convolutions.{index}", f"scale{scale}.conv{number}"
            yield f"norms.{index}", f"scale{scale}.batch_norm{number}"
            if index % 2 == 0 and index // 2 in self.LAST:
                scale, number = scale + 1, 0


def scales_of(module, net, image):
    """The module's taps with the parameters that `net` makes by their names in mmdl (HWIO)."""
    module.train(net.training)
    values = {}
    for theirs, ours in module.parts():
        layer = module.get_submodule(theirs)
        if isinstance(layer, nn.Conv2d):
            outputs, inputs, high, wide = layer.weight.shape
            values[f"{theirs}.weight"] = net.parameter(f"{ours}.weight", high, wide, inputs, outputs).permute(3, 2, 0, 1)
            if layer.bias is not None:
                values[f"{theirs}.bias"] = net.parameter(f"{ours}.bias", outputs)
        else:
            for key, name in NORM.items():
                make = net.state if key.startswith("running") else net.parameter
                values[f"{theirs}.{key}"] = make(f"{ours}.{name}", layer.num_features)
    missing = {name for name, _ in module.named_parameters()} - set(values) - {"net.fc.weight", "net.fc.bias"}
    assert not missing, missing
    return functional_call(module, values, (image,))


def add(case, module, samples, size):
    def classifier(net, image):
        return [net.linear(scales_of(module, net, image)[-1].mean((2, 3)), "linear1", 10)]

    module = module.double()
    target = torch.zeros(2, 10)
    target[0, 3] = target[1, 7] = 1
    net = base.Network(torch.float64)
    net.training = False
    image = base.image(samples, size)
    with torch.no_grad():
        taps = [t.permute(0, 2, 3, 1).numpy().reshape(-1) for t in scales_of(module, net, image.double())]
    base.tensors[f"{case}.tap_norms"] = np.array([np.linalg.norm(t) for t in taps])
    base.tensors[f"{case}.tap_signed"] = np.array([base.signed_sum(t) for t in taps])
    base.tensors[f"{case}.tap_samples"] = np.array([t[base.places(t.size)] for t in taps])
    base.tensors[f"{case}.float32_error.taps"] = np.array([1e-6])
    base.add(case, 0, classifier, [image], [target[:samples]], base.softmax_loss, 1)


if __name__ == "__main__":
    base.metadata["torchvision"] = torchvision.__version__
    add("vgg16", Vgg(False), 2, 64)
    add("vgg16_batch_norm", Vgg(True), 2, 64)
    add("googlenet_64", GoogLeNet(), 2, 64)
    add("googlenet_45", GoogLeNet(), 2, 45)  # odd all the way down: 23, 11, 5, 3
    add("mobilenet_75_64", MobileNet(0.75), 2, 64)
    add("mobilenet_75_75", MobileNet(0.75), 2, 75)  # 38, 19, 10, 5, 3: padding of both kinds
    add("mobilenet_25_64", MobileNet(0.25), 2, 64)
    tensors = {name: np.ascontiguousarray(value) for name, value in base.tensors.items()}
    save_file(tensors, pathlib.Path(__file__).parent / "backbones.safetensors", base.metadata)
