# SPDX-License-Identifier: Apache-2.0
"""Writes metrics.safetensors: random and degenerate annotations with the scores that scikit-learn gives them.
Usage: python generate_metrics.py"""
import pathlib
import warnings

import numpy as np
from safetensors.numpy import save_file
from sklearn.metrics import average_precision_score, mean_squared_error, precision_score, recall_score

random = np.random.default_rng(20190401)
tensors = {}


def harmonic(a, b):
    return 2 * a * b / (a + b) if a + b > 0 else 0.0


def add(name, truth, predicted, scores):
    truth, predicted, scores = truth.astype(np.float32), predicted.astype(np.float32), scores.astype(np.float32)
    c_p, i_p = (precision_score(truth, predicted, average=a, zero_division=0) for a in ("macro", "micro"))
    c_r, i_r = (recall_score(truth, predicted, average=a, zero_division=0) for a in ("macro", "micro"))
    c_f1, i_f1 = harmonic(c_p, c_r), harmonic(i_p, i_r)
    present = truth.any(axis=0)
    # A class that is never present has no average precision (scikit-learn warns and takes 0): it is left out.
    mean_ap = average_precision_score(truth[:, present], scores[:, present], average="macro") if present.any() else 0.0
    tensors[f"{name}.truth"] = truth
    tensors[f"{name}.predicted"] = predicted
    tensors[f"{name}.scores"] = scores
    tensors[f"{name}.expected"] = np.array(
        [c_p, c_r, c_f1, i_p, i_r, i_f1, harmonic(c_f1, i_f1), (~predicted.astype(bool).any(axis=0)).sum(),
         (~present).sum(), mean_ap])


def labels(samples, classes, share):
    return random.random((samples, classes)) < share


warnings.simplefilter("error")  # no score below may rest on a fallback of scikit-learn
for i, (samples, classes, share) in enumerate([(40, 12, 0.3), (25, 7, 0.6), (60, 5, 0.5), (1, 9, 0.4)]):
    truth = labels(samples, classes, share)
    scores = random.normal(size=truth.shape) + truth
    add(f"random{i}", truth, scores > 0.7, scores)

truth = labels(30, 6, 0.4)
scores = random.normal(size=truth.shape) + truth
predicted = scores > 0.5
never_predicted = predicted.copy()
never_predicted[:, [1, 4]] = False
add("never_predicted", truth, never_predicted, scores)
never_present = truth.copy()
never_present[:, [0, 5]] = False
add("never_present", never_present, predicted, scores)
unlabelled = truth.copy()
unlabelled[:10] = False
add("unlabelled", unlabelled, predicted, scores)
add("all_ties", truth, predicted, np.zeros_like(scores))
add("many_ties", truth, predicted, np.round(scores))
add("nothing_predicted", truth, np.zeros_like(predicted), scores)
add("nothing_true", np.zeros_like(truth), predicted, scores)
add("nothing_at_all", np.zeros_like(truth), np.zeros_like(truth), scores)
add("perfect", truth, truth, truth)
add("all_wrong", truth, ~truth, -truth.astype(float))

quantity = random.integers(1, 9, 200).astype(np.float32)
predicted_quantity = (quantity + random.normal(size=200) * 0.7).astype(np.float32)
tensors["quantity.truth"], tensors["quantity.predicted"] = quantity, predicted_quantity
tensors["quantity.expected"] = np.array([
    (np.floor(np.abs(predicted_quantity.astype(np.float64)) + 0.5) * np.sign(predicted_quantity) == quantity).mean(),
    mean_squared_error(quantity.astype(np.float64), predicted_quantity.astype(np.float64))])

tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
save_file(tensors, pathlib.Path(__file__).parent / "metrics.safetensors")
