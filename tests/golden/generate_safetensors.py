# SPDX-License-Identifier: Apache-2.0
"""Writes safetensors.safetensors, a file of every number type made by the reference implementation, and the
fuzzer's corpus of small whole and broken files. Usage: python generate_safetensors.py"""
import json
import pathlib
import struct

import torch
from safetensors.torch import save_file

here = pathlib.Path(__file__).parent
values = torch.tensor([0.0, -0.0, 1.0, -2.5, 0.333251953125, 65504.0, 6.103515625e-05, 5.960464477539063e-08,
                       float("inf"), float("-inf"), float("nan"), 1000.5])
save_file(
    {
        "F32": values.clone(),
        "F64": values.double(),
        "F16": values.half(),
        "BF16": values.bfloat16(),
        # What the half types hold once widened, computed by the reference.
        "F16.as_float": values.half().float(),
        "BF16.as_float": values.bfloat16().float(),
        "I64": torch.tensor([[-(2**62), -1, 0], [1, 2, 2**62]]),
        "I32": torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
        "I16": torch.tensor([-(2**15), 2**15 - 1], dtype=torch.int16),
        "I8": torch.tensor([-128, 127], dtype=torch.int8),
        "U8": torch.tensor([0, 200, 255], dtype=torch.uint8),
        "BOOL": torch.tensor([True, False, True]),
        "scalar": torch.tensor(42.0),
        "empty": torch.zeros(0, 7),
        'sch\u00f6n "\\/\n\t\u732b\U0001f431': torch.arange(6, dtype=torch.float32).reshape(1, 2, 3),
    },
    here / "safetensors.safetensors",
    metadata={"format": "pt", "note": 'two\nlines, "quoted", \u00e9'},
)

corpus = here.parent / "fuzz" / "corpus" / "safetensors"
corpus.mkdir(parents=True, exist_ok=True)


def write(name, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    (corpus / name).write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def tensor(dtype="F32", shape=(1,), begin=0, end=4, **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end], **more}


one = '"dtype":"F32","shape":[1],"data_offsets":[0,4]'
four = bytes(4)
write("good_empty", "{}")
write("good_padded", json.dumps({"a": tensor()}) + "   ", four)
write("good_metadata", {"__metadata__": {"k": "v"}, "a": tensor(), "b": tensor("F16", (2, 1), 4, 8)}, bytes(8))
write("good_escapes", r'{"\u00e9\ud83d\udc31\"\\\/\b\f\n\r\t":{' + one + "}}", four)
write("good_scalar_and_none", {"s": tensor("F64", (), 0, 8), "n": tensor("I64", (0, 9), 8, 8)}, bytes(8))
(corpus / "short").write_bytes(b"\x01\x02\x03")
write("length_over_file", "{}", length=100)
write("length_huge", "{}", length=2**63)
write("not_json", "hello")
write("cut", '{"a":{"dtype":"F3')
write("trailing_garbage", "{}x")
write("duplicate_name", '{"a":{' + one + '},"a":{' + one + "}}", four)
write("duplicate_field", '{"a":{' + one + ',"dtype":"F32"}}', four)
write("unknown_dtype", {"a": tensor("F33")}, four)
write("missing_field", {"a": {"dtype": "F32", "shape": [1]}}, four)
write("extra_field", {"a": tensor(strides=[1])}, four)
write("negative_shape", {"a": tensor(shape=(-1,))}, four)
write("fractional_shape", {"a": tensor(shape=(1.5,))}, four)
write("huge_shape", {"a": tensor(shape=(2**63,))}, four)
write("product_overflow", {"a": tensor(shape=(2**40, 2**40))}, four)
write("overlap", {"a": tensor(), "b": tensor(begin=2, end=6)}, bytes(6))
write("hole", {"a": tensor(), "b": tensor(begin=6, end=10)}, bytes(10))
write("outside", {"a": tensor(shape=(2,), end=8)}, four)
write("begin_after_end", {"a": tensor(begin=4, end=0)}, four)
write("shape_disagrees", {"a": tensor(shape=(2,))}, four)
write("rest", {"a": tensor()}, bytes(5))
write("not_utf8", b'{"\xff":{' + one.encode() + b"}}", four)
write("bad_escape", r'{"\q":{' + one + "}}", four)
write("lone_surrogate", r'{"\ud800":{' + one + "}}", four)
write("deep", '{"a":{"shape":' + "[" * 200)
write("metadata_number", {"__metadata__": {"k": 1}})
