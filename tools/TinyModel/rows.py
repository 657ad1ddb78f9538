"""The corpus as rows of tokens: chats packed side by side, each seeing only itself, in four row lengths."""
import random

import numpy as np

import chatml

LENGTHS = (128, 256, 512, 1024)


def cut(tokenizer, chat, longest):
    """(ids, answers) of the chat's first turns that fit."""
    ids, answers = chatml.encode(tokenizer, chat)
    while len(ids) > longest:
        chat = chat[:-2]
        ids, answers = chatml.encode(tokenizer, chat)
    return ids, answers


class Packer:
    """Fills rows of one length; a row is full when the next chat does not fit into any of the open ones."""

    def __init__(self, length, open_rows=24):
        self.length, self.open_rows = length, open_rows
        self.open, self.done = [], []

    def add(self, ids, answers):
        best = None
        for row in self.open:
            if len(row[0]) + len(ids) <= self.length and (best is None or len(row[0]) > len(best[0])):
                best = row
        if best is None:
            best = ([], [], [])
            self.open.append(best)
        best[2].extend([best[2][-1] + 1 if best[2] else 1] * len(ids))
        best[0].extend(ids)
        best[1].extend(answers)
        if len(self.open) > self.open_rows:
            self.open.sort(key=lambda row: len(row[0]))
            self._close(self.open.pop())

    def _close(self, row):
        pad = self.length - len(row[0])
        self.done.append((np.array(row[0] + [0] * pad, np.uint16), np.array(row[1] + [False] * pad, bool),
                          np.array(row[2] + [0] * pad, np.uint8)))

    def finish(self):
        for row in self.open:
            self._close(row)
        self.open = []
        return self.done


def build(tokenizer, chats):
    """{length: (ids, answers, documents)}: arrays of [rows, length]. Document 0 is padding."""
    packers = {length: Packer(length) for length in LENGTHS}
    for chat in chats:
        ids, answers = cut(tokenizer, chat, LENGTHS[-1])
        packers[next(length for length in LENGTHS if len(ids) <= length)].add(ids, answers)
    return {length: tuple(np.stack(part) for part in zip(*packer.finish())) for length, packer in packers.items()}


def batches(rows, tokens, seed, short_first):
    """The order of training: [(length, row numbers)], mixed; the first `short_first` of it has no long rows."""
    rng, out = random.Random(seed), []
    for length, (ids, _, _) in rows.items():
        order = list(range(len(ids)))
        rng.shuffle(order)
        size = max(1, tokens // length)
        out += [(length, order[i:i + size]) for i in range(0, len(order) - size + 1, size)]
    rng.shuffle(out)
    short = [batch for batch in out if batch[0] <= 256][:int(short_first * len(out))]
    first = set(map(id, short))
    return short + [batch for batch in out if id(batch) not in first]
