"""Formats and their options, each with awkward rows, as ftk and axolotl are both given them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]

LONG = "A sentence that is said again. " * 400

TEXTS = (
    "Say hello.",
    "Größe: 10 µm — 你好, мир 🙂🙃 café, e\u0301",
    " leading and trailing \n\n",
    "special <|im_start|> and <|im_end|> and </s> <s> <unk> <extra> inside",
    "braces {instruction} {0} {{x}} and %s",
    "tabs\tand\r\nlines\n\n\n    indented",
    "ab" * 50,
)
"""Questions and answers that are easy to get wrong."""


@dataclass(frozen=True)
class Case:
    """One config.

    :param type: of the data set; None leaves it away.
    :param rows: its rows.
    :param entry: more keys of its entry.
    :param keys: more keys of the config.
    """

    type: Any
    rows: Sequence[Row]
    entry: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)


def instructions(instruction: str, answer: str, **more: str) -> list[Row]:
    """Rows with a question and an answer; `more` names fields that are empty in some of them."""
    rows = []
    for number, text in enumerate(TEXTS):
        extra = {name: "" if number % 2 else f"{value} {text}" for name, value in more.items()}
        rows.append({instruction: text, answer: TEXTS[-1 - number], **extra})
    rows.append({instruction: LONG, answer: "short", **dict.fromkeys(more, "")})
    rows.append({instruction: "short", answer: LONG, **dict.fromkeys(more, "")})
    return rows


ALPACA = instructions("instruction", "output", input="more:")
WITH_SYSTEM = instructions("instruction", "output", input="more:", system="You are")
ORCA = instructions("question", "response", system_prompt="You are")
ARTICLES = instructions("question", "answer", article="Once", context="Here")


def chats(role: str = "role", content: str = "content", user: str = "user", assistant: str = "assistant") -> list[Row]:
    """Conversations of one and several turns, with and without a system's message."""
    rows: list[Row] = []
    for number, text in enumerate(TEXTS):
        turns = [{role: user, content: text}, {role: assistant, content: TEXTS[-1 - number]}]
        turns += [{role: user, content: "and then?"}, {role: assistant, content: f"{text}!"}] * (number % 3)
        if number % 2:
            turns = [{role: "system", content: "Be brief."}, *turns]
        rows.append({"messages": turns})
    rows.append({"messages": [{role: user, content: LONG}, {role: assistant, content: "no"}]})
    rows.append({"messages": [{role: user, content: ""}, {role: assistant, content: "yes"}]})
    rows.append({"messages": [{role: user, content: "same"}, {role: assistant, content: "same"}] * 3})
    rows.append({"messages": [{role: user, content: "[[dummy"}, {role: assistant, content: "[[dummy_message]]"}]})
    return rows


def alternating() -> list[Row]:
    """The conversations without a system's message, for templates that know none."""
    return [row for row in chats() if row["messages"][0]["role"] != "system"]


CHATML = {"chat_template": "chatml"}
TOKENS = {"tokens": ["<extra>"], "special_tokens": {"pad_token": "<pad>"}}
IDS = [{"input_ids": [5, 6, 7, 8], "attention_mask": [1, 1, 1, 1], "labels": [-100, -100, 7, 8]}] * 3

