# SPDX-License-Identifier: Apache-2.0
"""PyTorch's side of the comparison: the networks of include/mmdl/models as torch modules."""
import torch
from torch import nn


def conv_norm(inputs, outputs, size, stride=1):
    return [nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs)]


class Block(nn.Module):
    """ResNet's basic block, or (deep) its bottleneck."""

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


class ResNet(nn.Module):
    """A ResNet with 81 labels, its scales fused as in the paper (MS-CNN) or not."""

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


def mlp(inputs, *sizes):
    layers = []
    for size in sizes:
        layers.extend((nn.Linear(inputs, size), nn.ReLU(True)))
        inputs = size
    return nn.Sequential(*layers)


def quantity():
    layers, inputs = [], 4096
    for size in (512, 256):
        layers.extend((nn.Linear(inputs, size), nn.ReLU(True), nn.Dropout(0.5)))
        inputs = size
    return nn.Sequential(*layers, nn.Linear(inputs, 1))


def small28():
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(True), nn.MaxPool2d(2),
                         nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(True), nn.MaxPool2d(2),
                         nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(True),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))


def middle32():
    def block(inputs, outputs):
        return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)
    return nn.Sequential(*block(3, 32), *block(32, 32), nn.MaxPool2d(2), *block(32, 64), *block(64, 64),
                         nn.MaxPool2d(2), *block(64, 128), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


NETWORKS = {
    "small28": small28,
    "middle32": middle32,
    "resnet18": lambda: ResNet((2, 2, 2, 2), deep=False, fused=False),
    "resnet50": lambda: ResNet((3, 4, 6, 3), deep=True, fused=False),
    "resnet101": lambda: ResNet((3, 4, 23, 3), deep=True, fused=False),
    "ms-cnn-resnet101": lambda: ResNet((3, 4, 23, 3), deep=True, fused=True),
    "mobilenet75": lambda: mobilenet(0.75),
    "mobilenet100": lambda: mobilenet(1.0),
    "vgg16": vgg16,
    "googlenet": googlenet,
    "tags": lambda: mlp(1000, 2048, 2048),
    "quantity": quantity,
}
VECTORS = {"tags": (1000, 2048), "quantity": (4096, 1)}  # inputs and outputs of networks over vectors
# Of networks over images of another size than 3 x 224 x 224 with 81 labels.
IMAGES = {"small28": ((1, 28, 28), 10), "middle32": ((3, 32, 32), 10)}


def build(name):
    """The module, channels last, with weights drawn anew."""
    torch.manual_seed(1)
    net = NETWORKS[name]()
    return net if name in VECTORS else net.to(memory_format=torch.channels_last)


def batch_of(name, size):
    """Inputs and targets, as our program has them."""
    if name in VECTORS:
        inputs, outputs = VECTORS[name]
        images = torch.randn(size, inputs)
    else:
        shape, outputs = IMAGES.get(name, ((3, 224, 224), 81))
        images = torch.randn(size, *shape).to(memory_format=torch.channels_last)
    targets = torch.zeros(size, outputs)
    for i in range(size):
        targets[i, i % outputs] = 1.0
    return images, targets


def loss_of(name, outputs, targets):
    """The loss that our program trains with: a sum over outputs, a mean over samples."""
    if name in VECTORS:
        return nn.functional.mse_loss(outputs, targets, reduction="sum") / len(targets)
    return nn.functional.binary_cross_entropy_with_logits(outputs, targets, reduction="sum") / len(targets)
