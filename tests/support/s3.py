#!/usr/bin/env python3
"""A small S3 client of the tests' own, which shares no code with Headworks: buckets, objects and unfinished uploads.

usage: s3.py make-bucket BUCKET
       s3.py put FOLDER s3://BUCKET/PREFIX       every file below the folder, under its path relative to it
       s3.py get s3://BUCKET/PREFIX FOLDER       every object under the prefix, as a file
       s3.py list s3://BUCKET/PREFIX             one line of JSON: [{key, bytes, etag}]
       s3.py uploads s3://BUCKET/PREFIX          one line of JSON: [{key, upload_id, initiated}], the unfinished uploads
       s3.py remove s3://BUCKET/PREFIX           every object under the prefix

The server and the credentials come from AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Requests
are signed by Signature Version 4 and go to loopback addresses alone.
"""
import datetime
import hashlib
import hmac
import http.client
import json
import os
import sys
import urllib.parse
import xml.etree.ElementTree as tree
from pathlib import Path

REGION = os.environ.get("AWS_REGION", "us-east-1")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
REQUEST_WITHIN_S = 60


class Client:
    """One connection to one server."""

    def __init__(self):
        endpoint = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL_S3"])
        if endpoint.hostname not in LOOPBACK:
            sys.exit(f"s3.py: {endpoint.hostname} is not this machine: tests speak to servers of their own alone")
        self.host = endpoint.netloc
        self.access, self.secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        self.connection = http.client.HTTPConnection(endpoint.hostname, endpoint.port, timeout=REQUEST_WITHIN_S)

    def request(self, method: str, bucket: str, key: str = "", query: dict[str, str] | None = None,
                body: bytes = b"") -> bytes:
        """Sends one signed request. Returns the answer's body; ends the script for any status but 2xx."""
        path = urllib.parse.quote(f"/{bucket}/{key}" if key else f"/{bucket}")
        # The canonical form of Signature Version 4: sorted, and a space is %20.
        words = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in sorted((query or {}).items()))
        headers = self.signed_headers(method, path, words, body)
        self.connection.request(method, f"{path}?{words}" if words else path, body, headers)
        response = self.connection.getresponse()
        answer = response.read()
        if response.status // 100 != 2:
            sys.exit(f"s3.py: {method} {path}?{words}: {response.status} {answer.decode(errors='replace')}")
        return answer

    def signed_headers(self, method: str, path: str, words: str, body: bytes) -> dict[str, str]:
        now = datetime.datetime.now(datetime.timezone.utc)
        moment, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": self.host, "x-amz-content-sha256": digest, "x-amz-date": moment}
        names = ";".join(headers)
        canonical = "\n".join([method, path, words, *(f"{name}:{value}" for name, value in headers.items()), "",
                               names, digest])
        scope = f"{day}/{REGION}/s3/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{self.secret}".encode()
        for part in (day, REGION, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.access}/{scope}, SignedHeaders={names}, "
                                    f"Signature={signature}")
        return headers

    def pages(self, bucket: str, query: dict[str, str], marks: dict[str, str]):
        """Every page of a listing, as XML: `marks` says which element of a page becomes which word of the next query."""
        query = dict(query)
        while True:
            page = tree.fromstring(self.request("GET", bucket, query=query))
            yield page
            if text(page, "IsTruncated") != "true":
                return
            query |= {word: text(page, element) for element, word in marks.items()}

    def objects(self, bucket: str, prefix: str) -> list[dict]:
        found = []
        query = {"list-type": "2", "prefix": prefix}
        for page in self.pages(bucket, query, {"NextContinuationToken": "continuation-token"}):
            for entry in page.findall("{*}Contents"):
                found.append({"key": text(entry, "Key"), "bytes": int(text(entry, "Size")),
                              "etag": text(entry, "ETag").strip('"')})
        return sorted(found, key=lambda entry: entry["key"])

    def uploads(self, bucket: str, prefix: str) -> list[dict]:
        found = []
        marks = {"NextKeyMarker": "key-marker", "NextUploadIdMarker": "upload-id-marker"}
        for page in self.pages(bucket, {"uploads": "", "prefix": prefix}, marks):
            for entry in page.findall("{*}Upload"):
                found.append({"key": text(entry, "Key"), "upload_id": text(entry, "UploadId"),
                              "initiated": text(entry, "Initiated")})
        return sorted(found, key=lambda entry: (entry["key"], entry["upload_id"]))


def quoted(word: str) -> str:
    return urllib.parse.quote(word, safe="-_.~")


def text(element: tree.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""


def split(url: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc:
        sys.exit(f"s3.py: not s3://BUCKET/PREFIX: {url}")
    return parts.netloc, parts.path.lstrip("/")


def put(client: Client, folder: Path, url: str) -> None:
    bucket, prefix = split(url)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            key = "/".join(part for part in (prefix.rstrip("/"), path.relative_to(folder).as_posix()) if part)
            client.request("PUT", bucket, key, body=path.read_bytes())


def get(client: Client, url: str, folder: Path) -> None:
    bucket, prefix = split(url)
    for entry in client.objects(bucket, prefix):
        if not entry["key"].endswith("/"):
            path = folder / entry["key"][len(prefix):].lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(client.request("GET", bucket, entry["key"]))


def main() -> None:
    match sys.argv[1:]:
        case ["make-bucket", bucket]:
            Client().request("PUT", bucket)
        case ["put", folder, url]:
            put(Client(), Path(folder), url)
        case ["get", url, folder]:
            get(Client(), url, Path(folder))
        case ["list", url]:
            print(json.dumps(Client().objects(*split(url))))
        case ["uploads", url]:
            print(json.dumps(Client().uploads(*split(url))))
        case ["remove", url]:
            client, (bucket, prefix) = Client(), split(url)
            for entry in client.objects(bucket, prefix):
                client.request("DELETE", bucket, entry["key"])
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