THOUGHTS = [
    {
        "messages": [
            {"role": "user", "content": "why?"},
            {"role": "assistant", "content": "<think>\nsince it\n</think>\n\nBecause."},
            {"role": "user", "content": "and?"},
            {"role": "assistant", "content": "no thought"},
        ]
    },
    {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "reasoning_content": "r r"}]},
]
DETAILS = [
    {
        "messages": [
            {"role": "user", "content": "count", "train": False},
            {
                "role": "assistant",
                "content": "one two three four",
                "detail": [
                    {"begin_offset": 0, "end_offset": 2, "train": False},
                    {"begin_offset": 3, "end_offset": 12, "train": True},
                    {"begin_offset": 13, "end_offset": 17, "train": False},
                ],
            },
            {"role": "user", "content": "more", "train": True},
            {"role": "assistant", "content": "five", "train": False},
            {"role": "user", "content": "more"},
            {"role": "assistant", "content": "six", "train": True},
        ]
    }
]
PARTS = [
    {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "think"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "hmm.", "train": False},
                    {"type": "text", "text": " It is 4.", "train": True},
                ],
            },
        ]
    }
]
TOOLS = [
    {
        "messages": [
            {"role": "user", "content": "weather?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"type": "function", "function": {"name": "look", "arguments": '{"at": "Bern"}'}}],
            },
            {"role": "tool", "name": "look", "content": "rain"},
            {"role": "assistant", "content": "It rains."},
        ],
        "tools": [{"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {}}}],
    }
]

CASES: dict[str, Case] = {
    "alpaca": Case("alpaca", ALPACA),
    "alpaca, trained on inputs": Case("alpaca", ALPACA, keys={"train_on_inputs": True}),
    "alpaca:chat": Case("alpaca:chat", ALPACA),
    "alpaca:chatml": Case("alpaca:chatml", ALPACA, keys=TOKENS),
    "alpaca:phi": Case("alpaca:phi", ALPACA),
    "alpaca_chat": Case("alpaca_chat", ALPACA),
    "alpaca_chat.load_concise": Case("alpaca_chat.load_concise", ALPACA),
    "alpaca_chat.load_qa": Case("alpaca_chat.load_qa", instructions("question", "answer")),
    "alpaca_chat.load_camel_ai": Case("alpaca_chat.load_camel_ai", instructions("message_1", "message_2")),
    "alpaca_chat.load_no_prompt": Case("alpaca_chat.load_no_prompt", ALPACA),
    "alpaca_instruct": Case("alpaca_instruct", ALPACA),
    "alpaca_instruct.load_no_prompt": Case("alpaca_instruct.load_no_prompt", ALPACA),
    "alpaca_w_system": Case("alpaca_w_system", WITH_SYSTEM),
    "alpaca_w_system.load_chat": Case("alpaca_w_system.load_chat", WITH_SYSTEM),
    "alpaca_w_system.load_instruct": Case("alpaca_w_system.load_instruct", WITH_SYSTEM),
    "alpaca_w_system.load_open_orca": Case("alpaca_w_system.load_open_orca", ORCA),
    "alpaca_w_system.load_open_orca_chatml": Case("alpaca_w_system.load_open_orca_chatml", ORCA),
    "orcamini": Case("orcamini", ORCA),
    "gpteacher": Case("gpteacher", instructions("instruction", "response", input="more:")),
    "jeopardy": Case("jeopardy", instructions("question", "answer", category="of")),
    "oasst": Case("oasst", instructions("INSTRUCTION", "RESPONSE")),
    "explainchoice": Case(
        "explainchoice", [{"question": text, "choices": ["a", text], "explanation": text} for text in TEXTS]
    ),
    "concisechoice": Case(
        "concisechoice", [{"question": text, "choices": ["a", text], "solution": text} for text in TEXTS]
    ),
    "summarizetldr": Case("summarizetldr", instructions("article", "summary")),
    "context_qa": Case("context_qa", ARTICLES),
    "context_qa.load_404": Case(
        "context_qa.load_404", [{"article": text, "unanswerable_question": text} for text in TEXTS]
    ),
    "context_qa.load_v2": Case("context_qa.load_v2", ARTICLES),
    "user_defined": Case({"field_output": "output"}, ALPACA),
    "user_defined, all keys": Case(
        {
            "system_prompt": "Be kind.",
            "system_format": "<sys>{system}</sys>\n",
            "field_system": "system",
            "field_instruction": "instruction",
            "field_input": "input",
            "field_output": "output",
            "format": "Q: {instruction}\nI: {input}\nA: ",
            "no_input_format": "Q: {instruction}\nA: ",
        },
        WITH_SYSTEM,
    ),
    "user_defined, system of the config": Case({"system_prompt": "Be kind.", "system_format": "{system}\n"}, ALPACA),
    "completion": Case("completion", [{"text": text} for text in (*TEXTS, LONG)]),
    "completion, another field": Case("completion", [{"body": text} for text in TEXTS], {"field": "body"}),
    "input_output": Case(
        "input_output",
        [
            {"segments": [{"label": False, "text": text}, {"label": True, "text": f" {text}<|im_end|></s>"}]}
            for text in (*TEXTS, "")
        ],
    ),
    "token ids": Case(None, IDS),
    "chatml": Case("chat_template", chats(), keys=CHATML),
    "chatml, added tokens": Case(
        "chat_template",
        chats(),
        keys={**CHATML, **TOKENS, "special_tokens": {"eos_token": "<|im_end|>", "pad_token": "<pad>"}},
    ),
    "chatml, end-of-turn token": Case(
        "chat_template",
        chats(),
        keys={**CHATML, "tokens": ["<|im_start|>", "<|im_end|>"], "eot_tokens": ["<|im_end|>"]},
    ),
    "chatml, every end": Case(
        "chat_template",
        chats(),
        {"train_on_eos": "all"},
        {**CHATML, "special_tokens": {"eos_token": "<|im_end|>"}},
    ),
    "chatml, the last end": Case(
        "chat_template",
        chats(),
        {"train_on_eos": "last"},
        {**CHATML, "special_tokens": {"eos_token": "<|im_end|>"}},
    ),
    "chatml, no end": Case(
        "chat_template",
        chats(),
        {"train_on_eos": "none"},
        {**CHATML, "special_tokens": {"eos_token": "<|im_end|>"}},
    ),
    "chatml, last end-of-turn": Case(
        "chat_template",
        chats(),
        {"train_on_eos": "none", "train_on_eot": "last"},
        {
            **CHATML,
            "tokens": ["<|im_start|>", "<|im_end|>"],
            "eot_tokens": ["<|im_end|>"],
            "special_tokens": {"eos_token": "</eos>"},
        },
    ),
    "chatml, users trained": Case("chat_template", chats(), {"roles_to_train": ["user", "assistant"]}, CHATML),
    "chatml, trained on inputs": Case("chat_template", chats(), keys={**CHATML, "train_on_inputs": True}),
    "chatml, without system": Case("chat_template", chats(), {"drop_system_message": True}, CHATML),
    "chatml, from and value": Case(
        "chat_template",
        chats("from", "value", "human", "gpt"),
        {"message_property_mappings": {"role": "from", "content": "value"}},
        CHATML,
    ),
    "chatml, older names": Case(
        "chat_template",
        [{"conversations": row["messages"]} for row in chats("from", "value", "human", "gpt")],
        {"field_messages": "conversations", "message_field_role": "from", "message_field_content": "value"},
        CHATML,
    ),
    "chatml, roles": Case(
        "chat_template",
        chats(user="asker", assistant="bot"),
        {"roles": {"user": ["asker"], "assistant": ["bot"], "system": ["system"]}},
        CHATML,
    ),
    "chatml, a field with the system's message": Case(
        "chat_template", [{**row, "system": "Be kind."} for row in alternating()], keys=CHATML
    ),
    "chatml, trained by message": Case(
        "chat_template",
        DETAILS,
        {"message_field_training": "train", "message_field_training_detail": "detail"},
        CHATML,
    ),
    "chatml, trained by part": Case("chat_template", PARTS, keys=CHATML),
    "llama3": Case(
        "chat_template",
        chats(),
        {"chat_template": "llama3"},
        {
            "tokens": ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
            "eot_tokens": ["<|eot_id|>"],
        },
    ),
    "gemma": Case(
        "chat_template",
        alternating(),
        {"chat_template": "gemma"},
        {"tokens": ["<start_of_turn>", "<end_of_turn>"], "eot_tokens": ["<end_of_turn>"]},
    ),
    "mistral_v1": Case("chat_template", alternating(), {"chat_template": "mistral_v1"}),
    "mistral_v3_tekken": Case("chat_template", alternating(), {"chat_template": "mistral_v3_tekken"}),
    "phi_3": Case("chat_template", alternating(), {"chat_template": "phi_3"}),
    "phi_4": Case("chat_template", chats(), {"chat_template": "phi_4"}),
    "qwen_25": Case("chat_template", chats(), {"chat_template": "qwen_25"}),
    "qwen3": Case("chat_template", chats(), {"chat_template": "qwen3"}),
    "qwen3, thoughts": Case("chat_template", THOUGHTS, {"chat_template": "qwen3", "split_thinking": True}),
    "qwen3, tools": Case("chat_template", TOOLS, {"chat_template": "qwen3"}),
    "deepseek_v2": Case("chat_template", chats(), {"chat_template": "deepseek_v2"}),
    "alpaca template": Case("chat_template", chats(), {"chat_template": "alpaca"}),
    "fallback": Case("chat_template", chats(), {"chat_template": "tokenizer_default_fallback_chatml"}),
    "a given template": Case(
        "chat_template",
        chats(),
        {
            "chat_template": "jinja",
            "chat_template_jinja": "{% for m in messages %}\n"
            "  {{ m.role | upper }}: {{ m.content | trim }}{{ eos_token }}\n"
            "{% endfor %}\n",
        },
    ),
}

ANSWERS = {"chosen": "good {one} <|im_end|>", "rejected": "bad 🙃"}


def pairs(question: str, **more: Any) -> list[Row]:
    """Rows with a question and two answers."""
    return [
        {question: text, **ANSWERS, "system": "" if number % 2 else "Be brief.", **more}
        for number, text in enumerate(TEXTS)
    ]


def unpaired(question: str) -> list[Row]:
    """Rows with a question and an answer that is good or bad."""
    return [
        {question: text, "completion": f"{text}!", "label": bool(number % 2), "system": "" if number % 2 else "Brief."}
        for number, text in enumerate(TEXTS)
    ]


def answered(*answers: str) -> dict[str, list[Row]]:
    """Whole conversations that end with the better and the worse answer."""
    asked = {"role": "user", "content": "why?"}
    return {
        name: [asked, {"role": "assistant", "content": answer}]
        for name, answer in zip(("chosen", "rejected"), answers, strict=True)
    }


DPO, KTO, ORPO = {"rl": "dpo"}, {"rl": "kto"}, {"rl": "orpo"}
CHAT_PAIRS = [
    {
        "messages": [{"role": "user", "content": text}],
        "chosen": {"role": "assistant", "content": "good"},
        "rejected": {"role": "assistant", "content": "bad 🙃"},
    }
    for text in TEXTS
]

PAIRS: dict[str, Case] = {
    **{
        f"dpo chatml.{name}": Case(f"chatml.{name}", pairs(question), keys=DPO)
        for name, question in (
            ("default", "prompt"),
            ("icr", "input"),
            ("intel", "question"),
            ("prompt_pairs", "prompt"),
        )
    },
    "dpo chatml": Case("chatml", pairs("instruction"), keys=DPO),
    "ipo llama3.intel": Case("llama3.intel", pairs("question"), keys={"rl": "ipo"}),
    "dpo llama3.icr": Case("llama3.icr", pairs("input"), keys=DPO),
    "dpo chatml.argilla_chat": Case("chatml.argilla_chat", [answered("Yes.", "No 🙃")], keys=DPO),
    "dpo chatml.ultra": Case("chatml.ultra", [{"prompt": "p", **answered("Yes.", "No 🙃")}], keys=DPO),
    "dpo chat_template.default": Case("chat_template.default", CHAT_PAIRS, keys={**DPO, **CHATML}),
    "dpo chat_template.default, llama3": Case(
        "chat_template.default", CHAT_PAIRS, keys={**DPO, "chat_template": "llama3"}
    ),
    "dpo chat_template.argilla_chat": Case(
        "chat_template.argilla_chat", [answered("Yes.", "No 🙃")], keys={**DPO, **CHATML}
    ),
    "dpo user_defined": Case(
        {
            "field_prompt": "question",
            "field_system": "system",
            "prompt_format": "[{system}] {prompt}\n",
            "chosen_format": "{chosen}.",
            "rejected_format": "{rejected}!",
        },
        pairs("question"),
        keys=DPO,
    ),
    "dpo passthrough": Case(None, pairs("prompt"), keys=DPO),
    "orpo chat_template.argilla": Case(
        "chat_template.argilla", [{**answered("Yes.", "No 🙃"), "system": "Be brief."}], keys={**ORPO, **CHATML}
    ),
    **{
        f"kto chatml.{name}": Case(f"chatml.{name}", unpaired(question), keys=KTO)
        for name, question in (
            ("argilla", "instruction"),
            ("intel", "question"),
            ("prompt_pairs", "prompt"),
            ("ultra", "prompt"),
        )
    },
    "kto llama3.argilla_chat": Case(
        "llama3.argilla_chat", [{"completion": answered("Yes.", "No.")["chosen"], "label": True}], keys=KTO
    ),
    "kto user_defined": Case(
        {"field_prompt": "question", "field_completion": "completion", "prompt_format": "{prompt}\n"},
        unpaired("question"),
        keys=KTO,
    ),
}
