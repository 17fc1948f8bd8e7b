"""Writes cases.json: what apply_chat_template of transformers 5.23 makes of chats that the fixtures
of internal/jinja/testdata/chat do not have. Run with the folders of the tokenizers smollm2 and gpt2."""
import json
import sys

from transformers import AutoTokenizer
from transformers.utils.chat_template_utils import render_jinja_template

folder = sys.argv[1]
tokenizers = {name: AutoTokenizer.from_pretrained(f"{folder}/{name}") for name in ["smollm2", "gpt2"]}

CHATML = ("{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>"
          "{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}\n{% endfor %}")
BARE = "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}"
DUMP = "{% for m in messages %}{{ m | tojson }}\n{% endfor %}"
REPR = "{{ messages }}"
PARTS = "{% for m in messages %}[{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{{ p.text }};{% endfor %}{% endif %}]{% endfor %}"
TRIM = "{% for m in messages %}[{{ m.content | trim }}]{% endfor %}"
THINK = "{% for m in messages %}<think>{{ m.reasoning_content }}</think>{{ m.content }}|{% endfor %}"
OLD = "{% for m in messages %}<think>{{ m.thinking }}</think>{{ m.content }}|{% endfor %}"


def user(text, **more):
    return {"role": "user", "content": text, **more}


def answer(text, **more):
    return {"role": "assistant", "content": text, **more}


def texts():
    yield "", "Hi"
    yield "Hi", ""
    yield "Hi", " there"
    yield "Hi", "there "
    yield "é", "😀"
    yield "😀", "a😀"
    yield "x", "😀b"
    yield "日本", "語 テスト 👩‍👩‍👧"
    yield "a b", "  \n "
    yield "12", "34"
    yield "Hel", "lo"


cases = []


def add(template, messages, tools=None, documents=None, **options):
    cases.append(dict(template=template, messages=messages, tools=tools, documents=documents, **options))


for a, b in texts():
    for template in [CHATML, BARE]:
        add(template, [user(a), answer(b)], mask=True)
        add(template, [user(a), answer(b), user("and " + a), answer(b), user("end")], mask=True)
    for template in [CHATML, TRIM, PARTS]:
        add(template, [user(a), answer(b)], continue_final_message=True)

reasonings = [
    {"reasoning_content": "r"}, {"thinking": "t"}, {"reasoning": "o"}, {"thinking": "t", "reasoning": "o"},
    {"reasoning": "o", "reasoning_content": "r"}, {"reasoning_content": None, "thinking": "t"},
    {"reasoning_content": "", "thinking": "t"}, {"reasoning": "x", "thinking": "x"}, {"thinking": {"a": 1}},
]
for r in reasonings:
    for template in [DUMP, REPR, THINK, OLD]:
        add(template, [user("q"), {"role": "assistant", **r, "content": "c"}])
        add(template, [user("q"), answer("c", **r)])
        for field in ["content", "reasoning_content", "thinking", "reasoning"]:
            add(template, [user("q"), answer("c", **r)], continue_final_message=field)

parts = [
    [{"type": "text", "text": "a "}, {"type": "image"}], [{"type": "image"}], [{"text": "a"}, {"text": "b "}],
    ["a", "b"], [], [{"text": 1}], [{"text": "a"}, {"text": 1}], [{"type": "text", "text": ""}],
]
for p in parts:
    for template in [PARTS, DUMP, CHATML]:
        add(template, [user("q"), answer(p)])
        add(template, [user("q"), answer(p)], continue_final_message=True)

for content in [1, 1.5, True, {"a": 1}, None]:
    add(DUMP, [{"content": content, "role": "assistant", "z": None, "a": [None, {"k": None}]}])
    add(CHATML, [answer(content)])
    add(CHATML, [answer(content)], continue_final_message=True)
add(DUMP, [{"content": "no role"}])
add(CHATML, [{"content": "no role"}])
add("{{ tools }} {{ documents }} {{ tools is defined }} {{ add_generation_prompt }}", [user("q")])
add("{{ tools | tojson }} {{ documents | tojson }}", [user("q")], tools=[{"z": 1, "a": {"y": 2, "b": 3}}], documents=[{"title": "t", "text": "x"}])
add("{{ tools }}{{ documents }}", [user("q")], tools=[], documents=[], add_generation_prompt=True)
add("{{ bos_token }}|{{ eos_token }}|{{ unk_token }}|{{ pad_token }}|{{ sep_token }}", [user("q")])
add("{{ bos_token }}|{{ extra }}", [user("q")], kwargs={"bos_token": "B", "extra": [1, {"b": 2, "a": None}]})
add("{{ messages[0].content[:2] }}", [answer("abcd")], continue_final_message=True)
add("{{ messages[0].content }}{{ messages[0].content }}", [answer("ab ")], continue_final_message=True)
add("{{ messages[0].content | upper }}", [answer("ab")], continue_final_message=True)
add("{{ messages[0].content }} x", [answer("a CONTINUE_FINAL_MESSAGE_TAG b")], continue_final_message=True)
add("{{ messages[-1].content }}", [], continue_final_message=False)
add(CHATML, [answer("a")], continue_final_message=True, add_generation_prompt=True)
add("{% set ns = namespace(t='') %}{% for m in messages %}{% set x %}{% generation %}{{ m.content }}{% endgeneration %}{% endset %}{{ x }}|{% endfor %}",
    [user("one two"), answer("three four")], mask=True)


def apply(tokenizer, case):
    options = {k: case[k] for k in ["continue_final_message", "add_generation_prompt"] if k in case}
    out = tokenizer.apply_chat_template(
        case["messages"], tools=case["tools"], documents=case["documents"], chat_template=case["template"],
        return_assistant_tokens_mask=case.get("mask", False), return_dict=True, **options, **case.get("kwargs", {}))
    text = tokenizer.apply_chat_template(
        case["messages"], tools=case["tools"], documents=case["documents"], chat_template=case["template"],
        tokenize=False, **options, **case.get("kwargs", {}))
    mask = out.get("assistant_masks")
    if mask:
        mask = mask_of(tokenizer, case, mask)
    return {"text": text, "ids": out["input_ids"], "mask": mask}


def mask_of(tokenizer, case, theirs):
    """The mask by transformers' own rule, but for a part that ends in token 0: transformers takes that 0
    for None and marks all that follows, the user's tokens too."""
    text, parts = render_jinja_template(
        [case["messages"]], chat_template=case["template"], return_assistant_tokens_mask=True, **tokenizer.special_tokens_map)
    e = tokenizer(text[0], add_special_tokens=False)
    mask, zero = [0] * len(e["input_ids"]), False
    for start, end in parts[0]:
        first = e.char_to_token(0, start)
        last = e.char_to_token(0, end - 1)
        zero = zero or last == 0
        if first is None:
            break
        for i in range(first, last + 1 if last is not None else len(mask)):
            mask[i] = 1
    assert zero or mask == theirs
    return mask


for case in cases:
    for name, tokenizer in tokenizers.items():
        try:
            case[name] = apply(tokenizer, case)
        except Exception as e:
            case[name] = {"error": f"{type(e).__name__}: {e}"[:100]}
json.dump(cases, sys.stdout, ensure_ascii=False)
