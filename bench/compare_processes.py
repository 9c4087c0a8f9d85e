# SPDX-License-Identifier: Apache-2.0
"""The programs that are compared: each answers lines with lines, and is idle between them."""
import contextlib
import json
import os
import subprocess
import tempfile


class Failed(Exception):
    """A measurement that did not come about, in one line."""


class NotThere(Failed):
    """Something is not there to be measured: ours cannot do it yet, or the peer is not installed."""


class Process:
    """A program that answers lines with lines. It waits for the next one without using a processor."""

    def __init__(self, command, environment):
        self.name = os.path.basename(command[0])
        self.errors = tempfile.TemporaryFile("w+")
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                            text=True, env=environment)
        except OSError as error:
            raise Failed(f"{command[0]}: cannot start: {error.strerror}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def ask(self, line):
        with contextlib.suppress(BrokenPipeError):  # it has ended: the answer says so
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            status = self.process.wait()
            self.errors.seek(0)
            raise Failed(ended(self.name, status, self.errors.read()))
        return answer.strip()


class Ours(Process):
    """build/…/bench_networks."""

    def number(self, row, question, passes=1):
        answer = self.ask(f"{row.word} {question} {row.batch} {passes}")
        if answer.startswith("no: "):
            raise NotThere(answer[4:])
        return float(answer)


class Peer(Process):
    """peer_modes.py under a Python that has torch."""

    def answer(self, ask, row=None, **more):
        request = {"ask": ask, **more}
        if row:
            request["row"] = {"network": row.network, "question": row.question, "number": row.number,
                              "batch": row.batch}
        answer = json.loads(self.ask(json.dumps(request)))
        if "error" in answer:
            raise Failed(f"PyTorch: {answer['error']}")
        return answer


def ended(name, status, errors):
    """How a program ended, with the last line that it left on stderr."""
    words = errors.strip().splitlines()
    return f"{name} ended with status {status}" + (f": {words[-1]}" if words else "")


def run(command, environment):
    """The lines that a program prints. Failed: it cannot start, or its status is not 0."""
    try:
        done = subprocess.run(command, text=True, capture_output=True, env=environment, check=False)
    except OSError as error:
        raise Failed(f"{command[0]}: cannot start: {error.strerror}") from None
    if done.returncode != 0:
        raise Failed(ended(os.path.basename(command[0]), done.returncode, done.stderr))
    return done.stdout.splitlines()
