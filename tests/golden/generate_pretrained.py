# SPDX-License-Identifier: Apache-2.0
"""Writes pretrained_torchvision.safetensors or pretrained_keras.safetensors: what networks of the framework itself make
of an image, with weights that both sides make by one counter-based formula. The names and shapes of the tensors are the
framework's own and ride in the metadata, a line each: name, extents, offset, factor. A number of a tensor is
offset + factor * u, u the uniform numbers of the stream of its name (see generate_networks.py).
Usage: python generate_pretrained.py torchvision|keras"""
import pathlib
import sys

import numpy as np
from safetensors.numpy import save_file

SEED = 2024
tensors, metadata = {}, {}


def uniform(name, count):
    """Philox 4x32-10: the first `count` uniform numbers in [0, 1) of the stream of a name, in float32 (exact)."""
    stream = 0xCBF29CE484222325  # FNV-1a of 64 bits
    for byte in name.encode():
        stream = (stream ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    index = np.arange((count + 3) // 4, dtype=np.uint64)
    c = [index & low, index >> shift, np.full_like(index, stream & 0xFFFFFFFF), np.full_like(index, stream >> 32)]
    k0, k1 = SEED & 0xFFFFFFFF, SEED >> 32
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(p1 >> shift) ^ c[1] ^ np.uint64(k0), p1 & low, (p0 >> shift) ^ c[3] ^ np.uint64(k1), p0 & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    bits = np.stack(c, axis=1).reshape(-1)[:count]
    return (bits >> np.uint64(8)).astype(np.float32) * np.float32(1 / 16777216)


def offset_and_factor(name, shape, fan_in):
    if name.endswith(("running_var", "moving_variance")):
        return 0.5, 1.0
    if len(shape) > 1:
        bound = float(np.float32(np.sqrt(6.0 / fan_in)))
        return -bound, 2 * bound
    if name.endswith(("running_mean", "moving_mean", "bias", "beta")):
        return -0.125, 0.25
    return 0.75, 0.5


def formula(lines, name, shape, fan_in):
    offset, factor = offset_and_factor(name, shape, fan_in)
    lines.append(f"{name} {'x'.join(map(str, shape))} {offset!r} {factor!r}")
    u = uniform(name, int(np.prod(shape)))
    return (np.float32(offset) + np.float32(factor) * u).reshape(shape)


def image(size):
    return (2 * uniform("image", size * size * 3) - 1).reshape(1, size, size, 3)


def add(case, lines, outputs):
    tensors[f"{case}.outputs"] = np.ascontiguousarray(outputs, np.float64).reshape(-1)
    metadata[f"{case}.tensors"] = "\n".join(lines)
    print(case, len(lines), "tensors", outputs.reshape(-1)[:5], file=sys.stderr)


def torchvision_cases():
    import torch
    import torchvision

    metadata["torchvision"] = torchvision.__version__

    def run(case, model, size):
        lines, state = [], {}
        for name, value in model.state_dict().items():
            shape = tuple(value.shape)
            if name.endswith("num_batches_tracked"):
                continue
            fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
            state[name] = torch.from_numpy(formula(lines, name, shape, fan_in))
        model.load_state_dict(state, strict=False)
        model = model.double().eval()
        x = torch.from_numpy(image(size).astype(np.float64)).permute(0, 3, 1, 2)
        with torch.no_grad():
            add(case, lines, model(x).numpy())

    models = torchvision.models
    run("resnet18", models.resnet18(num_classes=10), 64)
    run("googlenet", models.googlenet(num_classes=10, aux_logits=False, init_weights=False), 64)
    for case, network in (("vgg16", models.vgg16), ("vgg16_bn", models.vgg16_bn)):
        vgg = network(num_classes=10, init_weights=False)
        vgg.avgpool = torch.nn.Identity()  # 64 pixels: the map is 2x2 where 224 give the 7x7 that it makes of all
        for index, sizes in ((0, (2 * 2 * 512, 24)), (3, (24, 16)), (6, (16, 10))):  # narrower than 4096
            vgg.classifier[index] = torch.nn.Linear(*sizes)
        run(case, vgg, 64)


def keras_cases():
    import keras

    metadata["keras"] = keras.__version__
    model = keras.applications.MobileNet((64, 64, 3), alpha=0.25, weights=None, classes=10, classifier_activation=None)
    lines = []
    for layer in model.layers:
        values = []
        for weight in layer.weights:
            shape = tuple(weight.shape)
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            name = f"{layer.name}/{'depthwise_kernel' if depthwise else weight.name}"
            fan_in = int(np.prod(shape[:2 if depthwise else -1])) if len(shape) > 1 else 1
            values.append(formula(lines, name, shape, fan_in))
        if values:
            layer.set_weights(values)
    add("mobilenet25", lines, model.predict(image(64), verbose=0))


if __name__ == "__main__":
    cases = {"torchvision": torchvision_cases, "keras": keras_cases}
    if len(sys.argv) != 2 or sys.argv[1] not in cases:
        sys.exit(__doc__)
    cases[sys.argv[1]]()
    save_file(tensors, pathlib.Path(__file__).parent / f"pretrained_{sys.argv[1]}.safetensors", metadata)
