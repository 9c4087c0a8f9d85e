# SPDX-License-Identifier: Apache-2.0
"""The rows of the comparison with peers: what is measured, and the ratio that is wanted."""
import re
from dataclasses import dataclass

MS_CNN = "MS-CNN over ResNet-101, 224 px"
MEMORY = "Peak memory above the weights"
SMALL = "ResNet-18 and MobileNet v1, 224 px"
VECTORS = "Tag network and heads"
LAYERS = "Layers of ResNet-101 against oneDNN"
SCALING = "How mmdl scales, MS-CNN over ResNet-101"
COMPILE = "Compile cost"
EXTRA = "Other networks, 224 px"
TINY = "Small networks, 28 and 32 px"


@dataclass(frozen=True)
class Row:
    """One line of the table. A ratio is the peer's figure over ours: above 1 we are ahead."""
    group: str
    name: str
    target: float | None  # the least ratio wanted; None: for information
    kind: str             # "time", "memory", "layers", "scaling" or "compile"
    network: str = ""
    question: str = ""    # "inference" or "training"
    number: str = "float32"
    batch: int = 0
    what: str = ""        # layers: "<pass> <figure>"; scaling: "threads", "batch" or "depth"; compile: the figure

    @property
    def word(self):
        """The network's name as our program takes it."""
        return self.network if self.number == "float32" else f"{self.network}:{self.number}"


STEPS = {"inference": "inference", "training": "training step"}  # what a row calls them


def _timed(group, label, network, batches, target, questions=("inference", "training"), number="float32"):
    for question in questions:
        for batch in batches:
            name = f"{label}, {STEPS[question]}, {number}, batch {batch}"
            yield Row(group, name, target, "time", network, question, number, batch)


def _scaling(ms_cnn):
    for number in ("float32", "bf16"):
        for question, step in STEPS.items():
            yield Row(SCALING, f"1 to 2 threads, {step}, {number}, batch 8", 1.85, "scaling", ms_cnn,
                      question, number, 8, "threads")
    yield Row(SCALING, "time an image, batch 4 to 64, inference, float32", 0.95, "scaling", ms_cnn,
              "inference", batch=64, what="batch")
    yield Row(SCALING, "inference's memory, ResNet-50 to ResNet-101, batch 8", 0.95, "scaling", "resnet101",
              "inference", batch=8, what="depth")


def table(extra=False):
    """All rows in the order of the table; with `extra` those without a target too."""
    ms_cnn, rows = "ms-cnn-resnet101", []
    for number, inference, training in (("float32", 1.2, 1.5), ("bf16", 1.5, 2.0)):
        rows += _timed(MS_CNN, "MS-CNN", ms_cnn, (1, 8), inference, ("inference",), number)
        rows += _timed(MS_CNN, "MS-CNN", ms_cnn, (8,), training, ("training",), number)
    for question in ("inference", "training"):
        rows.append(Row(MEMORY, f"memory of {question}, MS-CNN, float32, batch 8", 2.5, "memory", ms_cnn, question,
                        batch=8))
    for label, network in (("ResNet-18", "resnet18"), ("MobileNet 1.0", "mobilenet100")):
        rows += _timed(SMALL, label, network, (1, 8), 1.2)
    for label, network in (("4096-512-256-1", "quantity"), ("1000-2048-2048", "tags")):
        rows += _timed(VECTORS, label, network, (32, 256), 1.2)
    for batch in (1, 8):
        for step in ("forward", "backward"):
            for figure, target in (("geometric mean", 1.0), ("least", 0.8)):
                rows.append(Row(LAYERS, f"layers, {step}, {figure}, batch {batch}", target, "layers", batch=batch,
                                what=f"{step} {figure}"))
    rows += _scaling(ms_cnn)
    rows.append(Row(COMPILE, "compile time, annotator over ResNet-101, against dlib", 1 / 0.3, "compile", what="dlib"))
    rows.append(Row(COMPILE, "compile time, trainer of the annotator, against dlib", 1 / 0.3, "compile", what="trainer"))
    rows.append(Row(COMPILE, "compile time, annotator over ResNet-101, of 10 s", 1.0, "compile", what="seconds"))
    rows.append(Row(COMPILE, "compile memory, annotator over ResNet-101, of 1 GB", 1.0, "compile", what="memory"))
    if extra:
        for label, network in (("ResNet-50", "resnet50"), ("ResNet-101", "resnet101"),
                               ("MobileNet 0.75", "mobilenet75"), ("VGG-16", "vgg16"), ("GoogLeNet", "googlenet")):
            rows += _timed(EXTRA, label, network, (1, 8), None)
        for label, network in (("8, 16, 16 channels", "small28"), ("32 to 128 channels", "middle32")):
            rows += _timed(TINY, label, network, (1, 64), None)
    return rows


def chosen(pattern, extra=False):
    """The rows whose group or name has the regular expression, in letters of either case. ValueError: there is none."""
    try:
        wanted = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"--rows: found '{pattern}', expected a regular expression ({error})") from None
    rows = [row for row in table(extra) if wanted.search(row.name) or wanted.search(row.group)]
    if not rows:
        raise ValueError(f"--rows: found '{pattern}', expected part of a row's name (--list shows them)")
    return rows
