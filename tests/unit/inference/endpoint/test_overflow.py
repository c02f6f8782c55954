"""Complaints that a context is too long, in the words of the servers that make them; and complaints of other things."""

from __future__ import annotations

import pytest

from mem1.errors import ContextLimitError
from mem1.inference.endpoint.overflow import overflow

TOO_LONG = {
    "OpenAI": (
        400,
        "{'error': {'message': \"This model's maximum context length is 4097 tokens. However, your messages resulted "
        "in 5000 tokens. Please reduce the length of the messages.\", 'code': 'context_length_exceeded'}}",
    ),
    "OpenAI, newer": (
        400,
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
    ),
    "OpenAI, one string": (
        400,
        "Invalid 'messages[1].content': string too long. Expected a string with maximum length 10485760, but got a "
        "string with length 11000000 instead. code: string_above_max_length",
    ),
    "vLLM": (
        400,
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the messages, "
        "1000 in the completion). Please reduce the length of the messages or completion.",
    ),
    "vLLM, max_tokens": (
        400,
        "'max_tokens' or 'max_completion_tokens' is too large: 2000. This model's maximum context length is 4096 "
        "tokens and your request has 2104 input tokens (2000 > 4096 - 2104).",
    ),
    "vLLM, engine": (400, "The decoder prompt (length 5000) is longer than the maximum model length of 4096."),
    "vLLM, newest": (
        400,
        "You passed 5001 input tokens and requested 100 output tokens. However, the model's context "
        "length is only 4096 "
        "tokens, resulting in a maximum input length of 3996 tokens.",
    ),
    "llama.cpp": (
        400,
        '{"error":{"code":400,"message":"request (9412 tokens) exceeds the available context size (8192 tokens), try '
        'increasing it","type":"exceed_context_size_error","n_prompt_tokens":9412,"n_ctx":8192}}',
    ),
    "llama.cpp, older": (500, "the request exceeds the available context size. try increasing the context size"),
    "llama.cpp, while it writes": (500, "Context size has been exceeded."),
    "TGI": (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs`"),
    "TGI, inputs": (422, "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000"),
    "Together": (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097."),
    "SGLang": (400, "The input (5000 tokens) is longer than the model's context length (4096 tokens)."),
    "SGLang, sum": (400, "Requested token count exceeds the model's maximum context length of 4096 tokens."),
    "Ollama": (400, "the input length exceeds the context length"),
    "Ollama, cloud": (400, "prompt too long; exceeded max context length by 120 tokens"),
    "LM Studio": (
        400,
        "The number of tokens to keep from the initial prompt is greater than the context length. Try to load the "
        "model with a larger context length, or provide a shorter input",
    ),
    "LM Studio, older": (
        500,
        "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context "
        "length of only 4096 tokens, which is not enough.",
    ),
    "LM Studio, while it writes": (
        400,
        "Reached context length of 4096 tokens, but this model does not currently support "
        "mid-generation context overflow",
    ),
    "Anthropic": (400, "prompt is too long: 210000 tokens > 200000 maximum"),
    "Anthropic, sum": (400, "input length and `max_tokens` exceed context limit: 180000 + 30000 > 200000"),
    "Anthropic, bytes": (413, '{"error": {"type": "request_too_large"}}'),
    "Groq": (400, "Please reduce the length of the messages or completion. code: context_length_exceeded"),
    "Groq, rate of the request alone": (
        413,
        "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 7000, please reduce your "
        "message size and try again.",
    ),
    "Mistral": (
        400,
        "Prompt contains 33000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
    ),
    "Fireworks": (400, "The prompt is too long: 5000, model maximum context length: 4095"),
    "OpenRouter": (
        400,
        "This endpoint's maximum context length is 8192 tokens. However, you requested about 9000 tokens (8000 of text "
        "input, 1000 in the output).",
    ),
    "Cohere": (400, "too many tokens: size limit exceeded by 11326 tokens. Try using shorter or fewer inputs."),
    "Gemini": (400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
    "Bedrock": (400, "Input is too long for requested model."),
    "xAI": (400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens."),
    "Moonshot": (400, "Invalid request: Your request exceeded model token limit: 8192"),
    "Qwen": (400, "Range of input length should be [1, 30720]"),
    "MiniMax": (400, "invalid params, context window exceeds limit"),
    "GitHub": (413, "tokens_limit_reached: Request body too large for gpt-4o model. Max size: 8000 tokens."),
    "TabbyAPI": (400, "Prompt length 5000 is greater than max_seq_len 4096"),
    "TensorRT-LLM": (500, "prompt length (5000) exceeds maximum input length (4096)"),
    "Zhipu": (400, '{"error":{"code":"1261","message":"Prompt 超长"}}'),
    "a proxy": (413, "<html><head><title>413 Request Entity Too Large</title></head></html>"),
}

OTHER = {
    "a wrong parameter": (400, "Unrecognized request argument supplied: seed"),
    "a model that is not there": (404, "The model `x` does not exist"),
    "too much to be written": (
        400,
        "max_tokens is too large: 50000. This model supports at most 16384 completion tokens",
    ),
    "a rate": (429, "Rate limit reached for x on tokens per minute (TPM): Limit 6000, Used 5900, Requested 700."),
    "a rate that speaks of the prompt": (429, "too many tokens, please reduce the length of the messages"),
    "a key": (401, "Incorrect API key provided"),
    "money": (402, "insufficient credits: requested up to 4096 tokens"),
    "a server that broke": (500, "Internal server error"),
    "a gateway": (502, "upstream connect error or disconnect/reset before headers. reset reason: overflow"),
    "content": (400, "The response was filtered due to the prompt triggering the content management policy"),
    "a template": (400, "After the optional system message, conversation roles must alternate user/assistant"),
    "a temperature": (400, "temperature must be less than or equal to 2"),
    "too many stops": (400, "'stop' supports at most 4 sequences: array too long"),
    "capacity": (498, "Flex tier capacity exceeded"),
    "loading": (503, "Loading model"),
}


@pytest.mark.parametrize("server", sorted(TOO_LONG))
def test_every_servers_words_for_a_context_that_is_too_long(server: str) -> None:
    status, complaint = TOO_LONG[server]
    error = overflow(status, complaint)
    assert isinstance(error, ContextLimitError)
    assert not error.passing
    assert str(status) in error.what


@pytest.mark.parametrize("what", sorted(OTHER))
def test_other_complaints_are_none_of_it(what: str) -> None:
    assert overflow(*OTHER[what]) is None
