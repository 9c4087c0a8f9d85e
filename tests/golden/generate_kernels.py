# SPDX-License-Identifier: Apache-2.0
"""Writes kernels.safetensors: what PyTorch makes of batch norm, pooling and activations, with gradients, in double
precision and in NHWC order. Usage: python generate_kernels.py"""
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(1709)
tensors = {}


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def nhwc(tensor):
    return tensor.detach().permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor.detach()


def add(name, function, **inputs):
    """Inputs and output, and the gradient of sum(output * w) for random w, for everything given."""
    leaves = {key: value.clone().requires_grad_() for key, value in inputs.items()}
    output = function(*leaves.values())
    weight = randn(*output.shape)
    (output * weight).sum().backward()
    tensors[f"{name}.output"], tensors[f"{name}.output_gradient"] = nhwc(output), nhwc(weight)
    for key, leaf in leaves.items():
        tensors[f"{name}.{key}"], tensors[f"{name}.{key}_gradient"] = nhwc(leaf), nhwc(leaf.grad)


channels = 5
x, residual = 2 * randn(2, channels, 3, 4) + 0.5, randn(2, channels, 3, 4)
gamma, beta = 1 + 0.5 * randn(channels), randn(channels)
for training in (True, False):
    for tail in ("none", "relu", "relu6", "residual_relu"):
        mean, variance = 0.3 * torch.ones(channels).double(), 1.5 * torch.ones(channels).double()

        def norm(x, gamma, beta, residual=None):
            y = F.batch_norm(x, mean, variance, gamma, beta, training, 0.1, 1e-5)
            y = y if residual is None else y + residual
            return {"none": y, "relu6": F.relu6(y)}.get(tail, F.relu(y))

        name = f"batch_norm_{'training' if training else 'inference'}_{tail}"
        more = {"residual": residual} if tail == "residual_relu" else {}
        add(name, norm, x=x, gamma=gamma, beta=beta, **more)
        tensors[f"{name}.running_mean"], tensors[f"{name}.running_variance"] = mean, variance

picture = torch.round(2 * randn(2, 3, 7, 6))  # rounded: many equal maxima
add("max_pool", lambda x: F.max_pool2d(x, 3, 2, 1), x=picture)
add("average_pool_padded", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=True), x=picture)
add("average_pool_inside", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), x=picture)
add("global_average_pool", lambda x: F.adaptive_avg_pool2d(x, 1), x=picture)
values = 3 * randn(1, 4, 5, 7)
for name, function in {"relu": F.relu, "relu6": F.relu6, "sigmoid": torch.sigmoid, "tanh": torch.tanh}.items():
    add(name, function, x=values)

tensors = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
save_file(tensors, pathlib.Path(__file__).parent / "kernels.safetensors", {"torch": torch.__version__})
