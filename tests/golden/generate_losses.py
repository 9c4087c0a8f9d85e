# SPDX-License-Identifier: Apache-2.0
"""Writes losses.safetensors: what PyTorch makes of losses from logits, in double precision, with gradients.
Usage: python generate_losses.py"""
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(1709)
samples, size = 5, 9
tensors = {}


def add(name, outputs, targets, loss):
    outputs = outputs.double().requires_grad_()
    value = loss(outputs, targets.double())
    value.backward()
    tensors[f"{name}.outputs"], tensors[f"{name}.targets"] = outputs.detach(), targets.double()
    tensors[f"{name}.value"], tensors[f"{name}.gradients"] = value.detach().reshape(1), outputs.grad


def sigmoid(z, y):
    return F.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(z)


def squared(z, y):
    return F.mse_loss(z, y, reduction="sum") / len(z)


def spread(z, y):
    return -(y / y.sum(1, keepdim=True).clamp(min=1) * z.log_softmax(1)).sum() / len(z)


def asymmetric(positive_focus, negative_focus, margin):
    def loss(z, y):
        p = z.sigmoid()
        rest = 1 - (p - margin).clamp(min=0)
        positive = y * (1 - p) ** positive_focus * -F.logsigmoid(z)
        negative = (1 - y) * (1 - rest) ** negative_focus * -(rest.log() if margin else F.logsigmoid(-z))
        return (positive + negative).sum() / len(z)
    return loss


logits = 4 * torch.randn(samples, size)
extreme = torch.tensor([1e4, -1e4, 0.0, 90.0, -90.0, 1e4, -1e4, 1.0, -1.0]).repeat(samples, 1)
labels = (torch.rand(samples, size) < 0.3).float()
one_hot = F.one_hot(torch.randint(size, (samples,)), size).float()
add("sigmoid", logits, labels, sigmoid)
add("sigmoid_soft", logits, torch.rand(samples, size), sigmoid)
add("sigmoid_extreme", extreme, labels, sigmoid)
add("softmax", logits, one_hot, F.cross_entropy)
add("softmax_soft", logits, torch.rand(samples, size).softmax(1), F.cross_entropy)
add("softmax_extreme", extreme, one_hot, F.cross_entropy)
add("squared", logits, torch.randn(samples, size), squared)

torch.manual_seed(1710)  # later losses have numbers of their own: those above stay as they are
several = (torch.rand(samples, size) < 0.4).float()
several[2] = 0  # a sample without labels
several[3] = 1  # and one with all
add("spread", logits, several, spread)
add("spread_extreme", extreme, several, spread)
add("asymmetric", logits, several, asymmetric(0, 4, 0.0625))
add("asymmetric_focused", logits, torch.rand(samples, size), asymmetric(1, 2, 0.0))
add("asymmetric_extreme", extreme, several, asymmetric(0, 4, 0.0625))
add("asymmetric_plain", logits, several, asymmetric(0, 0, 0.0))

tensors = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
save_file(tensors, pathlib.Path(__file__).parent / "losses.safetensors", {"torch": torch.__version__})
