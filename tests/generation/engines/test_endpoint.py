"""The engine that asks an endpoint: a real server, with failures planted."""

import logging
import time
from email.utils import formatdate
from typing import Any

import pytest

from dr_lightning.generation.engine import Answer, Engine, Message, Request
from dr_lightning.generation.engines import OpenAICompatible, endpoint
from dr_lightning.generation.patience import Patience
from dr_lightning.generation.sampling import Sampling
from tests.fake_endpoint import Body, Reply, failure, serving

KEY = "sk-planted-0123456789"
GOOD = Answer("a query", prompt_tokens=30, tokens=3)
QUICK = Patience(backoff=0.01, timeout=5, tries=3)
SHOTS = (Message(role="system", content="Write one query."),)
TOO_LONG = "This model's maximum context length is 64 tokens. Please reduce the length."


def request(passage: str = "Bread rises.", seed: int = 0) -> Request:
    return Request("question", "", passage, seed, SHOTS, "Passage: {passage}")


def engine_at(url: str, patience: Patience = QUICK, **options: Any) -> OpenAICompatible:
    return OpenAICompatible(url, "tiny", patience=patience, **options)


def passage_of(body: Body) -> str:
    return str(body["messages"][-1]["content"]).removeprefix("Passage: ")


def first(bad: Reply) -> Any:
    """Fails once, then answers."""
    return lambda _, number: bad if number == 1 else Reply()


def always(said: Reply) -> Any:
    return lambda *_: said


def test_answers_come_in_order_and_no_more_are_asked_than_allowed() -> None:
    """The earlier a request, the later its answer."""

    def reply(body: Body, _: int) -> Reply:
        passage = passage_of(body)
        return Reply(content=f"query of {passage}", delay=0.1 - int(passage) * 0.004)

    with serving(reply) as server:
        engine: Engine = engine_at(server.url, Patience(in_flight=4))
        answers = engine.answer([request(str(row)) for row in range(20)])
    assert [answer.text for answer in answers] == [f"query of {n}" for n in range(20)]
    assert server.most_at_once == 4


def test_each_answer_is_reported_when_it_is_there() -> None:
    """The later a request, the sooner its answer."""

    def reply(body: Body, _: int) -> Reply:
        passage = passage_of(body)
        return Reply(content=passage, delay=0.6 - int(passage) * 0.2)

    heard: list[tuple[int, str]] = []
    with serving(reply) as server:
        engine = engine_at(server.url, Patience(in_flight=3))
        engine.answer(
            [request(str(row)) for row in range(3)],
            lambda row, answer: heard.append((row, answer.text)),
        )
    assert heard == [(2, "2"), (1, "1"), (0, "0")]


def test_request_is_the_chat_with_its_settings() -> None:
    with serving(always(Reply())) as server:
        sampling = Sampling(temperature=0.5, top_p=0.9, max_tokens=40)
        body = {"top_k": 20, "stop": None}
        engine = engine_at(server.url + "/", sampling=sampling, body=body)
        assert engine.answer([request("Tea.", seed=2**62 + 5)]) == [GOOD]
        assert engine.answer([]) == []
    assert server.paths == ["/v1/chat/completions"]
    assert server.keys == [None]
    assert server.bodies == [
        {
            "model": "tiny",
            "messages": request("Tea.").messages(),
            "temperature": 0.5,
            "top_p": 0.9,
            "max_tokens": 40,
            "seed": 5,
            "top_k": 20,
        }
    ]


@pytest.mark.parametrize(
    "bad",
    [
        failure(429),
        failure(500),
        failure(503),
        Reply(cut=True),
        Reply(text='{"choices": ['),
        Reply(text="<html>busy</html>"),
        Reply(text='{"choices": []}'),
        Reply(text='{"choices": [{"message": {"content": 7}}]}'),
    ],
)
def test_failure_that_passes_is_tried_again(bad: Reply) -> None:
    with serving(first(bad)) as server:
        assert engine_at(server.url).answer([request()]) == [GOOD]
    assert len(server.bodies) == 2
    assert server.bodies[0] == server.bodies[1]


@pytest.mark.parametrize("date", [False, True])
def test_pause_that_the_endpoint_asks_for_is_kept(date: bool) -> None:
    """A date has whole seconds: two from now are at least one."""
    header = formatdate(time.time() + 2, usegmt=True) if date else "0.7"
    least = 0.9 if date else 0.7
    with serving(first(failure(429, Retry_After=header))) as server:
        assert engine_at(server.url).answer([request()]) == [GOOD]
    assert least <= server.times[1] - server.times[0] < 3


