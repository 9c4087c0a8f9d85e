# SPDX-License-Identifier: Apache-2.0
"""The other side of scripts/check_mobilenet.sh: real photographs, and what Keras makes of them. Nothing of it is kept in
the tree.
Usage: python reference_mobilenet.py photographs <corel5k.tar> <folder>           20 of them: zebras, then others
       python reference_mobilenet.py logits <weights> <inputs> <file to write>    safetensors all three"""
import json
import pathlib
import sys
import tarfile

COUNT, ZEBRAS = 20, 5


def photographs(archive, folder):
    with tarfile.open(archive) as tar:
        members = {member.name.removeprefix("./"): member for member in tar if member.isfile()}
        samples = json.load(tar.extractfile(members["train.json"]))["samples"]
        zebras = sorted(s["image_name"] for s in samples if "zebra" in s["image_labels"])[:ZEBRAS]
        others = sorted(s["image_name"] for s in samples if "zebra" not in s["image_labels"])
        rest = COUNT - len(zebras)
        for kind, names in (("zebra", zebras), ("other", [others[len(others) * i // rest] for i in range(rest)])):
            for name in names:
                content = tar.extractfile(members[f"images/{name}"]).read()
                (pathlib.Path(folder) / f"{kind}_{name}").write_bytes(content)


def logits(weights, inputs, out):
    import keras
    import numpy as np
    from safetensors.numpy import load_file, save_file

    tensors = load_file(weights)
    model = keras.applications.MobileNet((224, 224, 3), alpha=0.75, weights=None, classifier_activation=None)
    for layer in model.layers:
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        names = [f"{layer.name}/{'depthwise_kernel' if depthwise else w.name}" for w in layer.weights]
        if names:
            layer.set_weights([tensors.pop(name) for name in names])
    if tensors:
        sys.exit(f"{weights}: found {', '.join(sorted(tensors)[:3])}, expected the weights of Keras' MobileNet alone")
    images = load_file(inputs)["images"]
    save_file({"logits": np.ascontiguousarray(model.predict(images, verbose=0))}, out, {"keras": keras.__version__})


if __name__ == "__main__":
    commands = {"photographs": (photographs, 2), "logits": (logits, 3)}
    command, count = commands.get(sys.argv[1] if len(sys.argv) > 1 else "", (None, 0))
    if command is None or len(sys.argv) != 2 + count:
        sys.exit(__doc__)
    command(*sys.argv[2:])
