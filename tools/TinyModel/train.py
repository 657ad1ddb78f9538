"""Trains the tiny model from nothing: corpus, tokenizer, weights. Started by ./train; never by tests or CI.

Every --save steps the state goes to work/state.pt; --resume carries on from there.
"""
import argparse
import json
import os
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F

import bpe
import rows
from corpus import mixture
from exact import Exactness
from model import Llama, Shape
from optimizers import optimizers_for

HERE = pathlib.Path(__file__).parent
QUESTION_WEIGHT = 0.1  # what a token of a question counts, against 1 for a token of an answer


# What is read, in order: (mixture, seed, chats, up to which step).
CORPORA = (("first", 20, 90_000, 1800), ("second", 21, 42_000, 3200), ("last", 22, 6_000, 3320),
           ("stories", 23, 24_000, 3650))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=20, help="of the first weights and of the order of reading")
    parser.add_argument("--batch", type=int, default=4096, help="tokens in a step")
    parser.add_argument("--rate", type=float, default=3e-3, help="highest learning rate of embedding and norms")
    parser.add_argument("--muon", type=float, default=0.02, help="highest learning rate of the hidden matrices")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save", type=int, default=100, help="steps between two saved states")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--work", type=pathlib.Path, default=HERE / "work")
    return parser.parse_args()


def tokenizer_of(work):
    """The tokenizer, trained on the beginning of the first corpus, once; kept in the work folder."""
    path = work / "tokenizer.json"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        merges = bpe.train((text for chat in mixture.chats(CORPORA[0][1], 20_000) for _, text in chat), Shape().vocabulary)
        path.write_text(json.dumps(bpe.Tokenizer(merges).tokenizer_json(), ensure_ascii=False, indent=1))
    return bpe.Tokenizer.load(path)


def rows_of(tokenizer, work, name, seed, chats):
    """A corpus as rows, made once and kept in the work folder."""
    path = work / f"corpus-{name}-{seed}-{chats}.npz"
    if not path.exists():
        built = rows.build(tokenizer, mixture.chats(seed, chats, name))
        made = work / "corpus.new.npz"
        np.savez(made, **{f"{length}_{i}": part for length, parts in built.items() for i, part in enumerate(parts)})
        os.replace(made, path)
    stored = np.load(path)
    return {length: tuple(stored[f"{length}_{i}"] for i in range(3)) for length in rows.LENGTHS}


def reading(tokenizer, options):
    """[(rows, length, row numbers)] of every step. The first corpus begins with its short chats."""
    steps = []
    for i, (name, seed, chats, until) in enumerate(CORPORA):
        corpus = rows_of(tokenizer, options.work, name, seed, chats)
        order = rows.batches(corpus, options.batch, options.seed, short_first=0.0 if i else 0.15)
        wanted = until - len(steps)
        if len(order) < wanted:
            raise SystemExit(f"the corpus {name} has {len(order)} steps, not {wanted}: give CORPORA more chats")
        steps += [(corpus, length, chosen) for length, chosen in order[:wanted]]
    return steps


def learning_rate(step, highest):
    """High up to step 1200, then three tenths of it, falling to nothing at 3200; two small hills after that."""
    if step < 1200:
        return highest * min(1.0, (step + 1) / 100)
    if step < 3200:
        return 0.3 * highest * min(1.0, (3200 - step) / 1600)
    if step < 3320:
        return 0.09 * highest * (3320 - step) / 120
    return 0.15 * highest * (3650 - step) / 330


def loss_of(model, part, device):
    ids, answers, documents = (torch.from_numpy(array).to(device) for array in part)
    with torch.autocast(device_type=device, dtype=torch.bfloat16):
        hidden = model.hidden(ids[:, :-1], documents[:, :-1])
        logits = model.logits(hidden)
    target, same = ids[:, 1:], (documents[:, 1:] == documents[:, :-1]) & (documents[:, 1:] > 0)
    weight = torch.where(answers[:, 1:], 1.0, QUESTION_WEIGHT) * same
    each = F.cross_entropy(logits.float().reshape(-1, logits.shape[-1]), target.reshape(-1), reduction="none")
    said = answers[:, 1:].reshape(-1) & same.reshape(-1)
    return (each * weight.reshape(-1)).sum(), weight.sum(), each[said].sum().item(), int(said.sum())


def train():
    options = arguments()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    tokenizer = tokenizer_of(options.work)
    steps = reading(tokenizer, options)
    total = len(steps)
    model = Llama(Shape()).to(options.device)
    optimizers = optimizers_for(model, options.rate, options.muon)
    state_path, start = options.work / "state.pt", 0
    if options.resume:
        state = torch.load(state_path, map_location=options.device)
        model.load_state_dict(state["model"])
        for (optimizer, _), stored in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(stored)
        start = state["step"]
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {total} steps of {options.batch} tokens", flush=True)
    exactness = Exactness(tokenizer)
    tokens, began, said_loss, said_count = 0, time.time(), 0.0, 0
    for step in range(start, total):
        for optimizer, highest in optimizers:
            optimizer.param_groups[0]["lr"] = learning_rate(step, highest)
        corpus, length, chosen = steps[step]
        parts = split(corpus[length], chosen, length)
        weights = sum(float((np.where(p[1], 1.0, QUESTION_WEIGHT) * (p[2] > 0)).sum()) for p in parts)
        for part in parts:
            loss, _, said, count = loss_of(model, part, options.device)
            (loss / weights).backward()
            said_loss, said_count = said_loss + said, said_count + count
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, _ in optimizers:
            optimizer.step()
        model.zero_grad(set_to_none=True)
        tokens += length * len(chosen)
        if (step + 1) % 20 == 0:
            rate = tokens / (time.time() - began)
            print(f"step {step + 1}/{total} loss {said_loss / said_count:.4f} {rate:.0f} tokens/s "
                  f"{(total - step) * options.batch / rate / 60:.0f} min left", flush=True)
            said_loss, said_count = 0.0, 0
        if (step + 1) % options.save == 0 or step + 1 == total:
            torch.save({"model": model.state_dict(), "step": step + 1,
                        "optimizers": [optimizer.state_dict() for optimizer, _ in optimizers]},
                       str(state_path) + ".new")
            os.replace(str(state_path) + ".new", state_path)
            print("held out:", exactness.measure(model, options.device), flush=True)


def split(parts, chosen, length):
    """Micro-batches of at most 4096 tokens: they stay in the processor's caches."""
    size = max(1, 4096 // length)
    arrays = []
    for i in range(0, len(chosen), size):
        ids, answers, documents = (part[chosen[i:i + size]] for part in parts)
        arrays.append((ids.astype(np.int64), answers, documents.astype(np.int64)))
    return arrays


if __name__ == "__main__":
    train()