def test_pause_beyond_all_patience_ends_the_run() -> None:
    told = r"asks to wait 7200 s, more than .* 600 s"
    with serving(always(failure(429, Retry_After="7200"))) as server:
        engine = engine_at(server.url)
        with pytest.raises(ValueError, match=told):
            engine.answer([request()])
    assert len(server.bodies) == 1


def test_slow_answer_is_given_up_and_asked_for_again() -> None:
    with serving(first(Reply(delay=1.0))) as server:
        patience = Patience(backoff=0.01, timeout=0.2, tries=2)
        assert engine_at(server.url, patience).answer([request()]) == [GOOD]


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (failure(500), "status 500 from the endpoint"),
        (Reply(cut=True), "connection lost"),
        (Reply(text="{"), "unreadable answer"),
        (Reply(delay=0.5), "no answer in time"),
    ],
)
def test_failure_that_stays_costs_one_query(bad: Reply, fault: str) -> None:
    def reply(body: Body, _: int) -> Reply:
        return bad if passage_of(body) == "bad" else Reply()

    with serving(reply) as server:
        patience = Patience(backoff=0.01, timeout=0.2, tries=3)
        engine = engine_at(server.url, patience)
        answers = engine.answer([request("a"), request("bad"), request("b")])
    assert answers == [GOOD, Answer("", fault=fault), GOOD]
    assert len(server.bodies) == 2 + 3


def test_request_that_is_refused_is_not_asked_again() -> None:
    with serving(first(failure(400, "no such thing"))) as server:
        (answer,) = engine_at(server.url).answer([request()])
    assert answer == Answer("", fault="status 400 from the endpoint")
    assert len(server.bodies) == 1


def test_withheld_answer_is_a_fault() -> None:
    with serving(always(Reply(content=None, finish_reason="content_filter"))) as server:
        (answer,) = engine_at(server.url).answer([request()])
    assert answer.fault == "withheld by the endpoint"


@pytest.mark.parametrize(
    ("status", "way_out"),
    [(401, "Is the key"), (403, "May this key"), (404, "Is the model's name right")],
)
def test_failure_of_all_requests_ends_the_run(status: int, way_out: str) -> None:
    with serving(always(failure(status, "go away"))) as server:
        engine = engine_at(server.url, Patience(in_flight=2))
        with pytest.raises(ValueError, match=rf"{status}: go away\n{way_out}"):
            engine.answer([request()] * 50)
    assert len(server.bodies) <= 4


def test_no_server_ends_the_run() -> None:
    with serving(always(Reply())) as server:
        pass
    with pytest.raises(ValueError, match=r"cannot be reached: .* does the server run"):
        engine_at(server.url).answer([request()] * 50)


def test_server_that_goes_away_ends_the_run() -> None:
    with serving(always(Reply())) as server:
        engine = engine_at(server.url)
        assert engine.answer([request()]) == [GOOD]
    with pytest.raises(ValueError, match="cannot be reached"):
        engine.answer([request()])


def test_many_failures_in_a_row_end_the_run() -> None:
    """Rather than that thousands of queries are dropped one by one."""
    told = r"20 requests in a row .*parameter: 'seed'"
    with serving(always(failure(400, "Unsupported parameter: 'seed'"))) as server:
        engine = engine_at(server.url)
        with pytest.raises(ValueError, match=told):
            engine.answer([request()] * 100)
    assert len(server.bodies) < 100


def test_passage_is_halved_until_the_prompt_fits() -> None:
    def reply(body: Body, _: int) -> Reply:
        return failure(400, TOO_LONG) if len(passage_of(body)) > 30 else Reply()

    with serving(reply) as server:
        assert engine_at(server.url).answer([request("x" * 100)]) == [GOOD]
    assert [len(passage_of(body)) for body in server.bodies] == [100, 50, 25]


def test_prompt_that_never_fits_is_a_fault() -> None:
    with serving(always(failure(400, TOO_LONG))) as server:
        (answer,) = engine_at(server.url).answer([request("x" * 100)])
    assert answer.fault == "the prompt does not fit the model"
    assert len(server.bodies) == 7


