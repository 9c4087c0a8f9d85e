#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: compare_pytorch.py <bench folder>

The comparison with peers, run against programs that answer with figures made up here: no torch, and no waiting."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

BENCH = os.path.abspath(sys.argv.pop(1))
sys.path.insert(0, BENCH)
import compare_report  # noqa: E402
import compare_rows  # noqa: E402
import compare_run  # noqa: E402

# Ours: 0.2 s a pass, 0.36 with one thread, 4 with 64 images; 100 bytes, but 80 for ResNet-50; 0.5e9 operations a
# sample; ResNet-18 ends when it is asked to train.
OURS = """#!{python}
import os, sys
seconds = 0.36 if os.environ["OMP_NUM_THREADS"] == "1" else 0.2
for line in sys.stdin:
    word, question, batch, *passes = line.split()
    if word.endswith(":bf16"):
        print("no: nothing in bf16")
    elif word == "resnet18" and question == "training":
        sys.exit("bench_networks: out of paper")
    else:
        memory = 80 if word == "resnet50" else 100
        print({{"flops": 5e8 * int(batch), "parameters": 7}}.get(
            question, memory if "memory" in question else 4 if batch == "64" else seconds))
    sys.stdout.flush()
"""

# The peer: 0.5 s in its fastest mode, which is not its first; no C++ wrapper. Its VGG-16 has other parameters.
PEER = """#!{python}
import json, sys
seconds = {{"eager": 0.9, "frozen": 0.7, "compiled": 0.5, "eager, foreach": 0.8, "compiled, fused": 0.6}}
for line in sys.stdin:
    request = json.loads(line)
    ask, mode = request["ask"], request.get("mode", "")
    if "C++" in mode:
        answer = {{"error": "RuntimeError: no wrapper"}}
    elif ask == "parameters":
        answer = {{"number": 8 if request["row"]["network"] == "vgg16" else 7}}
    elif ask == "about":
        answer = {{"versions": {{"torch": "0.0"}}}}
    elif ask == "memory":
        answer = {{"bytes": 1000 * seconds.get(mode, 1.0)}}
    elif ask == "trial":
        kept = seconds.get(mode, 1.0)
        answer = {{"seconds": kept}}
    else:
        answer = {{"seconds": kept}}
    print(json.dumps(answer), flush=True)
"""

LAYERS = r"""#!/bin/sh
echo "$2" >>"$0.turns"
one=0.010
if [ "$2 $(wc -l <"$0.turns")" = "3 2" ]; then one=0.500; fi  # its arrays lie badly
printf '# oneDNN 2.6.3\n'
printf "forward\tone\t3\t2000000000\t$one\t0.020\tchannels last\n"
printf 'forward\ttwo\t1\t0\t0.004\t0.002\town layout\n'
printf 'backward\tone\t3\t4000000000\t0.010\t0.010\twinograd\n'
"""

PEAK = "#!/bin/sh\necho float32 100\necho bf16 200\n"

FIELDS = {"group", "name", "ratio", "target", "ours", "peer", "peer_mode", "unit", "gflops", "share_of_peak",
          "peer_gflops", "peer_share_of_peak", "note", "failed"}


class CompareTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        for name, text in (("bench_networks", OURS), ("bench_peak", PEAK), ("bench_resnet101_layers", LAYERS),
                           ("peer", PEER)):
            path = self.path(name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.format(python=sys.executable) if "{python}" in text else text)
            os.chmod(path, 0o755)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def compare(self, *options):
        command = [sys.executable, os.path.join(BENCH, "compare_pytorch"), "--python", self.path("peer"), "--programs",
                   self.folder.name, "--runs", "2", *options]
        return subprocess.run(command, text=True, capture_output=True, check=False,
                              env=dict(os.environ, OMP_WAIT_POLICY="passive", PYTHONDONTWRITEBYTECODE="1"))

    def report(self, *options):
        done = self.compare("--json", self.path("out.json"), *options)
        with open(self.path("out.json"), encoding="utf-8") as file:
            return done, json.load(file)

    def test_list(self):
        done = self.compare("--list")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), len(compare_rows.table()))
        self.assertIn("MS-CNN, training step, bf16, batch 8                      2.00", lines)
        self.assertIn("layers, backward, least, batch 8                          0.80", lines)
        self.assertTrue(all(row.target for row in compare_rows.table()))
        self.assertEqual(len({row.name for row in compare_rows.table(extra=True)}), len(compare_rows.table(extra=True)))
        few = self.compare("--list", "--rows", "tag network.*|mobilenet.*inference").stdout.splitlines()
        self.assertEqual(len(few), 8 + 2)

    def test_some_modes(self):
        _, report = self.report("--rows", "^MS-CNN, inference, float32, batch 8", "--modes", "eager|frozen$")
        self.assertEqual(set(report["rows"][0]["peer_modes"]), {"eager", "frozen"})
        done, report = self.report("--rows", "^MS-CNN, inference, float32, batch 8", "--modes", "fused")
        self.assertEqual((done.returncode, report["rows"][0]["failed"]), (1, True))
        self.assertIn("no mode has 'fused'", report["rows"][0]["note"])

    def test_layers_in_several_processes(self):
        done, report = self.report("--runs", "7", "--rows", "^layers.*batch 1$")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("bench_resnet101_layers.turns"), encoding="ascii") as file:
            self.assertEqual(file.read().split(), ["3", "3", "1"])
        self.assertEqual(len(report["layers"]), 3)
        self.assertEqual((report["layers"][0]["ours"], report["layers"][0]["ratio"]), (0.01, 2.0))

    def test_schema_and_ratios(self):
        done, report = self.report("--rows", "^MS-CNN|^memory|^layers.*batch 1$")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLessEqual({"date", "command", "machine", "versions", "peak_gflops", "rows", "layers"}, set(report))
        self.assertEqual(report["peak_gflops"], {"float32": 100.0, "bf16": 200.0})
        self.assertEqual((report["versions"]["torch"], report["versions"]["onednn"]), ("0.0", "2.6.3"))
        rows = {row["name"]: row for row in report["rows"]}
        self.assertEqual(len(rows), 6 + 2 + 4)
        for row in rows.values():
            self.assertLessEqual(FIELDS, set(row))
            self.assertFalse(row["failed"])
        row = rows["MS-CNN, inference, float32, batch 8"]
        self.assertEqual((row["ours"], row["peer"], row["peer_mode"], row["target"]), (0.2, 0.5, "compiled", 1.2))
        self.assertAlmostEqual(row["ratio"], 2.5)
        self.assertAlmostEqual(row["gflops"], 20.0)
        self.assertAlmostEqual(row["share_of_peak"], 0.2)
        self.assertAlmostEqual(row["peer_share_of_peak"], 0.08)
        self.assertEqual(row["peer_modes"]["compiled, C++ wrapper"], "PyTorch: RuntimeError: no wrapper")
        row = rows["MS-CNN, training step, float32, batch 8"]
        self.assertEqual((row["peer"], row["peer_mode"]), (0.6, "compiled, fused"))
        self.assertAlmostEqual(row["gflops"], 60.0)  # a step is three forwards
        row = rows["MS-CNN, inference, bf16, batch 1"]
        self.assertEqual((row["ratio"], row["ours"], row["peer"]), (None, None, 0.5))
        self.assertEqual(row["note"], "nothing in bf16")
        self.assertAlmostEqual(row["peer_share_of_peak"], 0.5 / 0.5 / 200)
        row = rows["memory of training, MS-CNN, float32, batch 8"]
        self.assertEqual((row["ours"], row["peer"], row["unit"]), (100, 600, "B"))
        self.assertAlmostEqual(row["ratio"], 6.0)
        self.assertAlmostEqual(rows["layers, forward, geometric mean, batch 1"]["ratio"], 1.0)
        row = rows["layers, forward, least, batch 1"]
        self.assertAlmostEqual(row["ratio"], 0.5)
        self.assertEqual((row["note"], row["gflops"]), ("two", None))
        self.assertAlmostEqual(report["layers"][0]["gflops"], 200.0)
        self.assertIn("rows reach their target", done.stdout)

    def test_scaling(self):
        done, report = self.report("--rows", "how mmdl scales", "--threads", "3")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = {row["name"]: row for row in report["rows"]}
        for step in ("inference", "training step"):
            row = rows[f"1 to 2 threads, {step}, float32, batch 8"]
            self.assertEqual((row["ours"], row["peer"], row["peer_mode"]), (0.2, 0.36, "one thread"))
            self.assertAlmostEqual(row["ratio"], 1.8)
            self.assertEqual(rows[f"1 to 2 threads, {step}, bf16, batch 8"]["note"], "nothing in bf16")
        row = rows["time an image, batch 4 to 64, inference, float32"]
        self.assertEqual((row["ours"], row["peer"]), (4 / 64, 0.2 / 4))
        row = rows["inference's memory, ResNet-50 to ResNet-101, batch 8"]
        self.assertEqual((row["ours"], row["peer"], row["unit"]), (100, 80, "B"))
        self.assertIn("0 of 6 rows reach their target", done.stdout)

    def test_failures_are_rows(self):
        done, report = self.report("--rows", "ResNet-18, .*batch 1|VGG-16, inference.*batch 8", "--extra")
        self.assertEqual(done.returncode, 1)
        rows = {row["name"]: row for row in report["rows"]}
        self.assertAlmostEqual(rows["ResNet-18, inference, float32, batch 1"]["ratio"], 2.5)
        row = rows["ResNet-18, training step, float32, batch 1"]
        self.assertEqual((row["ratio"], row["failed"]), (None, True))
        self.assertEqual(row["note"], "bench_networks ended with status 1: bench_networks: out of paper")
        self.assertIn("7 parameters, PyTorch's has 8", rows["VGG-16, inference, float32, batch 8"]["note"])

    def test_compile_cost(self):
        comparison = compare_run.Comparison("python3", self.folder.name, 2, 1)
        comparison.compile_lines = {"mmdl_annotator_resnet101": {"seconds": 5.0, "memory": 4e8},
                                    "mmdl_annotator_trainer": {"seconds": 10.0, "memory": 4.5e8},
                                    "dlib_resnet101": {"seconds": 25.0, "memory": 1.7e9}}
        against, trainer, seconds, memory = map(comparison.measure, compare_rows.chosen("^compile"))
        self.assertEqual((against["ratio"], against["peer_mode"], seconds["ratio"]), (5.0, "dlib's trainer", 2.0))
        self.assertEqual((trainer["ratio"], trainer["peer_mode"]), (2.5, "dlib's trainer"))
        self.assertEqual((memory["ratio"], memory["unit"]), (2.5, "B"))
        del comparison.compile_lines["dlib_resnet101"]
        row = comparison.measure(compare_rows.chosen("against dlib$")[0])
        self.assertEqual((row["ratio"], row["failed"]), (None, False))
        self.assertIn("libdlib-dev", row["note"])

    def test_without_onednn(self):
        os.remove(self.path("bench_resnet101_layers"))
        done, report = self.report("--rows", "^layers, forward, least, batch 8")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(report["rows"][0]["ratio"], None)
        self.assertIn("libdnnl-dev", report["rows"][0]["note"])

    def test_markdown(self):
        path = self.path("page.md")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"before\n{compare_report.BEGIN}\nold\n{compare_report.END}\nafter\n")
        for _ in range(2):
            done = self.compare("--rows", "^layers.*batch 1|resnet-18, inf", "--markdown", path)
            self.assertEqual(done.returncode, 0, done.stderr)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.startswith(f"before\n{compare_report.BEGIN}\n"))
        self.assertTrue(text.endswith(f"{compare_report.END}\nafter\n"))
        self.assertNotIn("old", text)
        self.assertEqual(text.count("### Layers of ResNet-101 against oneDNN"), 1)
        self.assertIn("| ResNet-18, inference, float32, batch 1 | 200 ms | 500 ms | 2.50 | 1.20 | 2 | 2 % | 1 | 1 % | "
                      "compiled |", text)
        self.assertIn("| one | 3 | forward | 10 ms | 20 ms | 2.00 | 200 | 200 % | 100 | channels last |", text)
        tables = [line for line in text.splitlines() if line.startswith("|")]
        self.assertTrue(all(line.count("|") in (11, 12) for line in tables))

    def test_mistakes_are_one_line(self):
        with open(self.path("plain.md"), "w", encoding="utf-8") as file:
            file.write("no marks\n")
        for options, words in ((("--rows", "fish"), "--rows: found 'fish'"), (("--rows", "("), "regular expression"),
                               (("--modes", "fish"), "--modes: found 'fish'"), (("--modes", "("), "regular expression"),
                               (("--runs", "0"), "--runs: found 0, expected at least 1"),
                               (("--markdown", self.path("plain.md")), "plain.md: found no place for the tables"),
                               (("--markdown", self.path("nowhere.md")), "nowhere.md: cannot read: No such file"),
                               (("--python", self.path("none"), "--rows", "resnet-18"), "none: cannot start")):
            done = self.compare(*options)
            self.assertEqual(done.returncode, 1, options)
            self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1), done.stderr)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
