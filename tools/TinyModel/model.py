"""A llama-architecture decoder with the names and the arithmetic of transformers' LlamaForCausalLM.

Rotary embedding is the half-split one (the first half of a head rotates with the second). The GGUF converter
permutes the rows of q and k, because llama.cpp rotates neighbours.
"""
import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Shape:
    vocabulary: int = 1024
    width: int = 192
    layers: int = 5
    heads: int = 6
    kv_heads: int = 2
    head_width: int = 32
    feed_forward: int = 384
    context: int = 1024
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5

    def to_config(self, bos: int, eos: int) -> dict:
        """The config.json that transformers would write."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "attention_bias": False,
            "attention_dropout": 0.0,
            "bos_token_id": bos,
            "eos_token_id": eos,
            "head_dim": self.head_width,
            "hidden_act": "silu",
            "hidden_size": self.width,
            "initializer_range": 0.02,
            "intermediate_size": self.feed_forward,
            "max_position_embeddings": self.context,
            "mlp_bias": False,
            "model_type": "llama",
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.kv_heads,
            "pretraining_tp": 1,
            "rms_norm_eps": self.norm_eps,
            "rope_scaling": None,
            "rope_theta": self.rope_theta,
            "tie_word_embeddings": True,
            "torch_dtype": "float16",
            "use_cache": True,
            "vocab_size": self.vocabulary,
        }

    @staticmethod
    def from_config(config: dict) -> "Shape":
        return Shape(
            vocabulary=config["vocab_size"],
            width=config["hidden_size"],
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            kv_heads=config["num_key_value_heads"],
            head_width=config["head_dim"],
            feed_forward=config["intermediate_size"],
            context=config["max_position_embeddings"],
            rope_theta=config["rope_theta"],
            norm_eps=config["rms_norm_eps"],
        )

    def as_dict(self) -> dict:
        return asdict(self)


class RmsNorm(nn.Module):
    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rotate(x, cos, sin):
    """Half-split rotation of x[..., length, head_width]."""
    half = x.shape[-1] // 2
    left, right = x[..., :half], x[..., half:]
    return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1)


class Attention(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.q_proj = nn.Linear(shape.width, shape.heads * shape.head_width, bias=False)
        self.k_proj = nn.Linear(shape.width, shape.kv_heads * shape.head_width, bias=False)
        self.v_proj = nn.Linear(shape.width, shape.kv_heads * shape.head_width, bias=False)
        self.o_proj = nn.Linear(shape.heads * shape.head_width, shape.width, bias=False)

    def forward(self, x, cos, sin, mask, cache):
        s = self.shape
        batch, length, _ = x.shape

        def split(y, heads):
            return y.view(batch, length, heads, s.head_width).transpose(1, 2).float()

        q = rotate(split(self.q_proj(x), s.heads), cos, sin)
        k = rotate(split(self.k_proj(x), s.kv_heads), cos, sin)
        v = split(self.v_proj(x), s.kv_heads)
        if cache is not None:
            if cache:
                k = torch.cat((cache[0], k), dim=2)
                v = torch.cat((cache[1], v), dim=2)
            cache[:] = [k, v]
        # The heads that share one k and v are stacked along the length: one matrix product for all of them.
        shared = s.heads // s.kv_heads
        q = q.reshape(batch, s.kv_heads, shared * length, s.head_width)
        scores = q @ (k.transpose(-1, -2) * (1.0 / math.sqrt(s.head_width)))
        scores = scores.view(batch, s.kv_heads, shared, length, -1)
        if mask is not None:
            scores = scores + mask
        weights = scores.softmax(-1).view(batch, s.kv_heads, shared * length, -1)
        out = (weights @ v).view(batch, s.heads, length, s.head_width)
        return self.o_proj(out.transpose(1, 2).reshape(batch, length, -1))


class FeedForward(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.down_proj = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.input_layernorm = RmsNorm(shape.width, shape.norm_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = RmsNorm(shape.width, shape.norm_eps)
        self.mlp = FeedForward(shape)

    def forward(self, x, cos, sin, mask, cache):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = RmsNorm(shape.width, shape.norm_eps)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                deep = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * shape.layers) if deep else 0.02)

    def angles(self, start: int, length: int, device):
        half = self.shape.head_width // 2
        rate = self.shape.rope_theta ** (-torch.arange(half, dtype=torch.float64, device=device) / half)
        angle = torch.arange(start, start + length, dtype=torch.float64, device=device)[:, None] * rate
        return angle.cos().float(), angle.sin().float()

    def hidden(self, ids, documents=None, caches=None):
        """Last hidden states. `documents` numbers the document of each token: none sees another's tokens."""
        length = ids.shape[1]
        past = caches[0][0].shape[2] if caches and caches[0] else 0
        cos, sin = self.angles(past, length, ids.device)
        mask = None
        if length > 1:
            position = torch.arange(past + length, device=ids.device)
            allowed = position[None, :] <= position[past:, None]
            if documents is not None:
                allowed = allowed & (documents[:, :, None] == documents[:, None, :])
                mask = torch.zeros(allowed.shape, device=ids.device).masked_fill_(~allowed, -1e9)[:, None, None]
            else:
                mask = torch.zeros(allowed.shape, device=ids.device).masked_fill_(~allowed, -1e9)
        x = self.embed_tokens(ids)
        for i, layer in enumerate(self.layers):
            x = layer(x, cos, sin, mask, None if caches is None else caches[i])
        return self.norm(x)

    def logits(self, hidden):
        return F.linear(hidden, self.embed_tokens.weight)

    def forward(self, ids, documents=None, caches=None):
        return self.logits(self.hidden(ids, documents, caches))

    def hf_tensors(self) -> dict:
        """The weights under transformers' names (tied embeddings: there is no lm_head)."""
        return {"model." + name: parameter.detach() for name, parameter in self.named_parameters()}

    def load_hf_tensors(self, tensors: dict) -> None:
        self.load_state_dict({name[len("model."):]: tensor.float() for name, tensor in tensors.items()})
