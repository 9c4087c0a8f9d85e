#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's side of the comparison: its modes, and the process that runs them.

Started by compare_pytorch with a Python that has torch. Each line of standard input is a request in JSON, each line of
standard output its answer:
  {"ask": "about"}                     {"versions": {...}}
  {"ask": "parameters", "row"}         {"number"}: trained parameters of the network
  {"ask": "trial", "row", "mode"}      {"seconds"}: of a pass in that mode
  {"ask": "run", "passes"}             {"seconds"}: the mean of so many passes in that mode
  {"ask": "memory", "row", "mode"}     {"bytes"}: that one warm pass adds to the resident memory
where a row is {"network", "question", "number", "batch"}. A request that fails is answered with {"error"}. A process
tries one mode: what the compiler keeps of one would change the next.
"""
import argparse
import contextlib
import ctypes
import gc
import json
import os
import re
import statistics
import sys
import time
import warnings

INFERENCE = ("eager", "frozen", "frozen, optimized", "compiled", "compiled, max-autotune", "compiled, C++ wrapper")
TRAINING = ("eager, foreach", "eager, fused", "compiled, foreach", "compiled, fused", "compiled, max-autotune, fused")
SLOW = 10.0  # seconds of a pass of which a trial is the second pass alone: minutes would choose no other mode


def modes(question):
    """The modes to try; channels last and with the weights' layout free in all of them."""
    return INFERENCE if question == "inference" else TRAINING


def compiled(function, mode):
    """The function by torch.compile, in the way that the mode's name says."""
    import torch
    import torch._inductor.config as inductor
    inductor.freezing = mode in INFERENCE  # weights are constants: they are laid out in advance
    inductor.cpp_wrapper = "C++ wrapper" in mode
    how = {"mode": "max-autotune-no-cudagraphs"} if "max-autotune" in mode else {}
    return torch.compile(function, dynamic=False, **how)


def inference_pass(row, mode):
    import torch
    import peer_networks as networks
    net = networks.build(row["network"]).eval()
    inputs, _ = networks.batch_of(row["network"], row["batch"])
    if row["number"] == "bf16":
        net, inputs = net.to(torch.bfloat16), inputs.to(torch.bfloat16)
    if mode.startswith("frozen"):
        with torch.no_grad():
            model = torch.jit.freeze(torch.jit.trace(net, inputs))
            if "optimized" in mode:
                model = torch.jit.optimize_for_inference(model)
    else:
        model = compiled(net, mode) if mode.startswith("compiled") else net

    # Freezing by the compiler wants no_grad; the rest of inference mode (no version counters) is compiled away.
    quiet = torch.inference_mode

    def run():
        with quiet():
            model(inputs)
    return run


def training_pass(row, mode):
    import torch
    import peer_networks as networks
    net = networks.build(row["network"]).train()
    inputs, targets = networks.batch_of(row["network"], row["batch"])
    way = "fused" if "fused" in mode else "foreach"
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-6, momentum=0.9, **{way: True})

    def loss_of(inputs, targets):
        return networks.loss_of(row["network"], net(inputs), targets)
    function = compiled(loss_of, mode) if mode.startswith("compiled") else loss_of

    def run():
        optimizer.zero_grad()
        number = torch.autocast("cpu", torch.bfloat16) if row["number"] == "bf16" else contextlib.nullcontext()
        with number:
            loss = function(inputs, targets)
        loss.backward()
        optimizer.step()
    run.drop_gradients = optimizer.zero_grad
    return run


def timed(run, passes=1):
    start = time.perf_counter()
    for _ in range(passes):
        run()
    return (time.perf_counter() - start) / passes


def resident(field):
    with open("/proc/self/status", encoding="ascii") as status:
        return int(re.search(field + r":\s+(\d+) kB", status.read()).group(1)) * 1024


class Worker:
    """Answers the requests."""

    def __init__(self):
        self.pass_of_mode = None

    def about(self, _):
        import torch
        onednn = re.search(r"MKL-DNN v([0-9.]+)|oneDNN v([0-9.]+)", torch.__config__.show())
        return {"versions": {"torch": torch.__version__, "torch_onednn": onednn and (onednn[1] or onednn[2]),
                             "torch_python": sys.version.split()[0],
                             "torch_cpu_capability": torch.backends.cpu.get_cpu_capability()}}

    def parameters(self, request):
        import peer_networks as networks
        return {"number": sum(p.numel() for p in networks.build(request["row"]["network"]).parameters())}

    def trial(self, request):
        make = inference_pass if request["row"]["question"] == "inference" else training_pass
        run = make(request["row"], request["mode"])
        run()  # compiles
        once = timed(run)  # lets the allocator and the primitives' caches settle
        if once < SLOW:
            run()
            passes = max(1, min(200, int(0.1 / max(timed(run), 1e-9))))
            once = statistics.median(timed(run, passes) for _ in range(3))
        self.pass_of_mode = run
        return {"seconds": once}

    def run(self, request):
        return {"seconds": timed(self.pass_of_mode, request["passes"])}

    def memory(self, request):
        row, mode = request["row"], request["mode"]
        training = row["question"] == "training"
        run = training_pass(row, mode) if training else inference_pass(row, mode)
        for _ in range(2):
            run()
        if training:
            run.drop_gradients()  # the pass takes them anew: they count
        gc.collect()
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # what earlier passes freed is not the weights'
        before = resident("VmRSS")
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # the peak begins anew
        run()
        return {"bytes": resident("VmHWM") - before}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what torch and its compilers say is no answer
    warnings.filterwarnings("ignore")
    import torch
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    worker = Worker()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request["ask"])(request)
        except Exception as error:  # a mode that this torch cannot do is no reason to stop
            words = (str(error).strip() or type(error).__name__).splitlines()
            answer = {"error": f"{type(error).__name__}: {words[0]}"[:300]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
