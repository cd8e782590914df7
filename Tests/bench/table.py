#!/usr/bin/env python3
"""Prints what the runs came to: each figure beside its floor, and the ratio.

Standard input, tab-separated: figure, unit, side (firesense or floor), value, load of the machine before the
run. Several values of one figure and side are averaged, and shown."""
import sys
import unicodedata

figures = {}
for line in sys.stdin:
    figure, unit, side, value, load = line.rstrip("\n").split("\t")
    entry = figures.setdefault(figure, {"unit": unit, "firesense": [], "floor": [], "load": []})
    entry[side].append(float(value))
    entry["load"].append(load)


def number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def cell(values):
    if not values:
        return "-"
    mean = number(sum(values) / len(values))
    return mean if len(values) == 1 else f"{mean} ({', '.join(number(v) for v in values)})"


def ratio(entry):
    ours, floor = entry["firesense"], entry["floor"]
    if not ours or not floor or not any(floor):
        return "-"
    return f"{(sum(ours) / len(ours)) / (sum(floor) / len(floor)):.2f}"


def loads(values):
    low, high = min(map(float, values)), max(map(float, values))
    return f"{low:.1f}" if low == high else f"{low:.1f}-{high:.1f}"


def width(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


rows = [["figure", "unit", "FireSense", "floor", "ratio", "load"]]
for figure, entry in figures.items():
    rows.append([figure, entry["unit"], cell(entry["firesense"]), cell(entry["floor"]), ratio(entry), loads(entry["load"])])
widths = [max(width(row[column]) for row in rows) for column in range(len(rows[0]))]
for index, row in enumerate(rows):
    print("  ".join(text + " " * (widths[column] - width(text)) for column, text in enumerate(row)).rstrip())
    if index == 0:
        print("  ".join("-" * w for w in widths))
