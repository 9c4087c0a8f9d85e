# SPDX-License-Identifier: Apache-2.0
"""Writes optim.safetensors: several steps of PyTorch's optimizers, schedules and clipping, in double precision.
Options are sums of few powers of two, so that float holds them exactly. Usage: python generate_optim.py"""
import pathlib

import torch
from safetensors.torch import save_file
from torch.optim import SGD, Adam, AdamW, RMSprop, lr_scheduler

torch.manual_seed(1709)
steps, decayed, plain = 7, 37, 20
start = torch.randn(decayed + plain, dtype=torch.float64)
gradients = torch.randn(steps, decayed + plain, dtype=torch.float64)
tensors = {"start": start, "gradients": gradients}


def parts(vector):
    return [vector[:decayed].clone(), vector[decayed:].clone()]


def add(name, optimizer, weight_decay, decay_all, **options):
    weights = [torch.nn.Parameter(part) for part in parts(start)]
    groups = [{"params": [weights[0]], "weight_decay": weight_decay},
              {"params": [weights[1]], "weight_decay": weight_decay if decay_all else 0.0}]
    rule = optimizer(groups, lr=0.125, **options)
    rows = []
    for step in range(steps):
        for group in rule.param_groups:
            group["lr"] = 0.125 if step < 4 else 0.03125  # a schedule lowers the rate on the way
        for weight, gradient in zip(weights, parts(gradients[step])):
            weight.grad = gradient
        rule.step()
        rows.append(torch.cat([weight.detach() for weight in weights]).clone())
    tensors[name] = torch.stack(rows)


for all_of_them in (False, True):
    suffix = "_all" if all_of_them else ""
    add("sgd" + suffix, SGD, 0.0625, all_of_them)
    add("momentum" + suffix, SGD, 0.0625, all_of_them, momentum=0.875)
    add("nesterov" + suffix, SGD, 0.0625, all_of_them, momentum=0.875, nesterov=True)
    add("adam" + suffix, Adam, 0.0625, all_of_them, betas=(0.875, 0.96875), eps=2.0**-20)
    add("adamw" + suffix, AdamW, 0.0625, all_of_them, betas=(0.875, 0.96875), eps=2.0**-20)
    add("rms_prop" + suffix, RMSprop, 0.0625, all_of_them, alpha=0.96875, eps=2.0**-20)
    add("rms_prop_momentum" + suffix, RMSprop, 0.0625, all_of_them, alpha=0.96875, eps=2.0**-20, momentum=0.875)


def schedule(name, make):
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    rule = make(optimizer)
    factors = []
    for _ in range(25):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        rule.step()
    tensors[name] = torch.tensor(factors, dtype=torch.float64)


schedule("step_decay", lambda o: lr_scheduler.StepLR(o, 7, 0.5))
schedule("cosine", lambda o: lr_scheduler.CosineAnnealingLR(o, 24, 0.0625))
schedule("warm_up", lambda o: lr_scheduler.SequentialLR(
    o, [lr_scheduler.LinearLR(o, 1 / 5, 1.0, 4), lr_scheduler.StepLR(o, 6, 0.5)], [5]))

for maximum in (1.0, 1000.0):
    weights = [torch.nn.Parameter(part) for part in parts(start)]
    for weight, gradient in zip(weights, parts(gradients[0])):
        weight.grad = gradient
    tensors["clip_norm"] = torch.nn.utils.clip_grad_norm_(weights, maximum).detach().reshape(1)
    tensors[f"clipped_{int(maximum)}"] = torch.cat([weight.grad for weight in weights])

tensors = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
save_file(tensors, pathlib.Path(__file__).parent / "optim.safetensors", {"torch": torch.__version__})
