"""The objects of a bucket, as the state needs them: whole, and written on condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from ops.errors import PlatformError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

TIMEOUT_SECONDS = 2
"""How long a connection, and then an answer, may take; a lease is renewed each second."""
TRIES = 2
ABSENT = "nothing"
"""In place of an ETag: write only where there is no object."""
NOT_FOUND, PRECONDITION_FAILED = (404,), (409, 412)
"""409 is AWS's answer to the later of two conditional writes at the same moment
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html)."""
TRUE = ("true", "1")


@dataclass(frozen=True)
class StoredObject:
    """An object, and how old it is by the storage's own clock, which knows whole seconds."""

    content: bytes
    etag: str
    age_seconds: float


class Objects:
    """A bucket, or what lies below a prefix in it; everything raises PlatformError when the storage does not answer or refuses."""

    def __init__(self, client: Any, bucket: str, prefix: str, address: str) -> None:
        self.client = client
        self.bucket = bucket
        self.prefix = prefix
        self.address = address

    @classmethod
    def of(cls, url: str) -> Objects:
        """The bucket of a URL as the engine reads it: s3://BUCKET/PREFIX?region=…&endpoint=…&s3ForcePathStyle=true&disableSSL=true.

        Keys come from the environment, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, as the engine's do
        (https://www.pulumi.com/docs/iac/concepts/state-and-backends/, https://gocloud.dev/howto/blob/#s3-compatible).
        """
        import boto3  # a third of a second that other backends need not pay
        from botocore import config as settings

        parts = urlsplit(url)
        parameters = dict(parse_qsl(parts.query))
        path_style = _is_true(parameters, "s3ForcePathStyle", "use_path_style")
        config = settings.Config(
            connect_timeout=TIMEOUT_SECONDS,
            read_timeout=TIMEOUT_SECONDS,
            retries={"total_max_attempts": TRIES},
            s3={"addressing_style": "path" if path_style else "auto"},
            request_checksum_calculation="when_required",  # what is only compatible may not know AWS's newer checksums
        )
        endpoint = _endpoint(parameters)
        client = boto3.client("s3", region_name=parameters.get("region"), endpoint_url=endpoint, config=config)
        prefix = parts.path.strip("/")
        return cls(client, parts.netloc, f"{prefix}/" if prefix else "", f"{endpoint or 's3:/'}/{parts.netloc}")

    def keys(self, prefix: str) -> list[str]:
        """The keys that begin with ``prefix``, in their order."""
        pages = self.client.get_paginator("list_objects_v2")
        with self._told():
            found = [
                str(entry["Key"])
                for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix + prefix)
                for entry in page.get("Contents", [])
            ]
        return sorted(key.removeprefix(self.prefix) for key in found)

    def get(self, key: str) -> StoredObject | None:
        """An object; None without it."""
        from botocore.exceptions import ClientError

        with self._told():
            try:
                answer = self.client.get_object(Bucket=self.bucket, Key=self.prefix + key)
                content = answer["Body"].read()
            except ClientError as refused:
                if _status(refused) in NOT_FOUND and refused.response["Error"]["Code"] != "NoSuchBucket":
                    return None
                raise
        now: datetime = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return StoredObject(content, str(answer["ETag"]), (now - answer["LastModified"]).total_seconds())

    def put(self, key: str, content: bytes, *, instead_of: str = "") -> str:
        """Write an object, and return its ETag; with ``instead_of`` only in place of that ETag (or ABSENT), and "" when it is another."""
        from botocore.exceptions import ClientError

        condition = {"IfNoneMatch": "*"} if instead_of == ABSENT else {"IfMatch": instead_of} if instead_of else {}
        with self._told():
            try:
                return str(self.client.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=content, **condition)["ETag"])
            except ClientError as refused:
                if (
                    condition
                    and _status(refused) in (*PRECONDITION_FAILED, *NOT_FOUND)
                    and refused.response["Error"]["Code"] != "NoSuchBucket"
                ):
                    return ""
                raise

    def delete(self, key: str) -> None:
        """Delete an object; nothing happens without it."""
        with self._told():
            self.client.delete_object(Bucket=self.bucket, Key=self.prefix + key)

    @contextmanager
    def _told(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as failed:
            raise PlatformError(
                f"The state at {self.address} does not answer.", why=str(failed).strip(), remedy="see docs/runbooks/mend-state.md"
            ) from failed


def _status(refused: ClientError) -> int:
    return int(refused.response["ResponseMetadata"]["HTTPStatusCode"])


def _is_true(parameters: Mapping[str, str], *names: str) -> bool:
    return any(parameters.get(name, "").lower() in TRUE for name in names)


def _endpoint(parameters: Mapping[str, str]) -> str | None:
    endpoint = parameters.get("endpoint")
    if endpoint and "://" not in endpoint:
        scheme = "http" if _is_true(parameters, "disableSSL", "disable_https") else "https"
        return f"{scheme}://{endpoint}"
    return endpoint
