"""A tag is pinned to the digest that its registry says, with a token where one is wanted; what is missing is told at once. Real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from ops import images
from ops.errors import InputError, PlatformError
from ops.images import Credentials, ImageName, resolve, resolve_all
from tests.unit.registry.server import INDEX, Registry, digest_of, serve

ORDERS = "highstreetly/orders-api:1.4.0"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry of docker.io's images that needs no token; nobody waits long for it."""
    monkeypatch.setattr(images, "RETRY_SECONDS_FIRST", 0.001)
    found = Registry()
    server = serve(found)
    yield found
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        (ORDERS, ("docker.io", "highstreetly/orders-api", "1.4.0", "")),
        ("alpine", ("docker.io", "library/alpine", "latest", "")),
        ("docker.io/alpine:3", ("docker.io", "library/alpine", "3", "")),
        ("index.docker.io/flyway/flyway:13", ("docker.io", "flyway/flyway", "13", "")),
        ("ghcr.io/a/b/c:1", ("ghcr.io", "a/b/c", "1", "")),
        ("localhost/a:1", ("localhost", "a", "1", "")),
        ("127.0.0.1:5000/a", ("127.0.0.1:5000", "a", "latest", "")),
        (f"a/b:1@{digest_of(b'')}", ("docker.io", "a/b", "1", digest_of(b""))),
        (f"a/b@{digest_of(b'')}", ("docker.io", "a/b", "", digest_of(b""))),
    ],
)
def test_a_name_is_taken_apart_as_docker_does(image: str, parts: tuple[str, str, str, str]) -> None:
    assert ImageName.parse(image) == ImageName(*parts)


@given(
    st.from_regex(r"[a-z][a-z0-9-]{0,9}(/[a-z][a-z0-9-]{0,9}){0,2}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_][\w.-]{0,9}", fullmatch=True),
)
def test_no_tag_gets_into_the_repository(repository: str, tag: str) -> None:
    name = ImageName.parse(f"example.com:5000/{repository}:{tag}")
    assert (name.host, name.repository, name.tag) == ("example.com:5000", repository, tag)


def test_a_tag_is_pinned_to_its_digest(registry: Registry) -> None:
    digest = registry.put(ORDERS, b"manifest")
    assert resolve(ORDERS, registry.url) == f"{ORDERS}@{digest}"
    assert registry.asked == ["HEAD /v2/highstreetly/orders-api/manifests/1.4.0"]


def test_an_image_for_many_kinds_of_machine_is_pinned_as_a_whole(registry: Registry) -> None:
    digest = registry.put(ORDERS, b"index", INDEX)
    assert resolve(ORDERS, registry.url) == f"{ORDERS}@{digest}"


def test_an_official_image_and_one_without_a_tag_are_found_where_docker_finds_them(registry: Registry) -> None:
    digest = registry.put("library/alpine:latest", b"alpine")
    assert resolve("alpine", f"{registry.url}/") == f"alpine:latest@{digest}"


def test_one_that_has_a_digest_is_as_it_is_and_nobody_is_asked(registry: Registry) -> None:
    pinned = f"{ORDERS}@{digest_of(b'old')}"
    assert resolve(pinned, registry.url) == pinned
    assert registry.asked == []


def test_a_registry_that_does_not_say_the_digest_shows_the_bytes(registry: Registry) -> None:
    registry.tells_digest = False
    digest = registry.put(ORDERS, b"manifest")
    assert resolve(ORDERS, registry.url).endswith(f"@{digest}")
    assert [word.split()[0] for word in registry.asked] == ["HEAD", "GET"]


@pytest.mark.parametrize("digest", ["sha256:short", "md5:0", f"{digest_of(b'')}0", digest_of(b"").upper()])
def test_a_digest_that_is_none_is_not_pinned(registry: Registry, digest: str) -> None:
    registry.put(ORDERS, b"manifest")
    registry.digest = digest
    with pytest.raises(PlatformError, match=f"does not say which image {ORDERS} is") as refused:
        resolve(ORDERS, registry.url)
    assert digest in refused.value.why


def test_the_image_of_another_registry_is_asked_for_there_without_the_credentials(registry: Registry) -> None:
    host, registry.realm = registry.url.removeprefix("http://"), f"{registry.url}/token"
    digest = registry.put("a/b:1", b"other")
    assert resolve(f"{host}/a/b:1", "http://127.0.0.1:9", Credentials("ops", "right")) == f"{host}/a/b:1@{digest}"
    assert [headers.get("Authorization") for headers in registry.headers] == [None, None, "Bearer token-for-a/b"]


def test_a_token_is_fetched_where_the_registry_wants_one(registry: Registry) -> None:
    registry.realm = f"{registry.url}/token"
    digest = registry.put(ORDERS, b"manifest")
    assert resolve(ORDERS, registry.url) == f"{ORDERS}@{digest}"
    assert len(registry.asked) == 3
    assert registry.asked[1].startswith("GET /token?service=registry.test&scope=repository%3Ahighstreetly%2Forders-api%3Apull")
    assert [headers.get("Authorization") for headers in registry.headers] == [None, None, "Bearer token-for-highstreetly/orders-api"]


def test_credentials_go_to_the_token_server_and_not_to_the_registry(registry: Registry) -> None:
    registry.realm, registry.users = f"{registry.url}/token", {"ops": "right"}
    digest = registry.put(ORDERS, b"manifest")
    assert resolve(ORDERS, registry.url, Credentials("ops", "right")) == f"{ORDERS}@{digest}"
    assert [headers.get("Authorization", "").partition(" ")[0] for headers in registry.headers] == ["", "Basic", "Bearer"]


