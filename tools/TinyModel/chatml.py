"""A chat as ChatML text and tokens. A chat is a list of (role, text)."""
from bpe import TURN_END, TURN_START


def render(chat, ask: bool) -> str:
    """The chat as text; with `ask`, the beginning of the assistant's next turn behind it."""
    text = "".join(f"{TURN_START}{role}\n{content}{TURN_END}\n" for role, content in chat)
    return text + f"{TURN_START}assistant\n" if ask else text


def encode(tokenizer, chat):
    """(ids, answers): the tokens of the chat, and for each whether the assistant has to say it."""
    ids, answers = [], []
    for role, content in chat:
        head = [tokenizer.turn_start] + tokenizer.encode_plain(role + "\n")
        body = tokenizer.encode_plain(content) + [tokenizer.turn_end]
        tail = tokenizer.encode_plain("\n")
        ids += head + body + tail
        answers += [False] * len(head) + [role == "assistant"] * len(body) + [False] * len(tail)
    return ids, answers