def test_system_prompt_goes_into_the_first_message_where_it_is_refused() -> None:
    def reply(body: Body, _: int) -> Reply:
        has_system = body["messages"][0]["role"] == "system"
        return failure(400, "System role not supported") if has_system else Reply()

    with serving(reply) as server:
        engine = engine_at(server.url, Patience(in_flight=3))
        assert engine.answer([request()] * 5) == [GOOD] * 5
    content = "Write one query.\n\nPassage: Bread rises."
    assert server.bodies[-1]["messages"] == [{"role": "user", "content": content}]


def test_answer_that_begins_with_a_newline_is_asked_for_again_without_a_stop() -> None:
    def reply(body: Body, _: int) -> Reply:
        return Reply(
            content="" if "stop" in body else "\n\na query\nNote",
            finish_reason="length",
        )

    with serving(reply) as server:
        (answer,) = engine_at(server.url).answer([request(seed=3)])
    assert (answer.text, answer.complete) == ("\n\na query\nNote", True)
    assert [body.get("stop") for body in server.bodies] == [["\n"], None]
    assert {body["seed"] for body in server.bodies} == {3}


def test_answer_at_the_token_limit_is_told() -> None:
    with serving(always(Reply(content="how long", finish_reason="length"))) as server:
        (answer,) = engine_at(server.url).answer([request()])
    assert not answer.complete


def test_key_is_sent_and_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PLANTED_KEY", KEY)
    replies = [failure(500, f"bad {KEY}"), Reply(), failure(401, f"wrong key: {KEY}")]
    with (
        caplog.at_level(logging.DEBUG),
        serving(lambda _, number: replies[number - 1]) as server,
    ):
        engine = engine_at(server.url, key_variable="PLANTED_KEY")
        assert engine.answer([request()]) == [GOOD]
        with pytest.raises(ValueError, match=r"wrong key: \*\*\*") as raised:
            engine.answer([request()])
    assert server.keys == [f"Bearer {KEY}"] * 3
    told = [caplog.text, repr(engine), repr(vars(engine)), engine.fingerprint]
    told += [repr(engine.settings), str(raised.value), repr(raised.value.__context__)]
    assert caplog.text
    assert not any(KEY in text for text in told)


def test_missing_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLANTED_KEY", raising=False)
    with pytest.raises(ValueError, match="variable PLANTED_KEY holds no API key"):
        engine_at("http://127.0.0.1:1/v1", key_variable="PLANTED_KEY")


def test_key_that_is_no_header_is_refused_unseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLANTED_KEY", KEY + "\nx")
    with pytest.raises(ValueError, match="no HTTP header takes") as raised:
        engine_at("http://127.0.0.1:1/v1", key_variable="PLANTED_KEY")
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("url", ["127.0.0.1:8000/v1", "ftp://host/v1", "http://"])
def test_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url must begin with http:// or https://"):
        engine_at(url)


@pytest.mark.parametrize(
    "url", [f"http://me:{KEY}@host/v1", f"http://host/v1?key={KEY}"]
)
def test_url_with_credentials_is_refused_unseen(url: str) -> None:
    with pytest.raises(ValueError, match="host carries credentials") as raised:
        engine_at(url)
    assert KEY not in str(raised.value)


def test_body_may_not_replace_the_chat() -> None:
    with pytest.raises(ValueError, match="body must not set messages, stream"):
        engine_at("http://host/v1", body={"messages": [], "stream": True})


def test_missing_package_is_told_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoint, "find_spec", lambda _: None)
    with pytest.raises(
        ValueError, match=r"httpx2. `pip install 'dr-lightning\[endpoint"
    ):
        engine_at("http://host/v1")


def test_fingerprint_follows_the_model_and_its_settings_not_the_address() -> None:
    engine = engine_at("http://here/v1")
    assert (
        engine_at("http://there:8000/v1", Patience()).fingerprint == engine.fingerprint
    )
    others = [
        engine_at("http://here/v1", sampling=Sampling(max_tokens=20)),
        engine_at("http://here/v1", body={"top_k": 5}),
        OpenAICompatible("http://here/v1", "other"),
    ]
    assert len({engine.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_settings_tell_where_and_how() -> None:
    assert engine_at("http://here/v1/chat/completions").settings == {
        "url": "http://here/v1",
        "model": "tiny",
        "temperature": 0.8,
        "top_p": 1.0,
        "max_tokens": 50,
        "body": {},
    }
