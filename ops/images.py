"""Which digest an image's tag means now: asked at its registry, so that a release names bytes and not a name that can move.

Names are docker's: `highstreetly/orders-api:1.4.0` is docker.io/highstreetly/orders-api:1.4.0, `alpine` is docker.io/library/alpine:latest.
The protocol is https://distribution.github.io/distribution/spec/api/.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import tenacity

from ops.errors import InputError, PlatformError

DOCKER_HUB = "https://registry-1.docker.io"
DOCKER_IO = "docker.io"
ALSO_DOCKER_IO = ("index.docker.io", "registry-1.docker.io")
"""Other hosts in an image's name that mean the same."""
MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""What a tag may stand for: an image for many kinds of machine, or for one."""
REMEDY = "push it or correct its version in {file}"
STACK_FILE = "Pulumi.<environment>.yaml"
ANSWER_SECONDS = 20
ATTEMPTS = 5
RETRY_SECONDS_FIRST, RETRY_SECONDS_MAX = 1.0, 30.0
AT_ONCE = 8
"""How many images are asked for at the same time; Docker Hub does not count such questions as pulls, but limits their rate."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PARAMETER = re.compile(r'([a-z_]+)="([^"]*)"')
_LOOPBACK = re.compile(r"(localhost|127(\.[0-9]{1,3}){3})(:[0-9]+)?")


@dataclass(frozen=True)
class Credentials:
    """Who asks the registry of docker.io's images, where some of these are private."""

    user: str
    password: str = field(repr=False)

    @property
    def header(self) -> dict[str, str]:
        """How a request says them."""
        return {"Authorization": f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"}


@dataclass(frozen=True)
class ImageName:
    """An image's name in its parts."""

    host: str
    """The registry's: `docker.io`, `ghcr.io`, `localhost:5000`."""
    repository: str
    """Its path there: `library/alpine`."""
    tag: str
    digest: str
    """Empty where the name has none."""

    @classmethod
    def parse(cls, image: str) -> ImageName:
        """Take a name apart as docker does (https://pkg.go.dev/github.com/distribution/reference)."""
        named, _, digest = image.partition("@")
        folder, slash, last = named.rpartition("/")
        last, _, tag = last.partition(":")
        first, _, rest = f"{folder}{slash}{last}".partition("/")
        if rest and ("." in first or ":" in first or first == "localhost"):
            host, repository = first, rest
        else:
            host, repository = DOCKER_IO, f"{folder}{slash}{last}"
        if host in (DOCKER_IO, *ALSO_DOCKER_IO):
            host, repository = DOCKER_IO, repository if "/" in repository else f"library/{repository}"
        return cls(host, repository, tag or ("" if digest else "latest"), digest)


class _Missing(Exception):
    """The registry has no such image, or shows it to nobody who asks like this."""


class _Busy(Exception):
    """The registry wants to be asked again later."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"{answer.request.url} answered {answer.status_code} {answer.reason_phrase}")
        after = answer.headers.get("Retry-After", "")
        self.seconds = float(after) if after.isdecimal() else 0.0


def resolve(image: str, registry: str = DOCKER_HUB, auth: Credentials | None = None, *, file: str = STACK_FILE) -> str:
    """The name with the digest that its tag means now: `highstreetly/orders-api:1.4.0@sha256:…`; one that has a digest as it is.

    ``registry`` is asked for the images of docker.io, with ``auth`` if given; another host in the name is asked itself, without.
    Raises InputError when there is no such image (``file`` is where its version is written), PlatformError when the registry does not say.
    """
    return resolve_all({"": image}, registry, auth, file=file)[""]


def resolve_all(
    images: Mapping[str, str], registry: str = DOCKER_HUB, auth: Credentials | None = None, *, file: str = STACK_FILE
) -> dict[str, str]:
    """``resolve`` for the image of each workload; each distinct image is asked for once, several at the same time.

    Raises one InputError that names every image that is missing.
    """
    distinct = sorted(set(images.values()))
    with httpx.Client(timeout=ANSWER_SECONDS, follow_redirects=True) as client, ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        docker_io = _Registry(client, registry.rstrip("/"), auth)
        answers = dict(zip(distinct, pool.map(lambda image: _resolve(image, docker_io), distinct), strict=True))
    missing = [str(answer) for answer in answers.values() if isinstance(answer, _Missing)]
    if missing:
        what = missing[0] if len(missing) == 1 else f"{len(missing)} images are missing."
        raise InputError(what, why="\n".join(missing) if len(missing) > 1 else "", remedy=REMEDY.format(file=file))
    return {workload: str(answers[image]) for workload, image in images.items()}


def _resolve(image: str, docker_io: _Registry) -> str | _Missing:
    name = ImageName.parse(image)
    if name.digest:
        return image
    registry = docker_io if name.host == DOCKER_IO else _Registry(docker_io.client, _base(name.host), None)
    try:
        digest = registry.digest(name)
    except _Missing:
        return _Missing(f"There is no image {image} in {registry.base}.")
    except (httpx.HTTPError, httpx.InvalidURL, _Busy, ValueError) as error:
        raise PlatformError(
            f"{registry.base} does not say which image {image} is.",
            why=str(error) or type(error).__name__,
            remedy="check that the registry can be reached, then run the same command again",
        ) from error
    return f"{image if image.endswith(f':{name.tag}') else f'{image}:{name.tag}'}@{digest}"


def _base(host: str) -> str:
    """The API of another registry: HTTPS, but plain HTTP on this machine, as docker does."""
    return f"{'http' if _LOOPBACK.fullmatch(host) else 'https'}://{host}"


@dataclass(frozen=True)
class _Registry:
    """One registry's API and who asks it."""

    client: httpx.Client
    base: str
    auth: Credentials | None

    def digest(self, name: ImageName) -> str:
        """What a tag stands for; raises _Missing where there is none, ValueError for an answer that makes no sense."""
        url = f"{self.base}/v2/{name.repository}/manifests/{name.tag}"
        answer = self._manifest("HEAD", url, name)
        digest = answer.headers.get("Docker-Content-Digest", "")
        if not digest:  # the header is optional; the digest is that of the manifest's bytes
            digest = f"sha256:{hashlib.sha256(self._manifest('GET', url, name).content).hexdigest()}"
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{url} has the digest {digest!r}, not one of the form sha256:…")
        return str(digest)

    def _manifest(self, method: str, url: str, name: ImageName) -> httpx.Response:
        """Ask for a manifest, with a token where the registry wants one; raises _Missing."""
        headers = {"Accept": ", ".join(MANIFEST_TYPES)}
        answer = self._send(method, url, headers)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            answer = self._send(method, url, headers | self._authorization(answer.headers.get("WWW-Authenticate", ""), name))
        # Docker Hub, asked with a good token, calls a repository that is not there, or not this user's, Unauthorized.
        if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise _Missing
        return answer.raise_for_status()

    def _authorization(self, challenge: str, name: ImageName) -> dict[str, str]:
        """What the registry wants to be told (https://distribution.github.io/distribution/spec/auth/token/)."""
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic" and self.auth:
            return self.auth.header
        if scheme.lower() != "bearer":
            raise ValueError(f"it wants credentials ({challenge or 'it does not say which'})")
        parameters = dict(_PARAMETER.findall(rest))
        realm = parameters.get("realm", "")
        if self.base.startswith("https://") and not realm.startswith("https://"):
            raise ValueError(f"it wants a token from {realm!r}, on the way to which anybody could read the credentials")
        query = {"service": parameters.get("service", ""), "scope": parameters.get("scope", f"repository:{name.repository}:pull")}
        answer = self._send("GET", realm, self.auth.header if self.auth else {}, query)
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise ValueError(f"{realm} gives no token: {'the user or the password is wrong' if self.auth else 'it wants credentials'}")
        said = answer.raise_for_status().json()
        token = said.get("token") or said.get("access_token") if isinstance(said, dict) else None
        if not token:
            raise ValueError(f"{realm} answered without a token")
        return {"Authorization": f"Bearer {token}"}

    def _send(self, method: str, url: str, headers: Mapping[str, str], query: Mapping[str, str] | None = None) -> httpx.Response:
        """One request, again while the registry is busy or the network fails, a bounded number of times."""
        retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((_Busy, httpx.TransportError)),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=_pause_seconds,
            reraise=True,
        )

        def ask() -> httpx.Response:
            answer = self.client.request(method, url, headers=headers, params=query)
            if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
                raise _Busy(answer)
            return answer

        return retry(ask)


def _pause_seconds(state: tenacity.RetryCallState) -> float:
    """How long to wait: what the registry asks for, at least twice as long each time, and never half a minute."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.seconds if isinstance(error, _Busy) else 0.0
    return min(max(asked, RETRY_SECONDS_FIRST * 2.0 ** (state.attempt_number - 1)), RETRY_SECONDS_MAX)


__all__ = ["DOCKER_HUB", "MANIFEST_TYPES", "Credentials", "ImageName", "resolve", "resolve_all"]
