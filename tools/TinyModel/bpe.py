"""Byte-level BPE: training, encoding, and the tokenizer files in transformers' layout.

Text is cut into pieces as Qwen2's tokenizer cuts it (llama.cpp: tokenizer.ggml.model = gpt2, tokenizer.ggml.pre =
qwen2), so a digit is always a token of its own. Needs Debian's python3-regex for \\p{L} and \\p{N}.
"""
import collections
import json

import regex

PIECE = regex.compile(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
    r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PIECE_FOR_TOKENIZER_JSON = (
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
)
END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIALS = (END_OF_TEXT, TURN_START, TURN_END)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' "
    "+ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def byte_letters():
    """GPT-2's letter for each byte: printable bytes stand for themselves, the rest for U+0100 onwards, in order."""
    letters, spare = {}, 0
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(256 + spare)
            spare += 1
    return letters


LETTERS = byte_letters()
BYTES = {letter: byte for byte, letter in LETTERS.items()}


def to_letters(text: str) -> str:
    return "".join(LETTERS[byte] for byte in text.encode("utf-8"))


def train(texts, vocabulary_size: int):
    """The merges, best first: the commonest pair each time, ties broken by the pair itself."""
    counts = collections.Counter()
    for text in texts:
        counts.update(PIECE.findall(text))
    words = [(list(to_letters(piece)), count) for piece, count in sorted(counts.items())]
    pairs, places = collections.Counter(), collections.defaultdict(set)
    for index, (symbols, count) in enumerate(words):
        for pair in zip(symbols, symbols[1:]):
            pairs[pair] += count
            places[pair].add(index)
    merges = []
    while len(merges) < vocabulary_size - 256 - len(SPECIALS):
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        if pairs[best] < 2:
            break
        merges.append(best)
        for index in places.pop(best):
            symbols, count = words[index]
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] -= count
            merged = merge(symbols, best)
            words[index] = (merged, count)
            for pair in zip(merged, merged[1:]):
                pairs[pair] += count
                places[pair].add(index)
        pairs.pop(best, None)
    return merges


def merge(symbols, pair):
    out, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and symbols[i] == pair[0] and symbols[i + 1] == pair[1]:
            out.append(pair[0] + pair[1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(pair) for pair in merges]
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self.tokens = [LETTERS[byte] for byte in sorted(LETTERS, key=lambda b: LETTERS[b])]
        self.tokens += [left + right for left, right in self.merges]
        self.special_start = len(self.tokens)
        self.tokens += SPECIALS
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        if len(self.ids) != len(self.tokens):
            raise ValueError("two merges make the same token")
        self.end_of_text, self.turn_start, self.turn_end = (self.ids[s] for s in SPECIALS)
        self._cache = {}

    def _piece(self, piece):
        found = self._cache.get(piece)
        if found is None:
            symbols = list(to_letters(piece))
            while len(symbols) > 1:
                best = min(zip(symbols, symbols[1:]), key=lambda pair: self.rank.get(pair, 1 << 30))
                if best not in self.rank:
                    break
                symbols = merge(symbols, best)
            found = [self.ids[symbol] for symbol in symbols]
            if len(self._cache) < 200_000:
                self._cache[piece] = found
        return found

    def encode_plain(self, text: str):
        """Token ids of text in which special tokens' names are ordinary text."""
        ids = []
        for piece in PIECE.findall(text):
            ids += self._piece(piece)
        return ids

    def encode(self, text: str):
        """Token ids of text in which special tokens' names are those tokens."""
        ids = []
        for part in regex.split("(" + "|".join(map(regex.escape, SPECIALS)) + ")", text):
            ids += [self.ids[part]] if part in SPECIALS else self.encode_plain(part)
        return ids

    def decode(self, ids) -> str:
        data = bytearray()
        for i in ids:
            token = self.tokens[i]
            data += token.encode("utf-8") if i >= self.special_start else bytes(BYTES[letter] for letter in token)
        return data.decode("utf-8", errors="replace")

    def tokenizer_json(self) -> dict:
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {"id": self.ids[s], "content": s, "single_word": False, "lstrip": False, "rstrip": False,
                 "normalized": False, "special": True}
                for s in SPECIALS
            ],
            "normalizer": None,
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Split", "pattern": {"Regex": PIECE_FOR_TOKENIZER_JSON}, "behavior": "Isolated",
                     "invert": False},
                    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
                ],
            },
            "post_processor": None,
            "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": "",
                "end_of_word_suffix": "",
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {token: i for i, token in enumerate(self.tokens[: self.special_start])},
                "merges": [f"{left} {right}" for left, right in self.merges],
            },
        }

    def tokenizer_config(self, context: int) -> dict:
        return {
            "add_bos_token": False,
            "add_prefix_space": False,
            "added_tokens_decoder": {
                str(self.ids[s]): {"content": s, "lstrip": False, "normalized": False, "rstrip": False,
                                   "single_word": False, "special": True}
                for s in SPECIALS
            },
            "bos_token": None,
            "chat_template": CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": False,
            "eos_token": TURN_END,
            "errors": "replace",
            "model_max_length": context,
            "pad_token": END_OF_TEXT,
            "split_special_tokens": False,
            "tokenizer_class": "Qwen2Tokenizer",
            "unk_token": None,
        }

    @staticmethod
    def load(path) -> "Tokenizer":
        with open(path, encoding="utf-8") as file:
            model = json.load(file)["model"]
        return Tokenizer([pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]])
