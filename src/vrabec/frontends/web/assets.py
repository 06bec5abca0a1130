"""Static files with hashes in their names, also where our modules import each other."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class AssetStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Whitenoise's storage; `import "./cells.js"` becomes the hashed name, so all may be cached for ever."""

    support_js_module_import_aggregation = True
