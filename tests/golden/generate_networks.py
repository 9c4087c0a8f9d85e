# SPDX-License-Identifier: Apache-2.0
"""Writes networks.safetensors: forward, backward, optimizer step and inference of whole networks in PyTorch, in double
precision and in single, from weights that both sides make by one counter-based formula. Of each parameter tensor the
gradient's norm, largest magnitude, a signed sum over all of it, and a few numbers are kept.
Usage: python generate_networks.py"""
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

SEED, SAMPLES = 2024, 8
tensors, metadata = {}, {"torch": torch.__version__}


def stream_of(name):
    """FNV-1a of 64 bits."""
    stream = 0xCBF29CE484222325
    for byte in name.encode():
        stream = (stream ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return stream


def uniform(name, count):
    """Philox 4x32-10: the first `count` uniform numbers in [0, 1) of the stream of a name, in float32 (exact)."""
    low = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    index = np.arange((count + 3) // 4, dtype=np.uint64)
    stream = stream_of(name)
    c = [index & low, index >> shift, np.full_like(index, stream & 0xFFFFFFFF), np.full_like(index, stream >> 32)]
    k0, k1 = SEED & 0xFFFFFFFF, SEED >> 32
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(p1 >> shift) ^ c[1] ^ np.uint64(k0), p1 & low, (p0 >> shift) ^ c[3] ^ np.uint64(k1), p0 & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    bits = np.stack(c, axis=1).reshape(-1)[:count]
    return (bits >> np.uint64(8)).astype(np.float32) * np.float32(1 / 16777216)


def initial(name, shape):
    """The first value of a parameter or running statistic; every product but that with `bound` is exact."""
    count = int(np.prod(shape))
    u = uniform(name, count)
    centred = np.float32(2) * u - np.float32(1)
    if name.endswith(".running_mean"):
        values = np.float32(0.125) * centred
    elif name.endswith(".running_variance"):
        values = np.float32(0.5) + u
    elif len(shape) > 1:
        bound = np.float32(np.sqrt(6.0 / (count // shape[-1])))
        values = bound * centred
    elif name.endswith(".bias"):
        values = np.float32(0.125) * centred
    else:
        values = np.float32(0.75) + np.float32(0.5) * u
        if last_of_body(name):
            values = np.float32(0.25) * values
    return values.reshape(shape)


def last_of_body(name):
    """The last batch norm of a residual body: a small factor keeps deep networks tame."""
    return "block" in name and "shortcut" not in name and name.endswith(f"batch_norm{LAST_NORM}.weight")


class Network:
    """Parameters by name, made when first asked for, in mmdl's layouts (HWIO, [in][out])."""

    def __init__(self, dtype):
        self.dtype, self.parameters, self.states, self.training = dtype, {}, {}, True

    def parameter(self, name, *shape):
        if name not in self.parameters:
            value = torch.from_numpy(initial(name, shape)).to(self.dtype)
            self.parameters[name] = value.requires_grad_()
        return self.parameters[name]

    def state(self, name, *shape):
        if name not in self.states:
            self.states[name] = torch.from_numpy(initial(name, shape)).to(self.dtype)
        return self.states[name]

    def conv(self, x, name, filters, kernel, stride=1):
        weight = self.parameter(f"{name}.weight", kernel, kernel, x.shape[1], filters)
        return F.conv2d(x, weight.permute(3, 2, 0, 1), None, stride, (kernel - 1) // 2)

    def norm(self, x, name):
        channels = x.shape[1]
        weight, bias = self.parameter(f"{name}.weight", channels), self.parameter(f"{name}.bias", channels)
        mean, variance = self.state(f"{name}.running_mean", channels), self.state(f"{name}.running_variance", channels)
        return F.batch_norm(x, mean, variance, weight, bias, self.training, 0.1, 1e-5)

    def linear(self, x, name, units):
        return x @ self.parameter(f"{name}.weight", x.shape[1], units) + self.parameter(f"{name}.bias", units)

    def block(self, x, name, width, stride, bottleneck, project):
        if bottleneck:
            sizes = ((width, 1, 1), (width, 3, stride), (4 * width, 1, 1))
        else:
            sizes = ((width, 3, stride), (width, 3, 1))
        y = x
        for i, (filters, kernel, step) in enumerate(sizes, 1):
            y = self.norm(self.conv(y, f"{name}.conv{i}", filters, kernel, step), f"{name}.batch_norm{i}")
            y = F.relu(y) if i < len(sizes) else y
        if project:
            x = self.conv(x, f"{name}.shortcut.conv1", sizes[-1][0], 1, stride)
            x = self.norm(x, f"{name}.shortcut.batch_norm1")
        return F.relu(y + x)

    def resnet(self, x, prefix, counts, bottleneck):
        """All five scales."""
        x = F.relu(self.norm(self.conv(x, f"{prefix}scale1.conv1", 64, 7, 2), f"{prefix}scale1.batch_norm1"))
        taps = [x]
        x = F.max_pool2d(x, 3, 2, 1)
        for scale, count in enumerate(counts, 2):
            width = 64 << (scale - 2)
            for number in range(1, count + 1):
                first = number == 1
                x = self.block(x, f"{prefix}scale{scale}.block{number}", width, 2 if first and scale > 2 else 1,
                               bottleneck, first and (bottleneck or scale > 2))
            taps.append(x)
        return taps

    def fuse(self, taps, prefix):
        """Equations 2 and 3 of the paper, and the mean over all places."""
        fused = taps[0]
        for number, tap in enumerate(taps[1:], 1):
            name = f"{prefix}fusion{number}"
            y = self.conv(fused, f"{name}.conv1", fused.shape[1], 3, fused.shape[2] // tap.shape[2])
            y = F.relu(self.norm(y, f"{name}.batch_norm1"))
            y = F.relu(self.norm(self.conv(y, f"{name}.conv2", tap.shape[1], 1), f"{name}.batch_norm2"))
            fused = tap + y
        return fused.mean((2, 3))


def resnet18(net, image):
    return [net.linear(net.resnet(image, "", (2, 2, 2, 2), False)[-1].mean((2, 3)), "linear1", 10)]


def multi_scale(net, image):
    return [net.linear(net.fuse(net.resnet(image, "", (3, 4, 23, 3), True), ""), "linear1", 10)]


def annotator(net, image, tags):
    visual = net.fuse(net.resnet(image, "visual.", (3, 4, 23, 3), True), "visual.")
    text = F.relu(net.linear(F.relu(net.linear(tags, "text.linear1", 2048)), "text.linear2", 2048))
    both = torch.cat([visual, text], 1)
    labels = net.linear(both, "labels.linear1", 81)
    quantity = F.relu(net.linear(both, "quantity.linear1", 512))
    quantity = F.relu(net.linear(quantity, "quantity.linear2", 256))
    return [labels, net.linear(quantity, "quantity.linear3", 1)]


def softmax_loss(outputs, targets):
    return F.cross_entropy(outputs[0], targets[0])


def annotator_loss(outputs, targets):
    samples = outputs[0].shape[0]
    labels = F.binary_cross_entropy_with_logits(outputs[0], targets[0], reduction="sum") / samples
    return labels + float(np.float32(0.1)) * F.mse_loss(outputs[1], targets[1], reduction="sum") / samples


def places(count):
    return [count * k // SAMPLES for k in range(SAMPLES)]


def signed_sum(values):
    """Alternates by a fixed pattern of bits, so that a wrong or misplaced number shows."""
    index = np.arange(values.size, dtype=np.uint64)
    bits = (index * np.uint64(2654435761) >> np.uint64(16)) & np.uint64(1)
    return float(np.where(bits == 1, values, -values).sum())


def run(dtype, model, inputs, targets, loss, steps):
    """What one precision makes of it: inference first, then `steps` training steps on the same batch."""
    net = Network(dtype)
    inputs = [x.to(dtype) for x in inputs]
    targets = [t.to(dtype) for t in targets]
    result = {}
    with torch.no_grad():
        net.training = False
        outputs = model(net, *inputs)
        for i, output in enumerate(outputs, 1):
            result[f"inference{i}"] = output.numpy().astype(np.float64)
    net.training = True
    decayed = [p for n, p in net.parameters.items() if p.dim() > 1]
    others = [p for n, p in net.parameters.items() if p.dim() == 1]
    rate, momentum, decay = (float(np.float32(x)) for x in (0.001, 0.9, 0.001))
    optimizer = torch.optim.SGD([{"params": decayed, "weight_decay": decay}, {"params": others}], rate, momentum)
    names = list(net.parameters)
    losses = []
    for step in range(steps):
        outputs = model(net, *inputs)
        value = loss(outputs, targets)
        optimizer.zero_grad()
        value.backward()
        losses.append(value.item())
        if step == 0:
            for i, output in enumerate(outputs, 1):
                result[f"training{i}"] = output.detach().numpy().astype(np.float64)
            gradients = [net.parameters[n].grad.numpy().astype(np.float64).reshape(-1) for n in names]
            result["gradient_norms"] = np.array([np.linalg.norm(g) for g in gradients])
            result["gradient_largest"] = np.array([np.abs(g).max() for g in gradients])
            result["gradient_signed"] = np.array([signed_sum(g) for g in gradients])
            result["gradient_samples"] = np.array([g[places(g.size)] for g in gradients])
        optimizer.step()
    result["losses"] = np.array(losses)
    flat = [net.parameters[n].detach().numpy().astype(np.float64).reshape(-1) for n in names]
    result["updated_samples"] = np.array([p[places(p.size)] for p in flat])
    flat = [s.numpy().astype(np.float64) for s in net.states.values()]
    result["state_samples"] = np.array([s[places(s.size)] for s in flat])
    result["state_largest"] = np.array([np.abs(s).max() for s in flat])
    return result, names, list(net.states)


def image(samples, size):
    values = 2 * uniform("image", samples * size * size * 3) - 1
    return torch.from_numpy(values.reshape(samples, size, size, 3)).permute(0, 3, 1, 2)


def add(case, last_norm, model, inputs, targets, loss, steps):
    global LAST_NORM
    LAST_NORM = last_norm
    double, names, states = run(torch.float64, model, inputs, targets, loss, steps)
    single, _, _ = run(torch.float32, model, inputs, targets, loss, steps)
    for key, value in double.items():
        wide = key in ("losses",) or value.ndim == 1
        tensors[f"{case}.{key}"] = value if wide else value.astype(np.float32)
    metadata[f"{case}.parameters"], metadata[f"{case}.states"] = "\n".join(names), "\n".join(states)

    # How far single precision is from double, by the test's own measures: what rounding alone does.
    def worst(key, scale):
        if len(scale) == 0:  # a network without running statistics
            return 0.0
        return float((np.abs(single[key] - double[key]).reshape(len(scale), -1).max(1) / scale).max())

    def size(key):  # a tensor whose gradient is but rounding (a bias before batch norm) is measured by the others
        return np.maximum(double[key], 1e-6 * double[key].max())

    errors = {
        "inference": max(worst(k, [np.abs(v).max()] * len(v)) for k, v in double.items() if k.startswith("inference")),
        "training": max(worst(k, [np.abs(v).max()] * len(v)) for k, v in double.items() if k.startswith("training")),
        "losses": worst("losses", np.abs(double["losses"])),
        "gradient_norms": worst("gradient_norms", size("gradient_norms")),
        "gradient_signed": worst("gradient_signed", size("gradient_norms")),
        "gradient_samples": worst("gradient_samples", size("gradient_largest")),
        "updated_samples": worst("updated_samples", np.abs(double["updated_samples"]).max(1)),
        "state_samples": worst("state_samples", double["state_largest"]),
    }
    for key, error in errors.items():
        tensors[f"{case}.float32_error.{key}"] = np.array([error])
    print(case, double["losses"], {key: f"{error:.1e}" for key, error in errors.items()}, file=sys.stderr)


def targets_of(samples, count, share):
    return torch.from_numpy((uniform("labels", samples * count) < np.float32(share)).astype(np.float32)
                            .reshape(samples, count))


if __name__ == "__main__":
    one_of_ten = torch.zeros(2, 10)
    one_of_ten[0, 3] = one_of_ten[1, 7] = 1
    tags = torch.from_numpy((uniform("tags", 1000) < np.float32(0.015625)).astype(np.float32).reshape(1, 1000))
    add("resnet18", 2, resnet18, [image(2, 64)], [one_of_ten], softmax_loss, 2)
    add("multi_scale_64", 3, multi_scale, [image(1, 64)], [one_of_ten[:1]], softmax_loss, 2)
    add("multi_scale_224", 3, multi_scale, [image(1, 224)], [one_of_ten[:1]], softmax_loss, 2)
    add("annotator", 3, annotator, [image(1, 64), tags], [targets_of(1, 81, 0.0625), torch.full((1, 1), 3.0)],
        annotator_loss, 2)
    tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    save_file(tensors, pathlib.Path(__file__).parent / "networks.safetensors", metadata)
