#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns a PyTorch checkpoint (.pt, .pth: a state_dict, or a dictionary with one under "state_dict", "model_state_dict" or
"model") into a safetensors file with the same names, less the "module." of data-parallel training, for load_pretrained.
Needs torch and safetensors. Nothing in the checkpoint is executed (weights_only=True). The file appears whole or not at all.
Usage: convert_checkpoint.py CHECKPOINT OUT.safetensors"""
import os
import pathlib
import re
import sys
import tempfile

WRAPPERS = ("state_dict", "model_state_dict", "model")
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")


class Problem(Exception):
    pass


def one_line(value):
    """At most 150 printable characters of it."""
    text = "".join(c if c.isprintable() else " " for c in re.sub(r"\x1b\[[0-9;]*m", "", str(value)))
    return " ".join(text.split())[:150]


def read_state(path, torch):
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise Problem(f"{path}: cannot read: {error.strerror or one_line(error)}") from error
    except Exception as error:  # of many types: pickle's, zip's, torch's own
        reason = f"{type(error).__name__}: {one_line(error)}".removesuffix(": ")
        raise Problem(f"{path}: found no checkpoint of plain tensors, expected one of PyTorch ({reason})") from error
    for key in WRAPPERS:
        if isinstance(checkpoint, dict) and isinstance(checkpoint.get(key), dict):
            checkpoint = checkpoint[key]
            break
    if not isinstance(checkpoint, dict):
        raise Problem(f"{path}: found the type {type(checkpoint).__name__}, expected a state_dict: tensors by name")
    return checkpoint


def tensors_of(path, state, torch):
    tensors = {}
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise Problem(f"{path}: entry '{one_line(name)}': found the type {type(value).__name__}, expected a tensor")
        if value.layout != torch.strided or value.is_quantized or str(value.dtype) not in {f"torch.{d}" for d in DTYPES}:
            raise Problem(f"{path}: tensor '{one_line(name)}': found {value.dtype}, {value.layout}, "
                          f"expected dense numbers of {', '.join(DTYPES)}")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise Problem(f"{path}: tensor '{one_line(name)}': found a number that is not finite, expected finite numbers")
        while name.startswith("module."):
            name = name.removeprefix("module.")
        if not name or name == "__metadata__":
            raise Problem(f"{path}: found a tensor called '{name}', expected a name")
        if name in tensors:
            raise Problem(f"{path}: found the tensor '{one_line(name)}' twice, with and without 'module.', expected one")
        tensors[name] = value.detach().clone(memory_format=torch.contiguous_format)  # tied weights lie apart
    if not tensors:
        raise Problem(f"{path}: found no tensors, expected at least one")
    return tensors


def write(tensors, out):
    from safetensors.torch import save

    folder = pathlib.Path(out).resolve().parent
    content = save(tensors, {"format": "pt"})
    name = None
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=pathlib.Path(out).name + ".", delete=False) as file:
            name = file.name
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # temporary files are the owner's alone
        os.replace(name, out)
    except OSError as error:
        if name is not None and os.path.exists(name):
            os.unlink(name)
        raise Problem(f"{out}: cannot write: {error.strerror or one_line(error)}") from error
    except BaseException:
        if name is not None and os.path.exists(name):
            os.unlink(name)
        raise


def main(arguments):
    if arguments in (["-h"], ["--help"]):
        print(__doc__)
        return
    if len(arguments) != 2:
        raise Problem(f"found {len(arguments)} arguments, expected two: CHECKPOINT OUT.safetensors")
    path, out = arguments
    if os.path.isdir(out):
        raise Problem(f"{out}: found a folder, expected the name of a file")
    if os.path.exists(out) and os.path.exists(path) and os.path.samefile(path, out):
        raise Problem(f"{out}: found the checkpoint itself, expected another file to write")
    try:
        import safetensors.torch  # noqa: F401
        import torch
    except ImportError as error:
        raise Problem(f"found no module {error.name}, expected torch and safetensors (pip install torch safetensors)") from error
    tensors = tensors_of(path, read_state(path, torch), torch)
    write(tensors, out)
    numbers = sum(tensor.numel() for tensor in tensors.values())
    print(f"{out}: {len(tensors)} tensors, {numbers} numbers")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Problem as problem:
        print(f"convert_checkpoint: {problem}", file=sys.stderr)
        sys.exit(1)
