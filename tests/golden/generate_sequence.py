# SPDX-License-Identifier: Apache-2.0
"""Writes sequence.safetensors: what PyTorch makes of the layers of sequences and of the loss over their steps, with
the gradients of inputs and parameters along a random direction, in float32 (the LSTMs) and float64.
Usage: python generate_sequence.py"""
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(1609)
tensors = {}


def add(name, layer, inputs, parameters, given=()):
    """`layer` of `inputs` (those whose places are in `given` have no gradient) and of named `parameters`."""
    leaves = [x if i in given else x.clone().requires_grad_() for i, x in enumerate(inputs)]
    weights = {key: value.clone().requires_grad_() for key, value in parameters.items()}
    outputs = layer(*leaves, **{key.replace(".", "_"): value for key, value in weights.items()})
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    directions = [torch.randn_like(y) for y in outputs]
    sum((y * d).sum() for y, d in zip(outputs, directions)).backward()
    for i, x in enumerate(leaves):
        tensors[f"{name}.input{i + 1}"] = x.detach()
        if i not in given:
            tensors[f"{name}.input{i + 1}_gradient"] = x.grad
    for i, (y, d) in enumerate(zip(outputs, directions)):
        tensors[f"{name}.output{i + 1}"], tensors[f"{name}.direction{i + 1}"] = y.detach(), d
    for key, value in weights.items():
        tensors[f"{name}.{key}"], tensors[f"{name}.{key}_gradient"] = value.detach(), value.grad


def lstm(lengths=None):
    def run(x, *state, **weights):
        weight, state_weight, bias = weights["lstm1_weight"], weights["lstm1_state_weight"], weights["lstm1_bias"]
        units = state_weight.shape[0]
        layer = torch.nn.LSTM(x.shape[2], units, batch_first=True)
        replaced = {
            "weight_ih_l0": weight.t(), "weight_hh_l0": state_weight.t(),
            "bias_ih_l0": bias, "bias_hh_l0": torch.zeros_like(bias)}
        start = tuple(s.unsqueeze(0) for s in state[:2]) or None
        if lengths is not None:
            x = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        arguments = (x,) if start is None else (x, start)
        y, (h, c) = torch.func.functional_call(layer, replaced, arguments)
        if lengths is not None:
            return h[0], c[0]
        return y, h[0], c[0]
    return run


def lstm_weights(channels, units):
    return {"lstm1.weight": torch.randn(channels, 4 * units) / units**0.5,
            "lstm1.state_weight": torch.randn(units, 4 * units) / units**0.5, "lstm1.bias": torch.randn(4 * units)}


samples, steps, channels, units = 3, 7, 5, 9
x, h, c = torch.randn(samples, steps, channels), torch.randn(samples, units), torch.randn(samples, units)
add("lstm", lstm(), [x], lstm_weights(channels, units))
add("lstm_state", lstm(), [x, h, c], lstm_weights(channels, units))
lengths = torch.tensor([7, 1, 4])
mask = (torch.arange(steps)[None] < lengths[:, None]).float()
add("lstm_masked", lstm(lengths), [x, h, c, mask], lstm_weights(channels, units), given=[3])

torch.set_default_dtype(torch.float64)
indices = torch.tensor([[4, 0, 4], [3, 3, 0]])
add("embedding", lambda x, embedding1_weight: F.embedding(x.long(), embedding1_weight), [indices.double()],
    {"embedding1.weight": torch.randn(5, 7)}, given=[0])
add("linear", lambda x, linear1_weight, linear1_bias: F.linear(x, linear1_weight, linear1_bias),
    [torch.randn(2, 3, 5)], {"linear1.weight": torch.randn(4, 5), "linear1.bias": torch.randn(4)})
add("softmax", lambda x: x.softmax(2), [4 * torch.randn(3, 5, 6)], {})
add("maximum", lambda x, y, z: torch.maximum(torch.maximum(x, y), z), [torch.randn(2, 9) for _ in range(3)], {})
add("add", lambda x, y, z: x + y + z, [torch.randn(2, 9) for _ in range(3)], {})
image = torch.randn(2, 5, 3, 4)
add("pixel_factor", lambda x, f: x * f, [image, torch.randn(2, 5, 3, 1)], {})
add("channel_factor", lambda x, f: x * f, [image, torch.randn(2, 1, 1, 4)], {})
add("factor", lambda x, f: x * f, [image, torch.randn(2, 1, 1, 1)], {})

logits = 4 * torch.randn(3, 4, 6)
logits[1, 1] = torch.tensor([1e4, -1e4, 0.0, 90.0, -90.0, 1e4])
logits.requires_grad_()
classes = torch.tensor([[0, 5, 2, -1], [3, 1, -1, 4], [-1, -1, -1, -1]])
loss = F.cross_entropy(logits.flatten(0, 1), classes.flatten(), ignore_index=-1, reduction="sum") / 3
loss.backward()
tensors |= {"loss.outputs": logits.detach(), "loss.targets": classes.double(),
            "loss.value": loss.detach().reshape(1), "loss.gradients": logits.grad}

tensors = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
save_file(tensors, pathlib.Path(__file__).parent / "sequence.safetensors", {"torch": torch.__version__})
