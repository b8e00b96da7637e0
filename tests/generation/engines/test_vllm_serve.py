"""The engine for endpoints and the server of vLLM, as they meet in earnest."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx2
import pytest

from dr_lightning.generation.engine import Message, Request
from dr_lightning.generation.engines import OpenAICompatible
from dr_lightning.generation.sampling import Sampling
from tests.tiny_models import REFUSES_SYSTEM, letter_tokenizer, save_llama
from tests.vllm_setting import needs_vllm

pytestmark = [*needs_vllm, pytest.mark.slow]

KEY = "sk-planted-0123456789"
OPTIONS = "--dtype float32 --enforce-eager --max-model-len 256 --served-model-name tiny"
MEMORY = "--kv-cache-memory-bytes 100000000 --no-enable-chunked-prefill"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    tokenizer = letter_tokenizer(REFUSES_SYSTEM)
    folder = save_llama(tmp_path_factory.mktemp("llm") / "tiny", tokenizer)
    port = free_port()
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    command += [*OPTIONS.split(), *MEMORY.split(), "--api-key", KEY]
    log = folder.parent / "log"
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as it:
        deadline = time.monotonic() + 180
        while not answers(f"http://127.0.0.1:{port}/health"):
            assert it.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
        it.terminate()


def answers(url: str) -> bool:
    try:
        return httpx2.get(url).is_success
    except httpx2.TransportError:
        return False


def request(passage: str, seed: int = 0) -> Request:
    system = Message(role="system", content="Write one query.")
    return Request("question", "", passage, seed, (system,), "Passage: {passage}")


def test_queries_come_from_the_server(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a system role that the template refuses, and a passage far too long."""
    monkeypatch.setenv("PLANTED_KEY", KEY)
    engine = OpenAICompatible(
        url, "tiny", sampling=Sampling(max_tokens=20), key_variable="PLANTED_KEY"
    )
    asked = [request("word " * 400, 1), request("Tea.", 2**63 - 1), request("Tea.", 3)]
    answered = engine.answer(asked)
    assert [answer.fault for answer in answered] == [None] * 3
    assert all(answer.tokens and answer.text.strip() for answer in answered)
    assert 100 < answered[0].prompt_tokens <= 256 - 20
    assert answered[1].text != answered[2].text
    assert [answer.text for answer in engine.answer(asked)] == [
        answer.text for answer in answered
    ]
    with pytest.raises(ValueError, match=r"refuses with status 404: .*other"):
        OpenAICompatible(url, "other", key_variable="PLANTED_KEY").answer(asked)
    with pytest.raises(ValueError, match="refuses with status 401: "):
        OpenAICompatible(url, "tiny").answer(asked)
