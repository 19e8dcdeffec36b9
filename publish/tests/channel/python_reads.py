"""Refreshes with python-tuf's client from a folder, and prints what its target says of itself.

Arguments: the folder of the repository, the client's own folder, the trusted root, the target, the time.
"""

import datetime
import json
import os
import sys
import urllib.parse

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.ngclient import FetcherInterface, Updater

repository, client, anchor, target, now = sys.argv[1:]


class Folder(FetcherInterface):
    def _fetch(self, url):
        path = os.path.join(repository, urllib.parse.unquote(url.removeprefix("folder:/")))
        try:
            with open(path, "rb") as file:
                yield file.read()
        except FileNotFoundError:
            raise DownloadHTTPError("not there", 404) from None


os.makedirs(os.path.join(client, "targets"), exist_ok=True)
with open(anchor, "rb") as file:
    bootstrap = file.read()
try:
    updater = Updater(
        client, "folder:/", os.path.join(client, "targets"), "folder:/", Folder(), bootstrap=bootstrap
    )
    # The client asks the machine for the time; the repository was written at a fixed one.
    updater._trusted_set.reference_time = datetime.datetime.fromisoformat(now)
    info = updater.get_targetinfo(target)
    if info is None:
        raise RepositoryError("no role names the target")
    path = updater.download_target(info)
    with open(path, "rb") as file:
        document = json.load(file)
except (RepositoryError, DownloadError) as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(1)
print(json.dumps({"summary": info.unrecognized_fields.get("custom") or info.custom, "document": document}))
