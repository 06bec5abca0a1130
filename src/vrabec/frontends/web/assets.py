"""Static files with hashes in their names, also where our modules import each other."""

from __future__ import annotations

from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage


class AssetStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Whitenoise's storage; `import "./cells.js"` becomes the hashed name, so all may be cached for ever."""

    support_js_module_import_aggregation = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._urls: dict[str, str] = {}

    def url(self, name: str, force: bool = False) -> str:
        """As the manifest says, which is read once; remembered, for each page asks for fifteen."""
        if name not in self._urls:
            self._urls[name] = super().url(name, force)
        return self._urls[name]
