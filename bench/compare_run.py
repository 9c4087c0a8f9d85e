# SPDX-License-Identifier: Apache-2.0
"""Measures the rows of the comparison: our program and the peer's process take turns, and are idle otherwise."""
import contextlib
import dataclasses
import math
import os
import re
import statistics
import time

import peer_modes
from compare_processes import Failed, NotThere, Ours, Peer, run

FOLDER = os.path.dirname(os.path.abspath(__file__))
PAUSE = 0.05  # seconds between turns: longer than the threads of either side spin before they sleep
TURN = 0.1    # seconds that a turn should last at least: short passes are repeated within it
LAYER_TURNS = 3  # of a process that measures the layers


class Comparison:
    """All that a row's measurement needs to know."""

    def __init__(self, python, programs, threads, runs, modes=""):
        self.python, self.programs, self.threads, self.runs = python, programs, threads, runs
        self.modes = modes  # of PyTorch that are tried: an expression
        self.environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
        self.layer_lines, self.compile_lines, self.peak, self.versions = {}, None, {}, {}

    def program(self, name):
        return os.path.join(self.programs, "bench_" + name)

    def ours(self, threads=None):
        environment = dict(self.environment, OMP_NUM_THREADS=str(threads or self.threads))
        return Ours([self.program("networks")], environment)

    def peer(self):
        command = [self.python, os.path.join(FOLDER, "peer_modes.py"), "--threads", str(self.threads)]
        return Peer(command, dict(self.environment, CUDA_VISIBLE_DEVICES=""))

    def measure(self, row):
        """The row's figures as a dictionary; a figure that did not come about is null, and "note" says why."""
        result = {"group": row.group, "name": row.name, "ratio": None, "target": row.target, "ours": None, "peer": None,
                  "peer_mode": None, "unit": "s", "gflops": None, "share_of_peak": None, "peer_gflops": None,
                  "peer_share_of_peak": None, "note": None, "failed": False}
        try:
            getattr(self, "_" + row.kind)(row, result)
        except Failed as failure:
            result.update(note=str(failure), failed=not isinstance(failure, NotThere))
        if result["ratio"] is None and result["ours"] and result["peer"]:
            result["ratio"] = result["peer"] / result["ours"]
        return result

    def _tried(self, row, measure):
        """{mode: figure} of the modes that work; what the others said."""
        figures, refused = {}, {}
        for mode in peer_modes.modes(row.question):
            if not re.search(self.modes, mode):
                continue
            try:
                figures[mode] = measure(mode)
            except Failed as failure:
                refused[mode] = str(failure)
        if not figures:
            raise Failed("; ".join(sorted(set(refused.values()))) or f"--modes: no mode has '{self.modes}'")
        return figures, refused

    def _fastest_peer(self, row, result, stack):
        """The process of the fastest mode, ready to run it. Each mode has a process of its own, of which two live."""
        best = None

        def trial(mode):
            nonlocal best
            with contextlib.ExitStack() as mine:
                peer = mine.enter_context(self.peer())
                seconds = peer.answer("trial", row, mode=mode)["seconds"]
                if best is None or seconds < best[0]:
                    if best is not None:
                        best[2].close()
                    best = (seconds, peer, mine.pop_all())
            return seconds
        figures, refused = self._tried(row, trial)
        stack.enter_context(best[2])
        result["peer_modes"] = {**figures, **refused}
        result["peer_mode"] = min(figures, key=figures.get)
        return best[1], best[0]

    def _time(self, row, result):
        with contextlib.ExitStack() as stack:
            ours = stack.enter_context(self.ours())
            missing = None
            try:
                self._check_same_network(row, ours)
            except NotThere as failure:
                missing = str(failure)  # the peer's figure is worth having all the same
            peer, peer_seconds = self._fastest_peer(row, result, stack)
            trial = None if missing else [ours.number(row, row.question) for _ in range(3)][-1]
            mine, theirs = [], []
            for _ in range(self.runs):
                if not missing:
                    time.sleep(PAUSE)
                    mine.append(ours.number(row, row.question, passes_of(trial)))
                time.sleep(PAUSE)
                theirs.append(peer.answer("run", passes=passes_of(peer_seconds))["seconds"])
            result["peer"] = statistics.median(theirs)
            result["ours"] = statistics.median(mine) if mine else None
            result["note"] = missing
            operations = ours.number(dataclasses.replace(row, number="float32"), "flops")
            if row.question == "training":
                operations *= 3  # the backward is counted as two forwards
        self._rates(result, operations, self.peak.get(row.number))

    def _check_same_network(self, row, ours):
        mine = ours.number(row, "parameters")
        with self.peer() as peer:
            theirs = peer.answer("parameters", row)["number"]
        if mine != theirs:
            raise Failed(f"the networks differ: {mine:.0f} parameters, PyTorch's has {theirs}")

    @staticmethod
    def _rates(result, operations, peak):
        for whose, prefix in (("ours", ""), ("peer", "peer_")):
            if not result[whose] or not operations:
                continue
            rate = operations / result[whose] * 1e-9
            result[prefix + "gflops"] = rate
            result[prefix + "share_of_peak"] = rate / peak if peak else None

    def _memory(self, row, result):
        result["unit"] = "B"
        with self.ours() as ours:  # a fresh process for each figure
            result["ours"] = ours.number(row, "memory-" + row.question)

        def of_mode(mode):
            with self.peer() as peer:
                return peer.answer("memory", row, mode=mode)["bytes"]
        figures, refused = self._tried(row, of_mode)
        result["peer_modes"] = {**figures, **refused}
        result["peer_mode"] = min(figures, key=figures.get)
        result["peer"] = figures[result["peer_mode"]]

    def _scaling(self, row, result):
        if row.what == "depth":
            result["unit"] = "B"
            memory = []
            for network in (row.network, "resnet50"):
                with self.ours() as ours:  # a fresh process for each figure
                    memory.append(ours.number(dataclasses.replace(row, network=network), "memory-" + row.question))
            result.update(ours=memory[0], peer=memory[1], peer_mode="ResNet-50")
        elif row.what == "batch":
            few = dataclasses.replace(row, batch=4)
            with self.ours() as ours, self.ours() as other:
                mine, theirs = self._in_turn((ours, row), (other, few))
            result.update(ours=mine / row.batch, peer=theirs / few.batch, peer_mode="a batch of 4")
        else:
            with self.ours(threads=2) as two, self.ours(threads=1) as one:
                mine, theirs = self._in_turn((two, row), (one, row))
            result.update(ours=mine, peer=theirs, peer_mode="one thread")

    def _in_turn(self, *sides):
        """The median seconds of a pass of each (process, row), asked in turn after a trial of each."""
        passes = [passes_of([ours.number(row, row.question) for _ in range(2)][-1]) for ours, row in sides]
        seconds = [[] for _ in sides]
        for _ in range(self.runs):
            for (ours, row), each, figures in zip(sides, passes, seconds):
                time.sleep(PAUSE)
                figures.append(ours.number(row, row.question, each))
        return [statistics.median(figures) for figures in seconds]

    def _layers(self, row, result):
        step, figure = row.what.split(" ", 1)
        lines = [line for line in self.layers(row.batch) if line["pass"] == step]
        if not lines:
            raise Failed(f"bench_resnet101_layers: found no layer for '{step}'")
        result["unit"] = None
        if figure == "least":
            worst = min(lines, key=lambda line: line["ratio"])
            result.update({key: worst[key] for key in ("ratio", "ours", "peer", "peer_mode", "gflops", "share_of_peak",
                                                       "peer_gflops", "peer_share_of_peak")},
                          unit="s", note=worst["layer"])
        else:
            result["ratio"] = math.exp(statistics.fmean(math.log(line["ratio"]) for line in lines))
            result["peer_mode"] = "the fastest way of each layer"
            result["note"] = f"{len(lines)} different layers"

    def layers(self, batch):
        """What bench_resnet101_layers prints for each layer: the medians of several processes, of a few turns each.
        Where a process's arrays lie decides which of them share cache sets, and it stays so as long as it runs."""
        if batch not in self.layer_lines:
            if not os.path.exists(self.program("resnet101_layers")):
                raise NotThere("bench_resnet101_layers was not built: it needs oneDNN (Debian: libdnnl-dev)")
            printed = {}
            for turns in layer_turns(self.runs):
                for text in run([self.program("resnet101_layers"), str(batch), str(turns)], self.environment):
                    if text.startswith("# oneDNN "):
                        self.versions["onednn"] = text.split()[-1]
                        continue
                    step, layer, times, operations, mine, theirs, way = text.split("\t")
                    printed.setdefault((step, layer, times, operations), []).append((float(mine), float(theirs), way))
            self.layer_lines[batch] = [self._layer_line(batch, *layer, turns) for layer, turns in printed.items()]
        return self.layer_lines[batch]

    def _layer_line(self, batch, step, layer, times, operations, turns):
        mine, theirs = (statistics.median(turn[i] for turn in turns) for i in (0, 1))
        line = {"pass": step, "layer": layer, "batch": batch, "times": int(times), "ours": mine, "peer": theirs,
                "peer_mode": statistics.mode(way for _, _, way in turns), "ratio": theirs / mine, "gflops": None,
                "share_of_peak": None, "peer_gflops": None, "peer_share_of_peak": None}
        self._rates(line, float(operations), self.peak.get("float32"))
        return line

    def _compile(self, row, result):
        if self.compile_lines is None:
            script = os.path.join(FOLDER, "compile_cost.sh")
            self.compile_lines = {}
            for text in run([script, str(min(self.runs, 3))], self.environment):
                if text.startswith("median"):
                    _, name, seconds, megabytes = text.split()
                    self.compile_lines[name] = {"seconds": float(seconds), "memory": 1e6 * float(megabytes)}
        program = "mmdl_annotator_trainer" if row.what == "trainer" else "mmdl_annotator_resnet101"
        mine, dlib = (self.compile_lines.get(name) for name in (program, "dlib_resnet101"))
        if mine is None:
            raise Failed("bench/compile_cost.sh: found no figure")
        beside_dlib = row.what in ("dlib", "trainer")
        if beside_dlib and dlib is None:
            raise NotThere("dlib was not found (Debian: libdlib-dev)")
        figure = "memory" if row.what == "memory" else "seconds"
        limit = {"memory": 1e9, "seconds": 10.0}
        result.update(ours=mine[figure], unit="B" if figure == "memory" else "s",
                      peer=dlib["seconds"] if beside_dlib else limit[figure],
                      peer_mode="dlib's trainer" if beside_dlib else "limit")


def layer_turns(runs):
    """The turns of each process that measures the layers: a few each, `runs` of them together."""
    return [min(LAYER_TURNS, runs - first) for first in range(0, runs, LAYER_TURNS)]


def passes_of(seconds):
    """How often a turn repeats a pass that takes so long."""
    return max(1, min(1000, math.ceil(TURN / max(seconds, 1e-9))))
