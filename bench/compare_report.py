# SPDX-License-Identifier: Apache-2.0
"""What the comparison writes: lines on the terminal, JSON, and tables in Markdown between two marks."""
import json
import os

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def quantity(value, unit):
    """A figure in a unit that is easily read: "12.3 ms", "116 MB"."""
    if value is None:
        return "-"
    if unit == "B":
        return f"{value / 1e6:.0f} MB"
    for scale, word in ((1.0, "s"), (1e-3, "ms")):
        if value >= scale:
            return f"{value / scale:.3g} {word}" if value / scale < 1000 else f"{value / scale:.0f} {word}"
    return f"{value / 1e-6:.3g} µs"


def number(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


def share(value):
    return "-" if value is None else f"{100 * value:.0f} %"


def line(row):
    """The row as a line on the terminal."""
    text = (f"{row['name']:56} {quantity(row['ours'], row['unit']):>9} {quantity(row['peer'], row['unit']):>9} "
            f"{number(row['ratio']):>6} {number(row['target']):>6} {number(row['gflops'], 0):>6} "
            f"{share(row['share_of_peak']):>6} {number(row['peer_gflops'], 0):>6} "
            f"{share(row['peer_share_of_peak']):>6}  {row['peer_mode'] or ''}")
    return text.rstrip() + (f"  [{row['note']}]" if row["note"] else "")


HEAD = (f"{'row':56} {'mmdl':>9} {'peer':>9} {'ratio':>6} {'target':>6} {'GFLOP/s':>7} {'peak':>5} "
        f"{'peer':>6} {'peak':>6}  peer's mode")


def write(path, text):
    """The whole file or none of it."""
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".tmp", path)


def write_json(path, report):
    write(path, json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def cell(text):
    return str(text).replace("|", "\\|")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return lines + ["| " + " | ".join(cell(text) for text in row) + " |" for row in rows]


def markdown(report):
    """A table for each group, after a paragraph that says where and how it was measured."""
    machine, versions = report["machine"], report["versions"]
    peaks = ", ".join(f"{rate:.0f} GFLOP/s in {kind}" for kind, rate in report["peak_gflops"].items())
    words = ", ".join(f"{name.replace('_', ' ')} {version}" for name, version in versions.items() if version)
    lines = [f"Measured {report['date']} on {machine['processor']}, {machine['cores']} cores ({machine['system']}), "
             f"{report['threads']} threads, medians of {report['runs']} alternating runs, threads that wait: "
             f"{report['waiting']}. Peak on registers, measured in the same run: {peaks or 'unknown'}. {words}.", "",
             "```sh", report["command"], "```"]
    groups = list(dict.fromkeys(row["group"] for row in report["rows"]))
    for group in groups:
        rows = [row for row in report["rows"] if row["group"] == group]
        lines += ["", f"### {group}", ""]
        lines += table(("row", "mmdl", "peer", "ratio", "target", "GFLOP/s", "of the peak", "peer's GFLOP/s",
                        "of the peak", "peer's mode"),
                       [(row["name"] + (f" ({row['note']})" if row["note"] else ""),
                         quantity(row["ours"], row["unit"]), quantity(row["peer"], row["unit"]), number(row["ratio"]),
                         number(row["target"]), number(row["gflops"], 0), share(row["share_of_peak"]),
                         number(row["peer_gflops"], 0), share(row["peer_share_of_peak"]), row["peer_mode"] or "-")
                        for row in rows])
    for batch in sorted({layer["batch"] for layer in report["layers"]}):
        layers = [layer for layer in report["layers"] if layer["batch"] == batch]
        lines += ["", f"### Each layer of ResNet-101, batch {batch}", ""]
        lines += table(("layer", "times", "pass", "mmdl", "oneDNN", "ratio", "GFLOP/s", "of the peak",
                        "oneDNN's GFLOP/s", "its way"),
                       [(layer["layer"], layer["times"], layer["pass"], quantity(layer["ours"], "s"),
                         quantity(layer["peer"], "s"), number(layer["ratio"]), number(layer["gflops"], 0),
                         share(layer["share_of_peak"]), number(layer["peer_gflops"], 0), layer["peer_mode"])
                        for layer in layers])
    return "\n".join(lines) + "\n"


def check_marks(path):
    """The file's text before and after the marks. ValueError: it cannot be read, or has not both marks once."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise ValueError(f"{path}: cannot read: {error.strerror}") from None
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"{path}: found no place for the tables, expected '{BEGIN}' and then '{END}', once each")
    return text[:text.index(BEGIN) + len(BEGIN)], text[text.index(END):]


def write_markdown(path, report):
    """Replaces what is between the marks of the file."""
    before, after = check_marks(path)
    write(path, f"{before}\n{markdown(report)}{after}")
