"""Config and world files with random slips in them."""

import re

WEIRD_VALUES = [
    "", "''", '""', "null", "true", "nan", ".nan", ".inf", "-.inf", "-1", "0", "1e-320", "1e308", "1e999", "9" * 400,
    "9" * 18, "0.5", "5", "[]", "{}", "[[]]", "[" * 25 + "]" * 25, "{a: {b: {c: d}}}", "[cat, [cat, [cat]]]", "? x",
    "- - - x", "&a x", "*a", "!!int 5", "!!python/object:os.system x", "!x y", "|", ">", "|+\n  x\n  y", '"\\0"',
    '"\\x07"', '"\\u202E"', '"\\uD800"', '"\\U0010FFFF"', "\u202ecat", "\u200b", "\x00", "\x07", "\x85", "\u2028",
    "\ufeff", "\u00a0", "\ud800", "😀", "👩\u200d👧", "e\u0301", "ﬁ", "İ", "%YAML 1.1", "---", "...", "<<: {a: b}",
    "cat", "the", "subject", "default", "pet", "[PAD]", "'[MASK]'", "x" * 3000, "#", "@", "`", "\t", "\r", "\r\n",
    "'", '"', ": ", "- ", "{", "]",
]  # fmt: skip


def mutated(text, rng):
    """`text` after one to three random slips."""
    lines = text.split("\n")
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        here, there = rng.randrange(len(lines)), rng.randrange(len(lines))
        line, weird = lines[here], rng.choice(WEIRD_VALUES)
        column = rng.randrange(len(line) + 1)
        kind = rng.randrange(10)
        if kind == 0 and len(lines) > 1:
            del lines[here]
        elif kind == 1:
            lines.insert(there, line)
        elif kind == 2:
            lines[here], lines[there] = lines[there], line
        elif kind == 3:
            lines.insert(here, " " * rng.randrange(8) + weird)
        elif kind == 4:
            lines[here] = line[:column] + line[column + 1 :]
        elif kind == 5:
            lines[here] = line[:column] + weird + line[column:]
        elif kind == 6 and len(line) > column + 1:
            lines[here] = line[:column] + line[column + 1] + line[column] + line[column + 2 :]
        elif kind == 7:
            lines[here] = line[: max(line.find(":"), line.find("-")) + 1] + " " + weird
        else:  # one word or number becomes something else
            words = list(re.finditer(r"[\w.]+", line))
            if words:
                word = rng.choice(words)
                lines[here] = line[: word.start()] + weird + line[word.end() :]
    return "\n".join(lines)