def test_a_registry_that_wants_the_password_itself_gets_it(registry: Registry) -> None:
    registry.basic = True
    digest = registry.put(ORDERS, b"manifest")
    assert resolve(ORDERS, registry.url, Credentials("ops", "right")) == f"{ORDERS}@{digest}"


@pytest.mark.parametrize(("auth", "why"), [(None, "it wants credentials"), (Credentials("ops", "wrong"), "the password is wrong")])
def test_a_token_that_is_not_given_is_told_and_no_secret_with_it(registry: Registry, auth: Credentials | None, why: str) -> None:
    registry.realm, registry.users = f"{registry.url}/token", {"ops": "right"}
    registry.put(ORDERS, b"manifest")
    with pytest.raises(PlatformError) as refused:
        resolve(ORDERS, registry.url, auth)
    assert why in refused.value.why
    assert "wrong'" not in str(refused.value)
    assert "'wrong'" not in repr(auth)


def test_credentials_are_not_sent_where_anybody_could_read_them() -> None:
    nobody = httpx.Client(transport=httpx.MockTransport(lambda request: pytest.fail(f"{request.url} was asked")))
    client = images._Registry(nobody, "https://registry.example", Credentials("ops", "right"))
    with pytest.raises(ValueError, match="anybody could read"):
        client._authorization('Bearer realm="http://registry.example/token",service="s"', ImageName.parse(ORDERS))


@pytest.mark.parametrize("hub", [False, True], ids=["not found", "Docker Hub's Unauthorized"])
def test_a_missing_image_is_the_users_mistake(registry: Registry, hub: bool) -> None:
    if hub:
        registry.realm, registry.token = f"{registry.url}/token", "a token that opens nothing"
    with pytest.raises(InputError) as refused:
        resolve(ORDERS, registry.url, file="Pulumi.test.yaml")
    assert refused.value.what == f"There is no image {ORDERS} in {registry.url}."
    assert refused.value.remedy == "push it or correct its version in Pulumi.test.yaml"
    assert refused.value.why == ""


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_registry_is_asked_again(registry: Registry, status: int) -> None:
    digest = registry.put(ORDERS, b"manifest")
    registry.moods = [(status, {})] * (images.ATTEMPTS - 1)
    assert resolve(ORDERS, registry.url) == f"{ORDERS}@{digest}"
    assert len(registry.asked) == images.ATTEMPTS


def test_a_registry_that_stays_busy_is_not_asked_for_ever(registry: Registry) -> None:
    registry.moods = [(429, {"Retry-After": "0"})] * 99
    with pytest.raises(PlatformError, match="does not say") as failed:
        resolve(ORDERS, registry.url)
    assert not isinstance(failed.value, InputError)
    assert "429" in failed.value.why
    assert len(registry.asked) == images.ATTEMPTS


@pytest.mark.parametrize(("attempt", "asked", "seconds"), [(1, 0, 1), (2, 0, 2), (4, 0, 8), (1, 5, 5), (1, 3600, 30), (9, 0, 30)])
def test_it_waits_as_long_as_it_is_asked_to_and_never_for_ever(attempt: int, asked: float, seconds: float) -> None:
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    state.attempt_number = attempt
    answer = httpx.Response(429, headers={"Retry-After": str(asked)}, request=httpx.Request("HEAD", "http://registry.test"))
    state.set_exception((images._Busy, images._Busy(answer), None))
    assert images._pause_seconds(state) == seconds


def test_a_registry_that_is_not_there_is_told(registry: Registry) -> None:
    with pytest.raises(PlatformError, match="does not say which image") as failed:
        resolve(ORDERS, "http://127.0.0.1:9")
    assert failed.value.remedy
    assert registry.asked == []


def test_an_answer_that_is_no_token_is_told_without_a_stack_trace(registry: Registry) -> None:
    registry.moods = [(401, {"WWW-Authenticate": f'Bearer realm="{registry.url}/token"'}), (200, {})]
    with pytest.raises(PlatformError, match="does not say which image"):
        resolve(ORDERS, registry.url)


def test_each_distinct_image_is_asked_for_once(registry: Registry) -> None:
    orders, shop = registry.put(ORDERS, b"orders"), registry.put("highstreetly/shop:2", b"shop")
    found = resolve_all({"orders-api": ORDERS, "orders-receiver": ORDERS, "shop": "highstreetly/shop:2"}, registry.url)
    assert found == {"orders-api": f"{ORDERS}@{orders}", "orders-receiver": f"{ORDERS}@{orders}", "shop": f"highstreetly/shop:2@{shop}"}
    assert len(registry.asked) == 2


def test_images_are_asked_for_at_the_same_time(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=10)
    original = images._Registry.digest

    def meet(self: images._Registry, name: ImageName) -> str:
        both.wait()
        return original(self, name)

    monkeypatch.setattr(images._Registry, "digest", meet)
    for name in ("a/one:1", "a/two:1"):
        registry.put(name, name.encode())
    assert set(resolve_all({"one": "a/one:1", "two": "a/two:1"}, registry.url)) == {"one", "two"}


def test_every_missing_image_is_told_at_once(registry: Registry) -> None:
    registry.put(ORDERS, b"orders")
    wanted = {"orders-api": ORDERS, "menu-api": "highstreetly/menu-api:9", "shop": "highstreetly/shop:9"}
    with pytest.raises(InputError, match=r"2 images are missing\.") as refused:
        resolve_all(wanted, registry.url)
    assert refused.value.why.splitlines() == [
        f"There is no image highstreetly/menu-api:9 in {registry.url}.",
        f"There is no image highstreetly/shop:9 in {registry.url}.",
    ]


def test_nothing_to_resolve_is_nothing() -> None:
    assert resolve_all({}, "http://127.0.0.1:9") == {}
