# SPDX-License-Identifier: Apache-2.0
"""Writes convolution.safetensors: convolutions and their gradients computed by PyTorch in double precision, in this
library's layouts (NHWC, weights HWIO). Usage: python generate_convolution.py"""
import pathlib

import torch
from safetensors.torch import save_file

torch.manual_seed(20240607)
cases = {  # samples, height, width, channels, filters, kernel_h, kernel_w, stride, dilation, groups, padding
    "plain": (2, 7, 6, 5, 9, 3, 3, 1, 1, 1, 1),
    "stride": (2, 9, 10, 4, 6, 3, 3, 2, 1, 1, 1),
    "stem": (1, 15, 14, 3, 8, 7, 7, 2, 1, 1, 3),
    "pointwise_stride": (3, 7, 8, 6, 10, 1, 1, 2, 1, 1, 0),
    "dilation": (2, 9, 8, 3, 5, 3, 3, 2, 2, 1, 2),
    "groups": (2, 6, 7, 8, 6, 3, 2, 1, 1, 2, 1),
    "depthwise": (2, 9, 8, 19, 19, 3, 3, 2, 1, 19, 1),
}
tensors = {}
for name, values in cases.items():
    samples, height, width, channels, filters, kernel_h, kernel_w, stride, dilation, groups, padding = values
    x = torch.randn(samples, channels, height, width).double().requires_grad_()
    weight = torch.randn(filters, channels // groups, kernel_h, kernel_w).double().requires_grad_()
    bias = torch.randn(filters).double().requires_grad_()
    y = torch.nn.functional.conv2d(x, weight, bias, stride, padding, dilation, groups)
    gradient = torch.randn(y.shape).double()
    y.backward(gradient)
    nhwc, hwio = (0, 2, 3, 1), (2, 3, 1, 0)
    tensors[name + ".case"] = torch.tensor([*values, y.shape[2], y.shape[3]])
    tensors[name + ".bias"] = bias.detach().float()
    tensors[name + ".bias_gradient"] = bias.grad.float()
    for key, value, order in (
        ("x", x.detach(), nhwc), ("y", y.detach(), nhwc), ("y_gradient", gradient, nhwc), ("x_gradient", x.grad, nhwc),
        ("weight", weight.detach(), hwio), ("weight_gradient", weight.grad, hwio),
    ):
        tensors[f"{name}.{key}"] = value.permute(order).contiguous().float()
save_file(tensors, pathlib.Path(__file__).parent / "convolution.safetensors")
